"""Who may do what to the credentials: as the configuration compiles it, as the services say it is, and
whether it was used."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rotation.interfaces import Scope
from rotation.operations.findings import Finding
from rotation.operations.installation import Installation
from rotation.operations.inventory import Line
from rotation.operations.preflight import permissions, steps_under
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.permissions.compiler import renderer_of
from rotation.plugins.registry import installed
from rotation.types import PermissionSet

DOES: Mapping[PermissionSet, str] = {
    PermissionSet.OBSERVE: "sees names, ages and labels",
    PermissionSet.MINT: "makes credentials and writes them into the store",
    PermissionSet.VERIFY: "reads a new credential and logs in with it",
    PermissionSet.PROMOTE: "moves the label that readers follow",
    PermissionSet.DELIVER: "reads the current credential and hands it to consumers",
    PermissionSet.PROVE: "logs in with a credential that should be dead",
    PermissionSet.REVOKE: "switches credentials off and destroys them",
    PermissionSet.CONTAIN: "switches credentials off in an emergency",
    PermissionSet.CLAIM: "marks whose a secret is",
}
"""What a holder of the set can do to a secret, in a reviewer's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One permission set on one connection. holder: the role; without one, the connection's login.
    used: whether a step of it was done lately; None where no step of a rotation needs it."""

    connection: str
    under: PermissionSet
    holder: str
    calls: tuple[str, ...]
    secrets: tuple[str, ...]
    used: bool | None

    @property
    def does(self) -> str:
        return DOES[self.under]


def granted(here: Installation, lines: Sequence[Line], since: datetime) -> Iterator[Access]:
    """As the configuration compiles it. since: used from then on."""
    streams = {line.secret: line.stream for line in lines}
    done = here.records.done_steps(since)
    for scope in compile(here.configuration):
        calls = _calls(here, scope)
        for under in PermissionSet:
            secrets = sorted({n.part.secret for n in scope.needs if n.under is under})
            if secrets:
                yield Access(
                    connection=scope.connection,
                    under=under,
                    holder=_holder(scope, under),
                    calls=tuple(sorted(calls.get(under, ()))),
                    secrets=tuple(secrets),
                    used=_is_used(under, {streams.get(name) for name in secrets}, done),
                )


def as_found(here: Installation, names: Collection[str]) -> list[Finding]:
    """As the services say it is; asks each of them. Whether anybody else may do the same is not
    asked: a policy outside of this installation is none that it could know."""
    return list(permissions(here, names))


def _calls(here: Installation, scope: Scope) -> dict[PermissionSet, set[str]]:
    renderer = renderer_of(installed(), here.configuration.connections[scope.connection].type)
    found: dict[PermissionSet, set[str]] = {}
    for call in renderer.calls(scope):
        found.setdefault(call.under, set()).add(call.call)
    return found


def _holder(scope: Scope, under: PermissionSet) -> str:
    role = scope.options.roles.get(under)
    return str(role) if role else f"the login of connection {scope.connection}"


def _is_used(
    under: PermissionSet, streams: Collection[str | None], done: set[tuple[str, str]]
) -> bool | None:
    steps = set(steps_under(under))
    if not steps:
        return None
    return any(stream in streams and step in steps for stream, step in done)
