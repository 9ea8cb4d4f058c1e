"""A rotation in words: what works right now, until when, and what can be done.

Pure: no clock, no I/O. `status`, `show`, every error and the emergency use these words.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from rotation.journal.facts import Destroyed, Proof
from rotation.machine.replay import (
    Mode,
    Outcome,
    Rotation,
    replaced_by,
)
from rotation.plan import RowInstance, Step
from rotation.plan.specification import spec_from_json
from rotation.plan.waves import baking
from rotation.report.health import (
    CredentialStatus,
    Readers,
    RotationStatus,
    consumers_at_risk,
    found_dead,
    standing,
    takes_over,
)
from rotation.types import Death, Specification

# A value that somebody else wrote may not log in, whatever is known of the one before.
_UNRECORDED = frozenset({"held.foreign-mark", "held.journal-behind", "held.world-changed"})


def what_works(rotation: Rotation) -> str:
    """What a consumer can log in with at this moment, and what readers of the store get."""
    if rotation.rules.contains and rotation.old is None and rotation.new is None:
        return "not known: the journal does not know what readers get"
    if rotation.outcome is not None and not consumers_at_risk(rotation):
        return _after_close(rotation)
    now, given = standing(rotation), rotation.state(Step.PROMOTE).done
    if now.new is None and now.readers in (Readers.NEW, Readers.EITHER):
        return "what readers get is not known to this version of rotation"
    found = found_dead(rotation) if takes_over(rotation) else None
    wrote = takes_over(rotation) and rotation.mode is Mode.ACCEPT
    if rotation.held in _UNRECORDED or (wrote and found is None):
        return "not known: readers get a version that this journal did not record"
    if takes_over(rotation):
        if found is None:
            return "whatever worked before: an adoption changes nothing"
        now = replace(now, old=found[0], old_life=found[1], readers=Readers.OLD)
    parts = {
        Readers.OLD: (_read_old(now), _unread_new(now, given=given)),
        Readers.NEW: (
            _read_new(now, served=_is_served(rotation)),
            *_not_given(rotation),
            _unread_old(now),
        ),
        Readers.EITHER: (
            f"readers get {now.old or 'nothing'} or {now.new}: a move of the label is in doubt"
            + _either(now.old_life, now.old),
        ),
        Readers.NOBODY: ("no credential is current", _unread_new(now, given=given)),
    }[now.readers]
    return "; ".join(part for part in parts if part)


def _either(old_life: CredentialStatus, old: str | None) -> str:
    if old_life is CredentialStatus.WORKS:
        return "; both work"
    return f"; {old} is gone" if old and old_life is CredentialStatus.GONE else ""


def _read_old(now: RotationStatus) -> str:
    old = now.old or "what nobody knows"
    return {
        CredentialStatus.WORKS: f"{old} works, and readers get it",
        CredentialStatus.UNPROVEN: f"readers get {old}; whether it works is looked at now",
        CredentialStatus.REFUSED: f"readers get {old}, which does not log in: they are without a working "
        "credential",
        CredentialStatus.DOUBTFUL: f"readers get {old}, which may be off: they may be without a credential",
        CredentialStatus.OFF: f"readers get {old}, which is off: they are without a working credential",
        CredentialStatus.GOING: f"readers get {old}, whose destruction was begun: it may be gone",
        CredentialStatus.GONE: f"readers get {old}, which is gone: they are without a working credential",
    }[now.old_life]


def _read_new(now: RotationStatus, *, served: bool) -> str:
    """served: at least one consumer reads the store, or was given it."""
    return {
        CredentialStatus.UNPROVEN: f"readers get {now.new}",
        CredentialStatus.WORKS: f"{now.new} works, and {'readers get it' if served else 'the store has it'}",
        CredentialStatus.REFUSED: f"readers get {now.new}, which does not log in",
        CredentialStatus.OFF: f"readers get {now.new}, which is off: they are without a working credential",
        CredentialStatus.GOING: f"readers get {now.new}, whose removal was begun: it may be gone",
        CredentialStatus.GONE: f"readers get {now.new}, which is gone: they are without a working credential",
    }[now.new_life]


def _is_served(rotation: Rotation) -> bool:
    consumers = sum(row.step is Step.CONFIRM for row in rotation.rows)
    return not consumers or len(_not_given(rotation)) < consumers


def _not_given(rotation: Rotation) -> tuple[str, ...]:
    """Consumers that do not read the store themselves."""
    return tuple(
        f"{row.subject.removeprefix('consumer:')} "
        f"{'may not have it yet' if state.in_doubt else 'was not given it yet'}"
        for row in rotation.rows
        if row.step is Step.DELIVER
        and rotation.mode is Mode.FORWARD
        and not (state := rotation.states[row.position]).done
    )


def _unread_new(now: RotationStatus, *, given: bool) -> str:
    """given: readers had it before the way back."""
    if now.new is None:
        return ""
    has = "some may still have it" if given else "nobody has it yet"
    return {
        CredentialStatus.UNPROVEN: f"{now.new} is new and {has}",
        CredentialStatus.WORKS: f"{now.new} is new, works, and {has}",
        CredentialStatus.OFF: f"{now.new} is off again",
        CredentialStatus.GOING: f"{now.new} may be gone: its removal was begun",
        CredentialStatus.GONE: f"{now.new} is gone again",
    }.get(now.new_life, "")


def _unread_old(now: RotationStatus) -> str:
    if now.old is None:
        return ""
    return {
        CredentialStatus.UNPROVEN: "",
        CredentialStatus.REFUSED: f"{now.old} does not log in",
        CredentialStatus.WORKS: f"{now.old} works too",
        CredentialStatus.DOUBTFUL: f"{now.old} may be off, reversibly",
        CredentialStatus.OFF: f"{now.old} is off, reversibly",
        CredentialStatus.GOING: f"{now.old} may be gone: its destruction was begun",
        CredentialStatus.GONE: f"{now.old} is gone",
    }[now.old_life]


def _after_close(rotation: Rotation) -> str:
    handle = rotation.result.handle
    return f"{handle} is the current credential" if handle else "no credential is current"


def destroyed(rotation: Rotation) -> tuple[str, ...]:
    """What this rotation destroyed going forward, or ended by replacing it."""
    replacing = replaced_by(rotation)
    if replacing is not None:
        done = rotation.state(replacing).done
        return (rotation.old,) if done and rotation.old is not None else ()
    return tuple(rotation.state(Step.DESTROY).record(Destroyed).destroyed)


def death(rotation: Rotation) -> str | None:
    """How certain their death is; None while nothing is destroyed."""
    if not destroyed(rotation):
        return None
    proven = rotation.state(Step.PROVE_DEAD)
    return str(proven.record(Proof).grade) if proven.done else Death.SENT


def old_dies(rotation: Rotation, now: datetime) -> datetime | None:
    """The earliest time at which the old credential is destroyed; windows and people may delay it.
    None where nothing will be destroyed, or it is already."""
    ends = not any(row.step is Step.DESTROY for row in rotation.rows)
    undoing = rotation.mode is not Mode.FORWARD
    over = rotation.outcome is not None or not rotation.readable
    if ends or undoing or rotation.old is None or over:
        return None
    if rotation.state(Step.DESTROY).done or (rotation.rules.overlaps and rotation.new is None):
        return None
    spec = spec_from_json(rotation.spec)
    if rotation.rules.contains:
        return now
    suspended = rotation.state(Step.SUSPEND).done_at if rotation.done(Step.SUSPEND) else None
    if suspended is None:
        suspended = max(now, given_at(rotation, now) + overlap_before_suspend(spec))
    return max(now, suspended + timedelta(seconds=spec.soak_s))


def awaited(rotation: Rotation, now: datetime) -> tuple[tuple[str, ...], timedelta] | None:
    """Consumers whose delivery or confirmation is tried again and again, and how long after it the
    old credential is destroyed at the earliest. Until they confirm, that time moves along with the
    clock."""
    if old_dies(rotation, now) is None or not rotation.rules.overlaps:
        return None
    spec = spec_from_json(rotation.spec)
    names = {
        row.subject.removeprefix("consumer:"): None
        for row in rotation.rows
        if row.step in (Step.DELIVER, Step.CONFIRM)
        and not (state := rotation.states[row.position]).done
        and (state.tries or state.in_doubt or state.failed or (state.why and _confirms(spec, row)))
    }
    return (
        (tuple(names), overlap_before_suspend(spec) + timedelta(seconds=spec.soak_s))
        if names
        else None
    )


def _confirms(spec: Specification, row: RowInstance) -> bool:
    """Whether that consumer confirms. One that does not is waited for by the clock."""
    named = (each for each in spec.consumers if f"consumer:{each.id}" == row.subject)
    return row.step is Step.CONFIRM and any(each.confirms and not each.bake_s for each in named)


def overlap_before_suspend(spec: Specification) -> timedelta:
    """From the last delivery until the old credential may be switched off."""
    by_usage = any(not c.confirms and not c.accept_elapsed for c in spec.consumers)
    return timedelta(seconds=max(spec.grace_s, spec.quiet_s if by_usage else 0))


def given_at(rotation: Rotation, now: datetime) -> datetime:
    times = [
        state.done_at
        for row in rotation.rows
        if row.step in (Step.PROMOTE, Step.DELIVER)
        and (state := rotation.states[row.position]).done_at is not None
        and state.done
    ]
    return max(times, default=now)


def outage_window(spec: Specification, start: datetime) -> tuple[datetime, datetime]:
    """Without overlap: from when until when consumers with the old value fail, if nothing delays
    it."""
    readers = [c.refresh_s for c in spec.consumers if c.role == "reader" and not c.gone]
    return start, start + timedelta(seconds=spec.settle_s + max(readers, default=0))


def forecast(spec: Specification, start: datetime) -> dict[Step, datetime]:
    """The earliest time of each step that people wait for, if nothing delays it."""
    promoted = start + timedelta(seconds=spec.settle_s)
    suspended = promoted + baking(spec) + overlap_before_suspend(spec)
    return {
        Step.ISSUE: start,
        Step.PROMOTE: promoted,
        Step.SUSPEND: suspended,
        Step.DESTROY: suspended + timedelta(seconds=spec.soak_s),
    }


def row_mark(rotation: Rotation, row: RowInstance) -> str:
    """The state of a row in one word: done, doubt, failed, waits or open."""
    state = rotation.states[row.position]
    if state.done:
        return "done"
    if state.failed:
        return "failed"
    if state.in_doubt:
        return "doubt"
    return "waits" if state.until is not None else "open"


def rows_taken(rotation: Rotation) -> list[RowInstance]:
    """Those of the present way, after the forward ones that were done before it was taken."""
    forward = [
        row
        for row in rotation.rows
        if rotation.states[row.position].intended or rotation.states[row.position].done
    ]
    return [*forward, *(row for row in rotation.active_rows if row not in forward)]


_OUTCOMES = {
    Outcome.SUCCEEDED: "done",
    Outcome.ROLLED_BACK: "rolled back: the old credential is current, as before",
    Outcome.ACCEPTED: "the store's current version is the new baseline",
    Outcome.ABANDONED: "abandoned: everything stays as it is",
    Outcome.SUPERSEDED: "superseded by an emergency",
}


def sent_back_by(rotation: Rotation) -> RowInstance | None:
    """The row whose refusal started the rollback; None where a person started it, or there is
    none."""
    if rotation.mode is not Mode.UNDO or rotation.asked is not None:
        return None
    return next((row for row in rotation.rows if rotation.states[row.position].failed), None)


def outcome_text(outcome: str) -> str:
    return _OUTCOMES[Outcome(outcome)]


# What is wrong with a credential that is to be replaced.
DEAD = {
    "gone": "is gone: the issuer no longer lists it",
    "suspended": "is switched off",
    "ended": "has ended",
    "refused": "does not log in",
    "lost": "is lost: the store has no bytes of it that can be read",
}

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(span: timedelta) -> str:
    """The two largest units at most: `3 d 4 h`, `12 min`, `0 s`."""
    seconds = abs(int(span.total_seconds()))
    for index, (size, unit) in enumerate(_UNITS):
        if seconds >= size:
            text = f"{seconds // size} {unit}"
            smaller = _UNITS[index + 1 : index + 2]
            rest = seconds % size // smaller[0][0] if smaller else 0
            roomy = seconds // size < 10 and rest
            return f"{text} {rest} {smaller[0][1]}" if roomy else text
    return "0 s"


def relative(at: datetime, now: datetime) -> str:
    if abs(at - now) < timedelta(seconds=1):
        return "now"
    if at > now:
        return f"in {duration(at - now)}"
    return f"{duration(now - at)} ago"
