"""What the permission sets really allow, compared with what the configuration needs."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from rotation.errors import RotationError
from rotation.interfaces import Preflight, Scope
from rotation.operations.findings import Finding, Grade, failed
from rotation.operations.installation import Installation
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.plan import PLANS
from rotation.plugins.registry import installed
from rotation.types import PermissionSet

EMERGENCY = (PermissionSet.CONTAIN,)


def permissions(
    here: Installation,
    names: Collection[str],
    sets: Collection[PermissionSet] = tuple(PermissionSet),
) -> Iterator[Finding]:
    """One finding for each connection that has roles, and one for each missing permission."""
    configuration = here.configuration
    # Only a family with a preflight is known to have roles.
    can_ask = installed().names("preflights")
    for scope in compile(configuration):
        family = configuration.connections[scope.connection].type
        needs = tuple(need for need in scope.needs if need.part.secret in names)
        if family in can_ask and needs and scope.options.roles:
            yield from _of(here, replace(scope, needs=needs), family, sets)


def _of(
    here: Installation, scope: Scope, family: str, sets: Collection[PermissionSet]
) -> Iterator[Finding]:
    check: Preflight = installed().load("preflights", family)
    subject = f"permissions of {scope.connection}"
    try:
        missing = list(check(scope, here.registry.connection(scope.connection), sets))
    except RotationError as error:
        yield failed(subject, error)
        return
    if not missing:
        asked = ", ".join(_set_names(set(scope.options.roles) & set(sets)))
        yield Finding(subject, f"every role can do what its steps need: {asked}")
    for each in missing:
        yield Finding(
            f"{each.secret}, {each.under}",
            f"may not {each.call} on {each.on}; needed by {', '.join(steps_under(each.under))}",
            Grade.DENIED,
            "doctor.permission",
            "run `pulumi up`, or compare with `rotation policy`",
        )


def _set_names(sets: Collection[str]) -> Iterator[str]:
    """The claim may be a person's task: not every family can check it with the runner's login."""
    yield from sorted(set(sets) - {PermissionSet.CLAIM})
    if PermissionSet.CLAIM in sets:
        yield "claim where this login may take it"


def steps_under(under: PermissionSet) -> list[str]:
    """The steps, of any plan, that make calls under that set."""
    rows = [row for plan in PLANS.values() for row in plan.rows]
    rows += [undo.row for plan in PLANS.values() for undo in plan.rollback]
    return list(dict.fromkeys(str(row.step) for row in rows if under in row.sets))
