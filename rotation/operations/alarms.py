"""Whether the alarms that watch the runner would reach somebody."""

from collections.abc import Iterator
from dataclasses import replace

from rotation.errors import RotationError
from rotation.interfaces import AlarmCheck, AlarmFound, Scope
from rotation.operations.findings import Finding, Grade, failed
from rotation.operations.installation import Installation
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.plugins.registry import installed


def watched(here: Installation, *, drill: bool) -> Iterator[Finding]:
    """One finding for each alarm of each connection whose family has alarms."""
    configuration = here.configuration
    for scope in compile(configuration):
        family = configuration.connections[scope.connection].type
        if family in installed().names("watches"):
            yield from _of(here, scope, family, drill=drill)


def _of(here: Installation, scope: Scope, family: str, *, drill: bool) -> Iterator[Finding]:
    watch: AlarmCheck = installed().load("watches", family)
    subject = f"alarms of {scope.connection}"
    if not scope.options.roles:
        yield Finding(subject, "no stack set roles, so nothing watches them")
        return
    try:
        for found in watch(scope, here.registry.connection(scope.connection), drill=drill):
            yield from _findings(scope.connection, found)
    except RotationError as error:
        yield failed(subject, error)


def _findings(connection: str, found: AlarmFound) -> Iterator[Finding]:
    subject = f"alarm {found.name} of {connection} in {found.region}"
    for wrong in found.wrong:
        finding = Finding(
            subject,
            wrong,
            Grade.WRONG,
            "doctor.alarm",
            "run `pulumi up`, and confirm subscriptions",
        )
        yield replace(finding, next=found.leads_on) if found.leads_on else finding
    if not found.wrong:
        would = f"would reach {found.listeners} that confirmed"
        done = "; provoked just now: did it?" if found.drilled else f"; to try it: {found.drill}"
        yield Finding(subject, would + done)
