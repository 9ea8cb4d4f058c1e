"""Whether the alarms that watch the runner would reach somebody."""

from collections.abc import Iterator

from rotation.cli.failures import GENERIC, OK, code_of
from rotation.cli.preflight import Finding
from rotation.cli.session import Session
from rotation.errors import RotationError
from rotation.interfaces import AlarmFound, Scope, Watch
from rotation.policy import compile  # noqa: A004 -- the field's own word
from rotation.registry import installed


def watched(session: Session, *, drill: bool) -> Iterator[Finding]:
    """One finding for each alarm of each connection whose family has some."""
    configuration = session.configuration
    for scope in compile(configuration):
        family = configuration.connections[scope.connection].type
        if family in installed().names("watches"):
            yield from _of(session, scope, family, drill=drill)


def _of(session: Session, scope: Scope, family: str, *, drill: bool) -> Iterator[Finding]:
    watch: Watch = installed().load("watches", family)
    subject = f"alarms of {scope.connection}"
    if not scope.options.roles:
        yield subject, "no stack told of roles, so nothing watches them", OK, None, ""
        return
    try:
        for found in watch(scope, session.registry.connection(scope.connection), drill=drill):
            yield from _told(scope.connection, found)
    except RotationError as error:
        yield subject, error.message, code_of(error), error.code, error.hint


def _told(connection: str, found: AlarmFound) -> Iterator[Finding]:
    subject = f"alarm {found.name} of {connection} in {found.region}"
    for wrong in found.wrong:
        yield subject, wrong, GENERIC, "doctor.alarm", "run `pulumi up`, and confirm subscriptions"
    if not found.wrong:
        would = f"would reach {found.listeners} that confirmed"
        done = "; provoked just now: did it?" if found.drilled else f"; to try it: {found.drill}"
        yield subject, would + done, OK, None, ""
