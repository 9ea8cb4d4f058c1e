"""`handover`: the tool's own login is changed by a person, never by a process that depends on it.

Two connections to the same place stand in the configuration, the one in use and one with the new
login. The new one is proven by a whole rotation; a person then swaps the two entries and destroys
the old login, and is told whether it is dead.
"""

from dataclasses import asdict
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.connections import Login, ask
from rotation.cli.failures import GENERIC, OK
from rotation.cli.opening import carry_out
from rotation.cli.options import known_connections, known_names
from rotation.cli.say import as_json, note, plain, result
from rotation.cli.session import Session, open_session
from rotation.errors import LoginRefused, PolicyRefusal, RotationError, UnknownName, Usage
from rotation.operations.opening import is_open, open_rotation
from rotation.types import Facts


@verb(
    "handover",
    "handover aws --to aws-next --canary demo-token",
    "handover aws-old --dead",
)
@click.argument("connection", shell_complete=known_connections)
@click.option(
    "--to",
    "successor",
    metavar="CONNECTION",
    help="The one with the new login.",
    shell_complete=known_connections,
)
@click.option(
    "--canary", metavar="SECRET", help="Rotated as a whole with the new login alone.",
    shell_complete=known_names,
)  # fmt: skip
@click.option("--dead", is_flag=True, help="Show that this connection's login is refused.")
def handover(connection: str, *, successor: str | None, canary: str | None, dead: bool) -> int:
    """Change what the tool itself logs in with: proven first, then the old one dies.

    Declare a second connection to the same place with the new login. --to proves the new one by a
    whole rotation of --canary, a secret of that connection which nobody would miss. Then swap the
    two in the configuration, destroy the old login by hand, and let --dead show that it is refused.
    """
    if dead:
        return _show_dead(connection)
    if successor is None or canary is None:
        raise Usage(
            "handover.incomplete",
            "a handover needs --to CONNECTION and --canary SECRET, or --dead",
            "`rotation handover --help` has an example",
        )
    return _prove(connection, successor, canary)


def _prove(old: str, new: str, canary: str) -> int:
    with open_session(effectful=True, logins={old: new}) as session:
        _check_pair(session, old, new)
        entry = session.entry(canary)
        _check_canary(session, canary, old)
        before, after = _login(old), ask(session, new)
        if after.error is not None:
            raise after.error
        _check_other(before, after)
        facts: Facts = {"connection": old, "login": after.own.id if after.own else None}
        open_rotation(session, entry, "routine", trigger="handover", facts=facts)
        code = carry_out(session, {entry.stream: entry.id}, wait=True, here=True)
    if code != OK:
        note(f"the new login is not proven; {old} is as it was")
        return code
    _tell_proven(old, new, before, after)
    return OK


def _login(name: str) -> Login:
    """With its own login, not with its successor's."""
    with open_session(effectful=False) as session:
        return ask(session, name)


def _check_pair(session: Session, old: str, new: str) -> None:
    declared = session.configuration.connections
    for name in (old, new):
        if name not in declared:
            raise _no_connection(session, name)
    first, second = declared[old], declared[new]
    differing = first.type != second.type or _target(first.options) != _target(second.options)
    if differing or old == new:
        raise Usage(
            "handover.other-place",
            f"{old} and {new} do not lead to the same place; nothing was done",
            "a successor differs in what it logs in with, and in nothing else",
        )


def _no_connection(session: Session, name: str) -> UnknownName:
    return UnknownName(
        "handover.no-connection",
        f"there is no connection {name}; nothing was done",
        f"the configuration has {', '.join(session.configuration.connections) or 'none'}",
    )


def _target(options: Any) -> dict[str, Any]:
    login = type(options).LOGIN
    return {name: value for name, value in asdict(options).items() if name not in login}


def _check_canary(session: Session, canary: str, connection: str) -> None:
    spec = session.specification(canary)
    plugins = (spec.issuer, spec.store, spec.probe)
    if not any(part and part.options.get("connection") == connection for part in plugins):
        raise Usage(
            "handover.other-canary",
            f"{canary} does not use the connection {connection}; nothing was done",
            "name a secret that does",
        )
    if is_open(session, session.entry(canary).stream):
        raise PolicyRefusal(
            "handover.canary-open",
            f"{canary} has an open rotation, which began with the old login; nothing was done",
            f"let it end, or name another canary: rotation status {canary}",
        )
    if session.live_runner() is not None:
        raise PolicyRefusal(
            "handover.serve-alive",
            "a live `serve` would take part in the rotation with the old login; nothing was done",
            "stop it until the two connections are swapped",
        )


def _check_other(before: Login, after: Login) -> None:
    old, new = before.own, after.own
    if old is not None and new is not None and old.id is not None and old.id == new.id:
        raise Usage(
            "handover.same-login",
            f"{before.name} and {after.name} log in with the same {old.kind} {old.id}",
            "give the successor a login of its own",
        )


def _tell_proven(old: str, new: str, before: Login, after: Login) -> None:
    dying = f"{before.own.kind} {before.own.id or ''}".strip() if before.own else "the old login"
    steps = [
        f"in the configuration, let {old} have the login of {new}, and {new} that of {old}",
        "start `rotation serve` again, and wait until its next rotation is done",
        f"destroy {dying} where it was made, with your own rights",
        f"rotation handover {new} --dead",
    ]
    if settings().output == "json":
        proven = after.own.id if after.own else None
        content = {"connection": old, "successor": new, "proven": proven, "next": steps}
        as_json("handover", content)
        return
    result(f"proven: {new} carried out a whole rotation, and {old} took no part in it")
    for number, step in enumerate(steps, 1):
        result(f"  {number}. {plain(step)}")


def _show_dead(name: str) -> int:
    with open_session(effectful=False) as session:
        if name not in session.configuration.connections:
            raise _no_connection(session, name)
        login = ask(session, name)
    if isinstance(login.error, LoginRefused):
        _tell_death(name, "proved")
        return OK
    if login.error is not None:
        raise login.error
    if login.own is not None and login.own.accepted is None:
        _tell_death(name, "unknown: nothing can be asked there")
        return GENERIC
    raise RotationError(
        "handover.still-alive",
        f"the login of {name} is still accepted",
        "destroy it where it was made; some services need minutes to notice",
    )


def _tell_death(name: str, grade: str) -> None:
    if settings().output == "json":
        as_json("handover", {"connection": name, "death": grade})
    else:
        result(
            f"the login of {name} is dead ({grade})" if grade == "proved" else f"{name}: {grade}"
        )
