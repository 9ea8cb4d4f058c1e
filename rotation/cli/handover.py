"""`handover`: a person changes the tool's own login; no process that depends on it does.

The configuration has two connections to the same place: the one in use, and one with the new login.
A whole rotation proves the new one. A person then swaps the two entries and destroys the old login,
and `--dead` shows whether it is dead.
"""

import click

from rotation.cli.app import settings, verb
from rotation.cli.carry_out import carry_out
from rotation.cli.failures import GENERIC, OK
from rotation.cli.options import known_connections, known_names
from rotation.cli.output import as_json, note, plain, result
from rotation.cli.session import open_session
from rotation.errors import UsageError
from rotation.operations.handover import is_proved_dead, login_of, open_proof, refuse_unfit
from rotation.operations.logins import Login, ask


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
        raise UsageError(
            "handover.incomplete",
            "a handover needs --to CONNECTION and --canary SECRET, or --dead",
            "`rotation handover --help` has an example",
        )
    return _prove(connection, successor, canary)


def _prove(old: str, new: str, canary: str) -> int:
    with open_session(effectful=True, logins={old: new}) as session:
        refuse_unfit(session, old, new, canary)
        before, after = _login(old), ask(session, new)
        stream = open_proof(session, canary, before, after)
        code = carry_out(session, {stream: canary}, wait=True, here=True)
    if code != OK:
        note(f"the new login is not proven; {old} is as it was")
        return code
    _print_proven(old, new, before, after)
    return OK


def _login(name: str) -> Login:
    """Logs in with the connection's own login, not with its successor's."""
    with open_session(effectful=False) as session:
        return ask(session, name)


def _print_proven(old: str, new: str, before: Login, after: Login) -> None:
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
        login = login_of(session, name)
    if is_proved_dead(login):
        _print_death(name, "proved")
        return OK
    _print_death(name, "unknown: nothing can be asked there")
    return GENERIC


def _print_death(name: str, grade: str) -> None:
    if settings().output == "json":
        as_json("handover", {"connection": name, "death": grade})
    else:
        result(
            f"the login of {name} is dead ({grade})" if grade == "proved" else f"{name}: {grade}"
        )
