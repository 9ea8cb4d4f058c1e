"""The machine: pure, no clock, no I/O. `next_action` says what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from rotation.journal.facts import Specified
from rotation.machine.held import REASONS, Exit
from rotation.machine.replay import Mode, Outcome, Rotation, failed_row, replaced_by
from rotation.plan import URGENT, Gate, OnFailure, RowInstance, Step
from rotation.types import OPEN_GATES, Gates

CALL_DEADLINE = timedelta(seconds=20)
TRIES_MAX = 12
# No pause after a failed try is longer. A longer one was set while the clock was ahead.
PAUSE_MAX = timedelta(minutes=80)


@dataclass(frozen=True, slots=True)
class Do:
    row: RowInstance
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """until None: only an operator's command ends it."""

    until: datetime | None
    why: str
    row: RowInstance | None = None


@dataclass(frozen=True, slots=True)
class Held:
    code: str
    exits: tuple[Exit, ...]


@dataclass(frozen=True, slots=True)
class Close:
    outcome: Outcome


Action: TypeAlias = Do | Wait | Held | Close


def next_action(rotation: Rotation, now: datetime, gates: Gates = OPEN_GATES) -> Action:
    """What to do next. A row waits for the rows in its `after`; a waiting row stops only the rows
    after it. Held stops every row except `resume-old` and what a person asked for since."""
    if rotation.outcome is not None:
        return Close(Outcome(rotation.outcome))
    resume_old = pending_resume(rotation)
    if resume_old is not None:
        return _attempt(rotation, resume_old, now)
    if rotation.abandoned:
        return Close(Outcome.ABANDONED)
    if rotation.held is not None:
        return held(rotation.held)
    not_resumed = rotation.state(Step.RESUME_OLD).failed
    if rotation.mode is Mode.FORWARD and not_resumed is not None:
        return held(not_resumed)
    failed = failed_row(rotation)
    if failed is not None:
        state = rotation.states[failed.position]
        undoing = rotation.mode is Mode.UNDO and state.failed == "held.refused"
        return held("held.rollback-failed" if undoing else str(state.failed))
    asked = rotation.mode is Mode.UNDO and rotation.asked is not None
    if rotation.on_hold and not asked and rotation.rules.heeds_hold:
        return Wait(None, rotation.paused)
    return _first_ready(rotation, now, gates)


def held(code: str) -> Held:
    reason = REASONS.get(code, REASONS["held.needs-person"])
    return Held(code, reason.exits)


def pending_resume(rotation: Rotation) -> RowInstance | None:
    """A complaint came after our suspend: the old credential is switched on before anything
    else."""
    if rotation.mode is not Mode.FORWARD:
        return None
    if not rotation.complained or rotation.state(Step.RESUME_OLD).done:
        return None
    if not rotation.intended(Step.SUSPEND) or rotation.intended(Step.DESTROY):
        return None
    row = next((row for row in rotation.undo if row.step is Step.RESUME_OLD), None)
    if row is None or rotation.states[row.position].failed:
        return None
    return row


def _first_ready(rotation: Rotation, now: datetime, gates: Gates) -> Action:
    rows = rotation.active_rows
    done = {row.position for row in rows if rotation.states[row.position].done}
    sequential = rotation.mode is not Mode.FORWARD
    waits: list[Wait] = []
    for row in rows:
        if row.position in done:
            continue
        if sequential or done.issuperset(row.after):
            action = _gated(rotation, row, now, gates)
            if not isinstance(action, Wait):
                return action
            waits.append(action)
        if sequential:
            break
    if waits:
        return min(waits, key=lambda wait: (wait.until is None, wait.until or now))
    return Close(_OUTCOMES[rotation.mode])


_OUTCOMES = {
    Mode.FORWARD: Outcome.SUCCEEDED,
    Mode.UNDO: Outcome.ROLLED_BACK,
    Mode.ACCEPT: Outcome.ACCEPTED,
}


def _gated(rotation: Rotation, row: RowInstance, now: datetime, gates: Gates) -> Action:
    state = rotation.states[row.position]
    if Gate.BY_HAND in row.gates and _by_hand(rotation) and not state.intended:
        return held("held.destroy-by-hand")
    started = state.intended and state.in_doubt
    if Gate.WINDOW in row.gates and not started and not _fits(rotation, row, now, gates):
        why = f"frozen: {gates.frozen}" if gates.frozen else "waits for its window"
        return Wait(gates.opens_at, why, row)
    return _attempt(rotation, row, now)


def _by_hand(rotation: Rotation) -> bool:
    return Specified.of(rotation.spec).destroy_by_hand and not rotation.destroy_released


def _fits(rotation: Rotation, row: RowInstance, now: datetime, gates: Gates) -> bool:
    """Whether a windowed row ends inside the window, together with the rows that must follow at
    once until every consumer has what readers get."""
    if not gates.open or gates.frozen:
        return False
    following = (Step.VERIFY, Step.PROMOTE, Step.DELIVER)
    calls = 1 + sum(
        other.step in following and other.position > row.position for other in rotation.rows
    )
    worst = CALL_DEADLINE * calls
    return gates.until is None or now + worst <= gates.until


def gives_up(row: RowInstance) -> bool:
    """Whether too many failed tries make this row Held. All other rows are tried for ever."""
    return row.on_failure in (OnFailure.ROLL_BACK, OnFailure.HOLD) and row.step not in URGENT


def _attempt(rotation: Rotation, row: RowInstance, now: datetime) -> Action:
    state = rotation.states[row.position]
    ahead = state.retrying and state.until is not None and state.until - now > PAUSE_MAX
    if state.until is not None and state.until > now and not ahead:
        return Wait(state.until, state.why or row.name, row)
    # Without overlap nothing is lost until the replacement is intended.
    before_cutover = row.step is replaced_by(rotation) and not state.intended
    if state.tries >= TRIES_MAX and (before_cutover or gives_up(row)):
        return held("held.out-of-tries")
    return Do(row, state.in_doubt)
