"""The rows of each plan, and what undoes them."""

from dataclasses import replace

from rotation.plan.rules import PlanRules
from rotation.plan.steps import OnFailure, Per, Phase, Plan, Row, Step, Undo
from rotation.types import PermissionSet, Traits

OBSERVE, MINT, VERIFY, PROMOTE, DELIVER, PROVE, REVOKE, CONTAIN, CLAIM = PermissionSet

_CONTAINS = PlanRules(contains=True, risks_outage=True, promotion_is_final=True,
                      checks_drift=False, heeds_hold=False)
_REPLACES = PlanRules(replaces_dead=True, risks_outage=True, promotion_is_final=True)
_LEAPS = PlanRules(ends_current=True, risks_outage=True)


def _create(on_failure: OnFailure = OnFailure.ROLL_BACK) -> tuple[Row, ...]:
    return (
        Row(Phase.CREATE, Step.ISSUE, on_failure, (OBSERVE, MINT, PROMOTE, PROVE, REVOKE),
            effect=True, looks=True),
        Row(Phase.CREATE, Step.ACTIVATE, on_failure, (VERIFY, MINT), effect=True),
        Row(Phase.CREATE, Step.VERIFY, on_failure, (VERIFY, PROVE), successes=3),
        Row(Phase.PROPAGATE, Step.PROMOTE, on_failure, (VERIFY, PROMOTE),
            effect=True, windowed=True),
        Row(Phase.PROPAGATE, Step.DELIVER, OnFailure.WAIT, (DELIVER,),
            effect=True, per=Per.PUSHED_CONSUMER),
    )  # fmt: skip


_CONFIRM = Row(Phase.PROPAGATE, Step.CONFIRM, OnFailure.WAIT, (OBSERVE,), per=Per.CONSUMER)
_VERIFY_LIVE = Row(
    Phase.VERIFY, Step.VERIFY_LIVE, OnFailure.HOLD, (OBSERVE, VERIFY), per=Per.REGION
)
_INSPECT = Row(Phase.VERIFY, Step.INSPECT, OnFailure.HOLD, (OBSERVE, PROVE))
_DRAIN = Row(Phase.VERIFY, Step.DRAIN, OnFailure.HOLD, (OBSERVE,))
_SUSPEND = Row(
    Phase.REVOKE,
    Step.SUSPEND,
    OnFailure.HOLD,
    (OBSERVE, REVOKE),
    effect=True,
    looks=True,
    windowed=True,
)
_PROVE_OFF = Row(Phase.REVOKE, Step.PROVE_OFF, OnFailure.HOLD, (PROVE,), successes=2)
_SOAK = Row(Phase.REVOKE, Step.SOAK, OnFailure.HOLD, (OBSERVE,))
_DESTROY = Row(
    Phase.REVOKE,
    Step.DESTROY,
    OnFailure.KEEP_TRYING,
    (OBSERVE, PROVE, REVOKE),
    effect=True,
    looks=True,
    windowed=True,
)
_PROVE_DEAD = Row(
    Phase.REVOKE, Step.PROVE_DEAD, OnFailure.KEEP_TRYING, (PROVE, OBSERVE), successes=2
)
_TIDY = Row(Phase.REVOKE, Step.TIDY, OnFailure.KEEP_TRYING, (PROMOTE, OBSERVE), effect=True)

_REVOKE = (_DRAIN, _SUSPEND, _PROVE_OFF, _SOAK, _DESTROY, _PROVE_DEAD)


def _undo(
    step: Step, of: Step, *sets: PermissionSet, effect: bool = True, per: Per = Per.SECRET
) -> Undo:
    return Undo(Row(Phase.UNDO, step, OnFailure.HOLD, sets, effect=effect, per=per), of)


# Not the forward rows reversed: the label moves back before consumers are told, because readers
# of the store would fetch the new value again, and they confirm the old one before the new dies.
_ROLLBACK = (
    _undo(Step.RESUME_OLD, Step.SUSPEND, OBSERVE, REVOKE),
    _undo(Step.VERIFY_OLD, Step.PROMOTE, PROVE, effect=False),
    _undo(Step.DEMOTE, Step.PROMOTE, OBSERVE, PROMOTE),
    _undo(Step.DELIVER_OLD, Step.DELIVER, DELIVER, per=Per.PUSHED_CONSUMER),
    _undo(Step.CONFIRM_OLD, Step.PROMOTE, OBSERVE, effect=False, per=Per.CONSUMER),
    _undo(Step.SUSPEND_NEW, Step.ISSUE, OBSERVE, REVOKE),
    _undo(Step.DESTROY_NEW, Step.ISSUE, OBSERVE, VERIFY, REVOKE),
    _undo(Step.PROVE_NEW_DEAD, Step.ISSUE, VERIFY, effect=False),
    _undo(Step.DISCARD_NEW, Step.ISSUE, OBSERVE, PROMOTE),
)

ROUTINE = Plan("routine", PlanRules(ends_current=True, overlaps=True), (*_create(), _CONFIRM, _VERIFY_LIVE, *_REVOKE, _TIDY), _ROLLBACK)

_PLACE = Row(Phase.CREATE, Step.PLACE, OnFailure.HOLD, (OBSERVE, CLAIM, MINT), effect=True)
_CLAIM = Row(Phase.VERIFY, Step.CLAIM, OnFailure.HOLD, (CLAIM,), effect=True)
_RELABEL = Row(
    Phase.VERIFY, Step.RELABEL, OnFailure.HOLD, (OBSERVE, PROMOTE), effect=True, windowed=True
)

FIRST = Plan("first", PlanRules(makes_first=True), (_PLACE, *_create(), _CONFIRM, _VERIFY_LIVE, _TIDY), _ROLLBACK)
ADOPT = Plan("adopt", PlanRules(keeps_credential=True, adopts=True), (_INSPECT, _VERIFY_LIVE, _CLAIM))
# No later `issue` removes what earlier rotations left behind.
_TIDY_ALL = replace(_TIDY, sets=(OBSERVE, PROMOTE, PROVE, REVOKE))
RETIRE = Plan("retire", PlanRules(ends_current=True, retires=True), (*_REVOKE, _TIDY_ALL), _ROLLBACK[:1])
REPAIR = Plan("repair", PlanRules(keeps_credential=True), (_INSPECT, _RELABEL, _VERIFY_LIVE))

_MAKE_ROOM = Row(
    Phase.CREATE, Step.MAKE_ROOM, OnFailure.HOLD, (OBSERVE, REVOKE), effect=True, looks=True
)

# Contain first. Nothing waits for `confirm`; the proof that the old is off and the new one's way
# to the readers run beside each other.
_ISSUE, _ACTIVATE, _VERIFY, _PROMOTE, _DELIVER = _create(on_failure=OnFailure.HOLD)
_EMERGENCY = (
    Row(Phase.REVOKE, Step.EVIDENCE, OnFailure.HOLD, (OBSERVE,)),
    Row(Phase.REVOKE, Step.CONTAIN, OnFailure.HOLD, (OBSERVE, CONTAIN), effect=True),
    replace(_PROVE_OFF, on_failure=OnFailure.KEEP_TRYING),
    replace(_MAKE_ROOM, after=(Step.CONTAIN,)),
    _ISSUE,
    _ACTIVATE,
    _VERIFY,
    replace(_PROMOTE, windowed=False),
    _DELIVER,
    replace(_CONFIRM, after=(Step.DELIVER,)),
    replace(_VERIFY_LIVE, after=(Step.DELIVER,)),
    replace(_DESTROY, windowed=False, after=(Step.VERIFY_LIVE, Step.PROVE_OFF)),
    _PROVE_DEAD,
    Row(
        Phase.REVOKE,
        Step.SWEEP,
        OnFailure.KEEP_TRYING,
        (OBSERVE, CONTAIN, PROMOTE, REVOKE),
        effect=True,
    ),
    _TIDY,
)


# Only a person's `emergency cancel` starts it, and only while nothing was promoted or destroyed.
_CANCEL = (
    _undo(Step.RESUME_OLD, Step.CONTAIN, OBSERVE, REVOKE, CONTAIN),
    *(undo for undo in _ROLLBACK if undo.of is Step.ISSUE),
)

COMPROMISED = Plan("compromised", _CONTAINS, _EMERGENCY, _CANCEL)

# Readers are without a working credential already, so nothing is drained or soaked, and what is left
# of the old one is removed only where it is off for good; else the next `issue` removes it, carefully.
_FIND_DEAD = Row(Phase.VERIFY, Step.FIND_DEAD, OnFailure.HOLD, (OBSERVE, PROVE, CLAIM))
REPLACE = Plan(
    "replace",
    _REPLACES,
    (
        _FIND_DEAD,
        _MAKE_ROOM,
        _ISSUE,
        _ACTIVATE,
        _VERIFY,
        replace(_PROMOTE, windowed=False),
        _DELIVER,
        _CONFIRM,
        _VERIFY_LIVE,
        replace(_DESTROY, windowed=False),
        _PROVE_DEAD,
        _TIDY,
    ),
    tuple(undo for undo in _ROLLBACK if undo.of is Step.ISSUE),
)

# What was contained is not what readers use: nothing has to be replaced.
CONTAIN_ONLY = Plan(
    "compromised",
    _CONTAINS,
    tuple(
        replace(row, after=None)
        for row in COMPROMISED.rows
        if row.step
        in (Step.EVIDENCE, Step.CONTAIN, Step.DESTROY, Step.PROVE_DEAD, Step.SWEEP, Step.TIDY)
    ),
    _CANCEL[:1],
)

# `resolve --accept-current`: what is current is the new baseline; consumers are given it, and only
# then what we minted meanwhile goes.
ACCEPT = (
    replace(_INSPECT, phase=Phase.UNDO),
    *(undo.row for undo in _ROLLBACK if undo.row.step in (Step.DELIVER_OLD, Step.CONFIRM_OLD)),
    *(undo.row for undo in _ROLLBACK if undo.of is Step.ISSUE),
)

# No overlap: one credential, and the new one kills the old one. Once that was intended there is
# only forward, and what readers get follows at once; so there is nothing to drain, suspend, soak
# or destroy, and the way back ends where the old one dies.
_FORWARD = (
    replace(_VERIFY, on_failure=OnFailure.KEEP_TRYING),
    replace(_PROMOTE, on_failure=OnFailure.KEEP_TRYING, windowed=False),
    _DELIVER,
    _CONFIRM,
    replace(_VERIFY_LIVE, on_failure=OnFailure.KEEP_TRYING),
    _PROVE_DEAD,
    _TIDY,
)

_LEAP = replace(_ACTIVATE, on_failure=OnFailure.KEEP_TRYING, sets=(OBSERVE, VERIFY, MINT, PROVE),
                looks=True, windowed=True)  # fmt: skip

IN_PLACE = Plan(
    "in-place",
    _LEAPS,
    (
        replace(_ISSUE, on_failure=OnFailure.ROLL_BACK),
        _LEAP,
        *_FORWARD,
    ),
    tuple(undo for undo in _ROLLBACK if undo.row.step is Step.DISCARD_NEW),
)

DELEGATED = Plan(
    "delegated",
    _LEAPS,
    (replace(_ISSUE, on_failure=OnFailure.KEEP_TRYING, windowed=True), *_FORWARD),
)

_REPLACE_IN_PLACE = Plan(
    "replace",
    _REPLACES,
    (
        _FIND_DEAD,
        replace(_ISSUE, on_failure=OnFailure.KEEP_TRYING),
        replace(_ACTIVATE, on_failure=OnFailure.KEEP_TRYING),
        *_FORWARD,
    ),
    IN_PLACE.rollback,
)

URGENT = frozenset({Step.EVIDENCE, Step.CONTAIN})
"""What leaked works until these are done: they are tried again soon, and for ever."""

# The leaked bytes are contained by new ones in their place: nothing else ends them.
_SWITCHES = (Step.CONTAIN, Step.PROVE_OFF, Step.MAKE_ROOM, Step.DESTROY)
_REPLACED = Plan("compromised", _CONTAINS, tuple(row for row in _EMERGENCY if row.step not in _SWITCHES))

_ALL = (ROUTINE, FIRST, ADOPT, RETIRE, REPAIR, REPLACE, COMPROMISED, IN_PLACE, DELEGATED)
PLANS = {plan.name: plan for plan in _ALL}


def plan_for(plan: Plan, traits: Traits) -> Plan:
    """What that plan is at an issuer with these traits."""
    if traits.overlap:
        return plan
    if plan.name == "routine":
        return IN_PLACE if traits.origin == "chosen" else DELEGATED
    if plan.name == "replace":
        return _REPLACE_IN_PLACE
    return _REPLACED if plan.name == "compromised" else plan


def rules_of(name: str | None) -> PlanRules:
    """Of the plan of that name. Of none, or of one that this version does not know, those of a plan
    without any: what is open under such a name is Held."""
    return PLANS[name].rules if name in PLANS else PlanRules()
