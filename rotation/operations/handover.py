"""Replaces the tool's own login, which a person changes: a whole rotation proves the new one, and a
refused login shows that the old one is dead."""

from typing import Any

from rotation.errors import LoginRefused, PolicyRefusal, RotationError, UnknownName, UsageError
from rotation.journal.facts import Opened
from rotation.operations.installation import Installation
from rotation.operations.logins import Login, ask
from rotation.operations.opening import is_open, open_rotation
from rotation.options import ConnectionOptions, values
from rotation.plugins.registry import installed, parts_of


def refuse_unfit(here: Installation, old: str, new: str, canary: str) -> None:
    """Checked before anybody logs in."""
    _check_pair(here, old, new)
    _check_canary(here, canary, old)


def open_proof(here: Installation, canary: str, before: Login, after: Login) -> str:
    """Opens a rotation of the canary that uses only the new login; `here` must be logged in with
    it. Returns the stream."""
    if after.error is not None:
        raise after.error
    _check_other(before, after)
    entry = here.entry(canary)
    login = after.own.id if after.own else None
    said = Opened(connection=before.name, login=login)
    open_rotation(here, entry, "routine", trigger="handover", said=said)
    return entry.stream


def _check_pair(here: Installation, old: str, new: str) -> None:
    declared = here.configuration.connections
    for name in (old, new):
        if name not in declared:
            raise _no_connection(here, name)
    first, second = declared[old], declared[new]
    differing = first.type != second.type or _target(first.options) != _target(second.options)
    if differing or old == new:
        raise UsageError(
            "handover.other-place",
            f"{old} and {new} do not lead to the same place; nothing was done",
            "a successor may differ only in its login",
        )


def _no_connection(here: Installation, name: str) -> UnknownName:
    return UnknownName(
        "handover.no-connection",
        f"there is no connection {name}; nothing was done",
        f"the configuration has {', '.join(here.configuration.connections) or 'none'}",
    )


def _target(options: ConnectionOptions) -> dict[str, Any]:
    return {name: value for name, value in values(options) if name not in options.LOGIN}


def _check_canary(here: Installation, canary: str, connection: str) -> None:
    spec = here.specification(canary)
    used = [installed().read_back(*part).connection for part in parts_of(spec)]
    if connection not in used:
        raise UsageError(
            "handover.other-canary",
            f"{canary} does not use the connection {connection}; nothing was done",
            "name a secret that does",
        )
    if is_open(here, here.entry(canary).stream):
        raise PolicyRefusal(
            "handover.canary-open",
            f"{canary} has an open rotation, which began with the old login; nothing was done",
            f"let it end, or name another canary: rotation status {canary}",
        )
    if here.live_runner() is not None:
        raise PolicyRefusal(
            "handover.serve-alive",
            "a live `serve` would take part in the rotation with the old login; nothing was done",
            "stop it until the two connections are swapped",
        )


def _check_other(before: Login, after: Login) -> None:
    old, new = before.own, after.own
    if old is not None and new is not None and old.id is not None and old.id == new.id:
        raise UsageError(
            "handover.same-login",
            f"{before.name} and {after.name} log in with the same {old.kind} {old.id}",
            "give the successor its own login",
        )


def login_of(here: Installation, name: str) -> Login:
    if name not in here.configuration.connections:
        raise _no_connection(here, name)
    return ask(here, name)


def is_proved_dead(login: Login) -> bool:
    """Whether its service refused it; False where the service cannot be asked. Raises where the
    login is still accepted, or nothing answered."""
    if isinstance(login.error, LoginRefused):
        return True
    if login.error is not None:
        raise login.error
    if login.own is not None and login.own.accepted is None:
        return False
    raise RotationError(
        "handover.still-alive",
        f"the login of {login.name} is still accepted",
        "destroy it where it was made; some services need minutes to notice",
    )
