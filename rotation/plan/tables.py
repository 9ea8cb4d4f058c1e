"""The steps, and the table of each plan: one row per line, done from top to bottom."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from rotation.plan.rules import PlanRules
from rotation.plan.words import Gate, Needs, OnFailure, Per, Phase
from rotation.types import PermissionSet, Traits

OBSERVE, MINT, VERIFY, PROMOTE, DELIVER, PROVE, REVOKE, CONTAIN, CLAIM = PermissionSet
ROLL_BACK, WAIT, HOLD, KEEP_TRYING = OnFailure
WINDOW, BY_HAND = Gate


class Step(StrEnum):
    PLACE = "place"  # an empty secret holds a marked placeholder
    ISSUE = "issue"  # a new instance exists and its bytes are staged as pending
    ACTIVATE = "activate"  # the service accepts it (values chosen by us)
    VERIFY = "verify"  # real logins with the staged version, and a wrong one that fails
    PROMOTE = "promote"  # pending is current, compare-and-set
    DELIVER = "deliver"  # a consumer that is pushed has it
    CONFIRM = "confirm"  # there is evidence that a consumer moved
    VERIFY_LIVE = "verify-live"  # the promoted version logs in, read as consumers read it
    DRAIN = "drain"  # grace is over and the old instance is quiet
    SUSPEND = "suspend"  # the old instance is off, reversibly
    PROVE_OFF = "prove-off"  # logins with the suspended one fail
    SOAK = "soak"  # it stays off and nobody complains
    DESTROY = "destroy"  # the old instance is gone: the only irreversible step
    PROVE_DEAD = "prove-dead"  # its death is proved or asserted
    TIDY = "tidy"  # no leftover label of this rotation, the listing is as recorded
    RESUME_OLD = "resume-old"
    VERIFY_OLD = "verify-old"
    DEMOTE = "demote"
    DELIVER_OLD = "deliver-old"
    CONFIRM_OLD = "confirm-old"
    SUSPEND_NEW = "suspend-new"
    DESTROY_NEW = "destroy-new"
    PROVE_NEW_DEAD = "prove-new-dead"
    DISCARD_NEW = "discard-new"
    INSPECT = "inspect"  # what is there is what the configuration says
    CLAIM = "claim"  # the world says that this installation owns it
    RELABEL = "relabel"  # leftover labels are gone
    FIND_DEAD = "find-dead"  # the current credential is dead: gone, off, ended, refused or lost
    EVIDENCE = "evidence"  # what a containment erases is on record
    CONTAIN = "contain"  # every instance in scope is off
    MAKE_ROOM = "make-room"  # the issuer has a free slot
    SWEEP = "sweep"  # nothing came back, no copy of the old bytes is labelled


@dataclass(frozen=True, slots=True)
class Row:
    """What a step does, and how a plan uses it."""

    step: Step
    past: str  # the event once it is done
    phase: Phase
    sets: tuple[PermissionSet, ...]
    effect: bool = False  # it changes the world, so a durable intent comes first
    looks: bool = False  # it reads the world before the intent, which records what it saw
    successes: int = 1  # how many logins must agree
    per: Per = Per.SECRET
    needs: tuple[Needs, ...] = ()
    on_failure: OnFailure = HOLD
    gates: tuple[Gate, ...] = ()
    after: tuple[Step, ...] | None = None  # the steps that it waits for; None: the row before it


@dataclass(frozen=True, slots=True)
class Undo:
    """A row of a rollback; left out where no row of the step `of` was ever intended."""

    row: Row
    of: Step


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    rules: PlanRules
    rows: tuple[Row, ...]
    rollback: tuple[Undo, ...] = ()
    version: int = 1


# A step's properties in any plan. The plan says what its failure leads to and what it waits for.
STEPS = {row.step: row for row in (
    Row(Step.PLACE,          "placed",           Phase.CREATE,    (OBSERVE, CLAIM, MINT), effect=True),
    Row(Step.MAKE_ROOM,      "room-made",        Phase.CREATE,    (OBSERVE, REVOKE), effect=True, looks=True, needs=(Needs.LIMIT,)),
    Row(Step.ISSUE,          "issued",           Phase.CREATE,    (OBSERVE, MINT, PROMOTE, PROVE, REVOKE), effect=True, looks=True),
    Row(Step.ACTIVATE,       "activated",        Phase.CREATE,    (VERIFY, MINT), effect=True, needs=(Needs.CHOSEN,)),
    Row(Step.VERIFY,         "verified",         Phase.CREATE,    (VERIFY, PROVE), successes=3, needs=(Needs.PROBE,)),
    Row(Step.PROMOTE,        "promoted",         Phase.PROPAGATE, (VERIFY, PROMOTE), effect=True),
    Row(Step.DELIVER,        "delivered",        Phase.PROPAGATE, (DELIVER,), effect=True, per=Per.PUSHED_CONSUMER),
    Row(Step.CONFIRM,        "confirmed",        Phase.PROPAGATE, (OBSERVE,), per=Per.CONSUMER),
    Row(Step.FIND_DEAD,      "found-dead",       Phase.VERIFY,    (OBSERVE, PROVE, CLAIM)),
    Row(Step.INSPECT,        "inspected",        Phase.VERIFY,    (OBSERVE, PROVE)),
    Row(Step.RELABEL,        "relabelled",       Phase.VERIFY,    (OBSERVE, PROMOTE), effect=True),
    Row(Step.VERIFY_LIVE,    "live-verified",    Phase.VERIFY,    (OBSERVE, VERIFY), per=Per.REGION, needs=(Needs.PROBE,)),
    Row(Step.CLAIM,          "claimed",          Phase.VERIFY,    (CLAIM,), effect=True),
    Row(Step.DRAIN,          "drained",          Phase.VERIFY,    (OBSERVE,)),
    Row(Step.EVIDENCE,       "evidence-saved",   Phase.REVOKE,    (OBSERVE,)),
    Row(Step.CONTAIN,        "contained",        Phase.REVOKE,    (OBSERVE, CONTAIN), effect=True),
    Row(Step.SUSPEND,        "suspended",        Phase.REVOKE,    (OBSERVE, REVOKE), effect=True, looks=True, needs=(Needs.SUSPEND,)),
    Row(Step.PROVE_OFF,      "off-proved",       Phase.REVOKE,    (PROVE,), successes=2, needs=(Needs.SUSPEND, Needs.PROBE)),
    Row(Step.SOAK,           "soaked",           Phase.REVOKE,    (OBSERVE,), needs=(Needs.SUSPEND,)),
    Row(Step.DESTROY,        "destroyed",        Phase.REVOKE,    (OBSERVE, PROVE, REVOKE), effect=True, looks=True),
    Row(Step.PROVE_DEAD,     "death-proved",     Phase.REVOKE,    (PROVE, OBSERVE), successes=2),
    Row(Step.SWEEP,          "swept",            Phase.REVOKE,    (OBSERVE, CONTAIN, PROMOTE, REVOKE), effect=True),
    Row(Step.TIDY,           "tidied",           Phase.REVOKE,    (PROMOTE, OBSERVE), effect=True),
    Row(Step.RESUME_OLD,     "old-resumed",      Phase.UNDO,      (OBSERVE, REVOKE), effect=True, needs=(Needs.SUSPEND,)),
    Row(Step.VERIFY_OLD,     "old-verified",     Phase.UNDO,      (PROVE,), needs=(Needs.PROBE,)),
    Row(Step.DEMOTE,         "demoted",          Phase.UNDO,      (OBSERVE, PROMOTE), effect=True),
    Row(Step.DELIVER_OLD,    "old-delivered",    Phase.UNDO,      (DELIVER,), effect=True, per=Per.PUSHED_CONSUMER),
    Row(Step.CONFIRM_OLD,    "old-confirmed",    Phase.UNDO,      (OBSERVE,), per=Per.CONSUMER),
    Row(Step.SUSPEND_NEW,    "new-suspended",    Phase.UNDO,      (OBSERVE, REVOKE), effect=True, needs=(Needs.SUSPEND, Needs.OVERLAP)),
    Row(Step.DESTROY_NEW,    "new-destroyed",    Phase.UNDO,      (OBSERVE, VERIFY, REVOKE), effect=True, needs=(Needs.OVERLAP,)),
    Row(Step.PROVE_NEW_DEAD, "new-death-proved", Phase.UNDO,      (VERIFY,), needs=(Needs.OVERLAP,)),
    Row(Step.DISCARD_NEW,    "new-discarded",    Phase.UNDO,      (OBSERVE, PROMOTE), effect=True),
)}
assert STEPS.keys() == set(Step), "every step has its row"


def _row(step: Step, on_failure: OnFailure, *gates: Gate, **otherwise: Any) -> Row:
    """otherwise: what differs for this step in this plan."""
    return replace(STEPS[step], on_failure=on_failure, gates=gates, **otherwise)


def _undo(step: Step, *, of: Step, **otherwise: Any) -> Undo:
    return Undo(_row(step, HOLD, **otherwise), of)


# Not the forward rows reversed. The label moves back before consumers get the old credential,
# because readers of the store would otherwise fetch the new value again; and they confirm the old
# one before the new one is destroyed.
_REMOVE_NEW = (
    _undo(Step.SUSPEND_NEW,    of=Step.ISSUE),
    _undo(Step.DESTROY_NEW,    of=Step.ISSUE),
    _undo(Step.PROVE_NEW_DEAD, of=Step.ISSUE),
    _undo(Step.DISCARD_NEW,    of=Step.ISSUE),
)
_ROLLBACK = (
    _undo(Step.RESUME_OLD,     of=Step.SUSPEND),
    _undo(Step.VERIFY_OLD,     of=Step.PROMOTE),
    _undo(Step.DEMOTE,         of=Step.PROMOTE),
    _undo(Step.DELIVER_OLD,    of=Step.DELIVER),
    _undo(Step.CONFIRM_OLD,    of=Step.PROMOTE),
    *_REMOVE_NEW,
)

ROUTINE = Plan("routine", PlanRules(ends_current=True, overlaps=True), (
    _row(Step.ISSUE,       ROLL_BACK),
    _row(Step.ACTIVATE,    ROLL_BACK),
    _row(Step.VERIFY,      ROLL_BACK),
    _row(Step.PROMOTE,     ROLL_BACK,   WINDOW),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, HOLD),
    _row(Step.DRAIN,       HOLD),
    _row(Step.SUSPEND,     HOLD,        WINDOW),
    _row(Step.PROVE_OFF,   HOLD),
    _row(Step.SOAK,        HOLD),
    _row(Step.DESTROY,     KEEP_TRYING, WINDOW, BY_HAND),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), _ROLLBACK)

FIRST = Plan("first", PlanRules(makes_first=True), (
    _row(Step.PLACE,       HOLD),
    _row(Step.ISSUE,       ROLL_BACK),
    _row(Step.ACTIVATE,    ROLL_BACK),
    _row(Step.VERIFY,      ROLL_BACK),
    _row(Step.PROMOTE,     ROLL_BACK,   WINDOW),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, HOLD),
    _row(Step.TIDY,        KEEP_TRYING),
), _ROLLBACK)

ADOPT = Plan("adopt", PlanRules(keeps_credential=True, adopts=True), (
    _row(Step.INSPECT,     HOLD),
    _row(Step.VERIFY_LIVE, HOLD),
    _row(Step.CLAIM,       HOLD),
))

REPAIR = Plan("repair", PlanRules(keeps_credential=True), (
    _row(Step.INSPECT,     HOLD),
    _row(Step.RELABEL,     HOLD,        WINDOW),
    _row(Step.VERIFY_LIVE, HOLD),
))

# Its `tidy` removes what earlier rotations left behind, because no later `issue` will.
RETIRE = Plan("retire", PlanRules(ends_current=True, retires=True), (
    _row(Step.DRAIN,       HOLD),
    _row(Step.SUSPEND,     HOLD,        WINDOW),
    _row(Step.PROVE_OFF,   HOLD),
    _row(Step.SOAK,        HOLD),
    _row(Step.DESTROY,     KEEP_TRYING, WINDOW, BY_HAND),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING, sets=(OBSERVE, PROMOTE, PROVE, REVOKE)),
), (
    _undo(Step.RESUME_OLD, of=Step.SUSPEND),
))

# Readers have no working credential already, so nothing is drained or soaked. The old one is
# destroyed only where it is off for good; else the next `issue` removes it carefully.
_REPLACES = PlanRules(replaces_dead=True, risks_outage=True, promotion_is_final=True)
REPLACE = Plan("replace", _REPLACES, (
    _row(Step.FIND_DEAD,   HOLD),
    _row(Step.MAKE_ROOM,   HOLD),
    _row(Step.ISSUE,       HOLD),
    _row(Step.ACTIVATE,    HOLD),
    _row(Step.VERIFY,      HOLD),
    _row(Step.PROMOTE,     HOLD),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, HOLD),
    _row(Step.DESTROY,     KEEP_TRYING, BY_HAND),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), _REMOVE_NEW)

# Contain first. Nothing waits for `confirm`. Proving that the old credential is off and bringing
# the new one to the readers run in parallel. Only `emergency cancel` starts the way back, and only
# while nothing was promoted or destroyed.
_CONTAINS = PlanRules(contains=True, risks_outage=True, promotion_is_final=True,
                      checks_drift=False, heeds_hold=False)
_SWITCH_ON = _undo(Step.RESUME_OLD, of=Step.CONTAIN, sets=(OBSERVE, REVOKE, CONTAIN))
COMPROMISED = Plan("compromised", _CONTAINS, (
    _row(Step.EVIDENCE,    HOLD),
    _row(Step.CONTAIN,     HOLD),
    _row(Step.PROVE_OFF,   KEEP_TRYING),
    _row(Step.MAKE_ROOM,   HOLD,        after=(Step.CONTAIN,)),
    _row(Step.ISSUE,       HOLD),
    _row(Step.ACTIVATE,    HOLD),
    _row(Step.VERIFY,      HOLD),
    _row(Step.PROMOTE,     HOLD),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT,        after=(Step.DELIVER,)),
    _row(Step.VERIFY_LIVE, HOLD,        after=(Step.DELIVER,)),
    _row(Step.DESTROY,     KEEP_TRYING, after=(Step.VERIFY_LIVE, Step.PROVE_OFF)),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.SWEEP,       KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), (_SWITCH_ON, *_REMOVE_NEW))

# The contained instance is not the one that readers use, so nothing has to be replaced.
CONTAIN_ONLY = Plan("compromised", _CONTAINS, (
    _row(Step.EVIDENCE,    HOLD),
    _row(Step.CONTAIN,     HOLD),
    _row(Step.DESTROY,     KEEP_TRYING),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.SWEEP,       KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), (_SWITCH_ON,))

# No overlap: the new credential ends the old one. Once that is intended there is no way back, and
# what readers get follows at once. So nothing is drained, suspended, soaked or destroyed.
_CUTS_OVER = PlanRules(ends_current=True, risks_outage=True)
_DISCARD = (_undo(Step.DISCARD_NEW, of=Step.ISSUE),)
IN_PLACE = Plan("in-place", _CUTS_OVER, (
    _row(Step.ISSUE,       ROLL_BACK),
    _row(Step.ACTIVATE,    KEEP_TRYING, WINDOW, looks=True, sets=(OBSERVE, VERIFY, MINT, PROVE)),
    _row(Step.VERIFY,      KEEP_TRYING),
    _row(Step.PROMOTE,     KEEP_TRYING),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, KEEP_TRYING),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), _DISCARD)

DELEGATED = Plan("delegated", _CUTS_OVER, (
    _row(Step.ISSUE,       KEEP_TRYING, WINDOW),
    _row(Step.VERIFY,      KEEP_TRYING),
    _row(Step.PROMOTE,     KEEP_TRYING),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, KEEP_TRYING),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
))

_REPLACE_IN_PLACE = Plan("replace", _REPLACES, (
    _row(Step.FIND_DEAD,   HOLD),
    _row(Step.ISSUE,       KEEP_TRYING),
    _row(Step.ACTIVATE,    KEEP_TRYING),
    _row(Step.VERIFY,      KEEP_TRYING),
    _row(Step.PROMOTE,     KEEP_TRYING),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT),
    _row(Step.VERIFY_LIVE, KEEP_TRYING),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
), _DISCARD)

# Only new bytes in the place of the leaked ones contain them.
_COMPROMISED_IN_PLACE = Plan("compromised", _CONTAINS, (
    _row(Step.EVIDENCE,    HOLD),
    _row(Step.ISSUE,       HOLD),
    _row(Step.ACTIVATE,    HOLD),
    _row(Step.VERIFY,      HOLD),
    _row(Step.PROMOTE,     HOLD),
    _row(Step.DELIVER,     WAIT),
    _row(Step.CONFIRM,     WAIT,        after=(Step.DELIVER,)),
    _row(Step.VERIFY_LIVE, HOLD,        after=(Step.DELIVER,)),
    _row(Step.PROVE_DEAD,  KEEP_TRYING),
    _row(Step.SWEEP,       KEEP_TRYING),
    _row(Step.TIDY,        KEEP_TRYING),
))

# `resolve --accept-current`: the current version becomes the baseline; consumers get it, and then
# the instance that this rotation minted is removed.
ACCEPT = (
    _row(Step.INSPECT,        HOLD, phase=Phase.UNDO),
    _row(Step.DELIVER_OLD,    HOLD),
    _row(Step.CONFIRM_OLD,    HOLD),
    *(undo.row for undo in _REMOVE_NEW),
)

# The leaked credential works until these are done, so they are tried again soon, and for ever.
URGENT = frozenset({Step.EVIDENCE, Step.CONTAIN})

_ALL = (ROUTINE, FIRST, ADOPT, RETIRE, REPAIR, REPLACE, COMPROMISED, IN_PLACE, DELEGATED)
PLANS = {plan.name: plan for plan in _ALL}


def plan_for(plan: Plan, traits: Traits) -> Plan:
    """The form of that plan for an issuer with these traits."""
    if traits.overlap:
        return plan
    if plan.name == "routine":
        return IN_PLACE if traits.origin == "chosen" else DELEGATED
    if plan.name == "replace":
        return _REPLACE_IN_PLACE
    return _COMPROMISED_IN_PLACE if plan.name == "compromised" else plan


def rules_of(name: str | None) -> PlanRules:
    """The rules of the plan with that name. An unknown name gets the defaults: a rotation that is
    open under such a name is Held."""
    return PLANS[name].rules if name in PLANS else PlanRules()
