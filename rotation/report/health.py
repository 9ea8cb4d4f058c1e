"""How a secret stands for its users: the state of each instance as far as it was seen, and whether
readers have a working one. Pure: no clock, no I/O. Every screen and exit code asks here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rotation.journal.entries import Identity
from rotation.journal.facts import Cause, Destroyed, Failure, FoundDead, Inspected
from rotation.machine.leftover import leftovers_of
from rotation.machine.replay import (
    Mode,
    Outcome,
    Rotation,
    RowState,
    failed_row,
    replaced_by,
)
from rotation.plan import RowInstance, Step, rules_of


class CredentialStatus(StrEnum):
    """The state of one instance, as the journal has it."""

    UNPROVEN = "unproven"
    WORKS = "works"
    REFUSED = "refused"  # it should log in, and does not
    DOUBTFUL = "doubtful"  # a switch-off was sent, its answer is unknown
    OFF = "off"
    GOING = "going"  # its destruction was sent, its answer is unknown
    GONE = "gone"


class Readers(StrEnum):
    """The instance that readers of the store get."""

    OLD = "old"
    NEW = "new"
    EITHER = "either"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class RotationStatus:
    """old, new: their public names; None where there is no such instance."""

    old: str | None
    old_life: CredentialStatus
    new: str | None
    new_life: CredentialStatus
    readers: Readers


def standing(rotation: Rotation) -> RotationStatus:
    if rotation.mode is Mode.ACCEPT and rotation.state(Step.INSPECT).done:
        return _accepted(rotation, rotation.state(Step.INSPECT).record(Inspected).handle)
    return RotationStatus(
        _given(rotation), _old_life(rotation), rotation.new, _new_life(rotation), _readers(rotation)
    )


def _accepted(rotation: Rotation, handle: str | None) -> RotationStatus:
    """The accepted instance was found at the issuer and logged in; what was minted meanwhile is
    removed."""
    life, new = seen(rotation, handle) or CredentialStatus.WORKS, rotation.new
    beside = new if new != handle else None
    return RotationStatus(handle, life, beside, _new_life(rotation), Readers.OLD)


def _given(rotation: Rotation) -> str | None:
    """What readers had. A replacement may find another credential than the journal has, which
    somebody wrote."""
    found = rotation.rules.replaces_dead and rotation.state(Step.FIND_DEAD).done
    return rotation.state(Step.FIND_DEAD).record(FoundDead).handle if found else rotation.old


def _old_life(rotation: Rotation) -> CredentialStatus:
    if (found := seen(rotation, rotation.old)) is not None:
        return found
    if rotation.rules.replaces_dead:
        return _life_of_dead(rotation)
    destroy = rotation.state(Step.DESTROY)
    resumed = rotation.state(Step.RESUME_OLD).done
    off = rotation.state(Step.SUSPEND)
    if (step := replaced_by(rotation)) is not None:
        return _life_until_replaced(rotation.state(step))
    if rotation.rules.contains:
        off = rotation.state(Step.CONTAIN)
        if rotation.old not in rotation.scope:
            return CredentialStatus.WORKS
    if destroy.done:
        return CredentialStatus.GONE
    if destroy.in_doubt:
        return CredentialStatus.GOING
    if (off.done or off.complaint) and not resumed:
        return CredentialStatus.OFF
    return CredentialStatus.DOUBTFUL if off.in_doubt and not resumed else CredentialStatus.WORKS


def seen(rotation: Rotation, instance: str | None) -> CredentialStatus | None:
    """What the world showed of an instance when the rotation was Held, whatever the journal had
    before. On the way back it includes what the rotation was Held for on the way forward."""
    if rotation.held == "held.replaced-in-place" and instance == rotation.old:
        return CredentialStatus.GONE
    if instance is not None and _all_gone(rotation):
        return CredentialStatus.GONE
    if instance in instances_in_question(rotation) and rotation.held in _FOUND:
        return _FOUND[rotation.held]
    if instance in rotation.found_off:
        return CredentialStatus.OFF
    forward = rotation.rows if rotation.mode is Mode.UNDO else ()
    failures = [rotation.states[row.position].record(Failure) for row in forward]
    return next(
        (_FOUND[code] for failure in failures
         if (code := str(failure.code)) in _FOUND and instance in _named(failure)),
        None,
    )  # fmt: skip


def _all_gone(rotation: Rotation) -> bool:
    """The issuer no longer knows the user or role that owns these instances."""
    return rotation.held is not None and present_state(rotation).record(Failure).all_gone


def seen_at(rotation: Rotation) -> datetime | None:
    """When its state was last seen: by a row that compares the world or logs in, or by the reason
    for Held. None: not since it was opened."""
    looks = [
        rotation.states[row.position].done_at
        for row in (*rotation.rows, *rotation.undo, *rotation.accept)
        if rotation.states[row.position].done and (row.looks or row.step in _LOOKING)
    ]
    if rotation.held in {*_FOUND, "held.replaced-in-place"} or _all_gone(rotation):
        looks.append(rotation.held_at)
    looks.append(rotation.found_off_at)
    return max((at for at in looks if at is not None), default=None)


_LOOKING = frozenset(
    {
        Step.VERIFY, Step.VERIFY_LIVE, Step.VERIFY_OLD, Step.PROVE_OFF, Step.PROVE_DEAD,
        Step.PROVE_NEW_DEAD, Step.INSPECT, Step.FIND_DEAD, Step.EVIDENCE, Step.TIDY,
    }
)  # fmt: skip
_FOUND = {
    "held.instance-missing": CredentialStatus.GONE,
    "held.found-suspended": CredentialStatus.OFF,
    "held.live-refused": CredentialStatus.REFUSED,
    "held.probe-broken": CredentialStatus.REFUSED,
    "held.rollback-failed": CredentialStatus.REFUSED,
}


def _life_of_dead(rotation: Rotation) -> CredentialStatus:
    """The state of what a replacement replaces, as its first row saw it."""
    found = rotation.state(Step.FIND_DEAD).record(FoundDead).dead
    if rotation.state(Step.DESTROY).record(Destroyed).destroyed or found == "gone":
        return CredentialStatus.GONE
    if found is None:
        return CredentialStatus.UNPROVEN
    return CredentialStatus.OFF if found == "suspended" else CredentialStatus.REFUSED


def _life_until_replaced(replaced: RowState) -> CredentialStatus:
    """The new credential ends it, and that cannot be undone."""
    if replaced.done:
        return CredentialStatus.GONE
    return CredentialStatus.GOING if replaced.intended else CredentialStatus.WORKS


def _new_life(rotation: Rotation) -> CredentialStatus:
    if (found := seen(rotation, rotation.new)) is not None:
        return found
    if rotation.state(Step.DESTROY_NEW).done:
        return CredentialStatus.GONE
    if rotation.state(Step.DESTROY_NEW).in_doubt:
        return CredentialStatus.GOING
    if rotation.state(Step.SUSPEND_NEW).done:
        return CredentialStatus.OFF
    return CredentialStatus.WORKS if rotation.done(Step.VERIFY) else CredentialStatus.UNPROVEN


def _readers(rotation: Rotation) -> Readers:
    promote, demote = rotation.state(Step.PROMOTE), rotation.state(Step.DEMOTE)
    if rotation.held and present_state(rotation).record(Cause).cause == "store.deleted":
        return Readers.NOBODY
    undoing = rotation.mode is Mode.UNDO and demote.in_doubt
    if undoing or (promote.in_doubt and not demote.done):
        return Readers.EITHER
    if promote.done and not demote.done:
        return Readers.NEW
    return Readers.OLD if rotation.old else Readers.NOBODY


def consumers_at_risk(rotation: Rotation) -> bool:
    """Whether a consumer may be without a working credential (exit code 12 where it ended so)."""
    if rotation.outcome in (Outcome.SUCCEEDED, Outcome.ACCEPTED):
        return False
    if rotation.outcome == Outcome.ROLLED_BACK:
        gone = seen(rotation, rotation.old) is CredentialStatus.GONE
        return rotation.rules.replaces_dead or (gone and not rotation.state(Step.VERIFY_OLD).done)
    if takes_over(rotation):
        return found_dead(rotation) is not None
    now = standing(rotation)
    read = now.new_life if now.readers is Readers.NEW else now.old_life
    bad = {
        CredentialStatus.REFUSED,
        CredentialStatus.DOUBTFUL,
        CredentialStatus.OFF,
        CredentialStatus.GOING,
        CredentialStatus.GONE,
    }
    no = now.readers is Readers.NOBODY and now.old is not None
    if rotation.rules.retires:
        return False  # no reader is left, or an operator said so
    replacing = rotation.rules.replaces_dead and now.readers is Readers.OLD
    return no or replacing or read in bad or rotation.held == "held.pointer-moved-late"


def given(rotation: Rotation) -> frozenset[str]:
    """The instances that readers may get: both while a promotion is in doubt."""
    if rotation.outcome is not None:
        found = {rotation.result.handle}
    else:
        now = standing(rotation)
        found = {
            Readers.OLD: {now.old}, Readers.NEW: {now.new}, Readers.EITHER: {now.old, now.new},
            Readers.NOBODY: set[str | None](),
        }[now.readers]  # fmt: skip
    return frozenset(each for each in found if each is not None)


def takes_over(rotation: Rotation) -> bool:
    """Whether readers may get what somebody else wrote, so that we do not know it yet."""
    accepting = rotation.mode is Mode.ACCEPT and not rotation.state(Step.INSPECT).done
    return rotation.rules.adopts or accepting


def found_dead(rotation: Rotation) -> tuple[str, CredentialStatus] | None:
    """Where somebody else wrote what readers get, and it was found dead: that instance and its
    state."""
    about = instances_in_question(rotation)
    life = seen(rotation, about[0]) if about else None
    return None if life is None else (about[0], life)


def may_be_at_risk(row: Identity) -> bool:
    """Whether that rotation needs to be folded to find out; in all others readers have what
    works."""
    if row.plan is not None:
        return row.held is not None or rules_of(row.plan).risks_outage
    return row.last_outcome not in (None, Outcome.SUCCEEDED, Outcome.ACCEPTED)


def left_alive(rotation: Rotation) -> tuple[str, ...]:
    """Instances that a closed rotation left beside the current one; they live until the next
    `issue` removes them."""
    return tuple(sorted(leftovers_of(rotation.result)))


def present_row(rotation: Rotation) -> RowInstance | None:
    """The row that the rotation stands at."""
    failed = failed_row(rotation)
    return failed or next(
        (row for row in rotation.active_rows if not rotation.states[row.position].done), None
    )


def present_state(rotation: Rotation) -> RowState:
    row = present_row(rotation)
    return RowState() if row is None else rotation.states[row.position]


def met(rotation: Rotation, code: str) -> dict[str, str] | None:
    """The sentence that it is Held for, with its code and what helps against it."""
    if code == "held.out-of-tries":
        state = max(rotation.states.values(), key=lambda state: state.tries)
        message, cause = state.why, state.record(Cause).code
    else:
        state = present_state(rotation)
        message, cause = state.message, state.record(Cause).cause
    if message is None:
        return None
    return {
        "message": message, "code": str(cause or code), "hint": state.record(Cause).hint or ""
    }  # fmt: skip


def instances_in_question(rotation: Rotation) -> tuple[str, ...]:
    """The instances that a Held rotation is Held for, where its failed row names them."""
    row = failed_row(rotation)
    return _named(rotation.states[row.position].record(Failure)) if row is not None else ()


def _named(failure: Failure) -> tuple[str, ...]:
    return tuple(failure.instances.split(",")) if failure.instances else ()
