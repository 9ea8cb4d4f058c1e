"""The machine: pure, no clock, no I/O. `fold` reads a rotation's entries, `next_action` says what
comes next, `summarise` derives the row that `status` and the runner's queue read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from rotation.held import REASONS, Exit
from rotation.entries import Entry, Identity, Kind, RowKey, unstamp
from rotation.plan import OnFailure, Phase, RowInstance, Step
from rotation.types import OPEN_GATES, Facts, Gates

CALL_DEADLINE = timedelta(seconds=20)
TRIES_MAX = 12


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled-back"
    ACCEPTED = "accepted"  # what a person found in the store is the new baseline
    ABANDONED = "abandoned"
    SUPERSEDED = "superseded"


class Mode(StrEnum):
    FORWARD = "forward"
    UNDO = "undo"
    ACCEPT = "accept"


@dataclass(slots=True)
class RowState:
    """What the entries say of one row in its present round. `intended` and the facts of an attempt
    outlive the round: what may have happened in the world does not unhappen."""

    round: int = 0
    done: bool = False
    done_at: datetime | None = None
    intended: bool = False
    in_doubt: bool = False
    began_at: datetime | None = None
    attempt: str | None = None
    until: datetime | None = None
    why: str | None = None
    tries: int = 0
    failed: str | None = None
    message: str | None = None
    complaint: bool = False
    facts: Facts = field(default_factory=dict)


@dataclass(slots=True)
class Rotation:
    """One rotation, folded from its entries."""

    stream: str
    opened: Entry
    plan: str
    rows: tuple[RowInstance, ...]
    undo: tuple[RowInstance, ...]
    accept: tuple[RowInstance, ...]
    states: dict[int, RowState]
    last: Entry
    baseline: Facts
    mode: Mode = Mode.FORWARD
    on_hold: str | None = None
    held: str | None = None
    held_at: datetime | None = None
    asked: Entry | None = None
    ours: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    abandoned: bool = False
    destroy_released: bool = False
    change_accepted: bool = False
    outcome: str | None = None
    result: Facts | None = None

    @property
    def spec(self) -> Facts:
        spec = self.opened.facts["spec"]
        assert isinstance(spec, dict)
        return spec

    @property
    def active_rows(self) -> tuple[RowInstance, ...]:
        if self.mode is Mode.FORWARD:
            return self.rows
        if self.mode is Mode.ACCEPT:
            return self.accept
        return tuple(row for row in self.undo if self._was_intended(row.of))

    def _was_intended(self, step: Step | None) -> bool:
        return any(self.states[row.position].intended for row in self.rows if row.step == step)

    def state(self, step: Step, subject: str = "-") -> RowState:
        """Of the row with that step; an empty state where this rotation has no such row."""
        for row in (*self.rows, *self.undo, *self.accept):
            if row.step == step and row.subject == subject:
                return self.states[row.position]
        return RowState()

    def fact(self, step: Step, name: str) -> str | None:
        value = self.state(step).facts.get(name)
        return value if isinstance(value, str) else None

    @property
    def old(self) -> str | None:
        """The handle that this rotation replaces or retires."""
        value = self.baseline.get("handle")
        return value if isinstance(value, str) else None

    @property
    def old_version(self) -> str | None:
        value = self.baseline.get("version")
        return self.fact(Step.PLACE, "version") or (value if isinstance(value, str) else None)

    @property
    def new(self) -> str | None:
        return self.fact(Step.ISSUE, "new")

    @property
    def new_version(self) -> str | None:
        return self.fact(Step.ISSUE, "new_version")

    def intended(self, step: Step) -> bool:
        return self._was_intended(step)

    def done(self, step: Step) -> bool:
        """Every row of that step is done (and there is one)."""
        rows = [row for row in self.rows if row.step == step]
        return bool(rows) and all(self.states[row.position].done for row in rows)


@dataclass(frozen=True, slots=True)
class Do:
    row: RowInstance
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """until None: only a person's entry ends it."""

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


# ---------------------------------------------------------------------------------------- fold


def row_to_json(row: RowInstance) -> list[object]:
    return [
        row.position,
        row.phase,
        row.step,
        row.subject,
        row.on_failure,
        list(row.after),
        row.effect,
        row.looks,
        row.windowed,
        row.successes,
        row.of,
    ]


def _rows(value: object) -> tuple[RowInstance, ...]:
    assert isinstance(value, list)
    return tuple(
        RowInstance(
            position,
            Phase(phase),
            Step(step),
            subject,
            OnFailure(on_failure),
            tuple(after),
            effect,
            looks,
            windowed,
            successes,
            None if of is None else Step(of),
        )
        for position, phase, step, subject, on_failure, after, effect, looks, windowed, successes, of in value
    )


def fold(entries: Sequence[Entry]) -> Rotation:
    """Of one rotation's entries, OPENED first. Raises ValueError for a row or plan that this
    version of the program does not know."""
    opened = entries[0]
    assert opened.kind is Kind.OPENED, "a rotation begins with OPENED"
    rows, undo, accept = (_rows(opened.facts[name]) for name in ("rows", "undo", "accept"))
    baseline = opened.facts.get("baseline")
    rotation = Rotation(
        opened.stream,
        opened,
        str(opened.facts["plan"]),
        rows,
        undo,
        accept,
        {row.position: RowState() for row in (*rows, *undo, *accept)},
        opened,
        baseline if isinstance(baseline, dict) else {},
    )
    foreign = rotation.baseline.get("foreign")
    rotation.foreign = (
        frozenset(str(i) for i in foreign) if isinstance(foreign, list) else frozenset()
    )
    for entry in entries[1:]:
        rotation.last = entry
        if entry.row is not None:
            _fold_row(rotation, entry, entry.row)
        elif entry.kind is Kind.REQUESTED:
            _fold_request(rotation, entry)
        elif entry.kind is Kind.HELD:
            rotation.held, rotation.held_at = str(entry.facts["code"]), entry.at
        elif entry.kind is Kind.CLOSED:
            rotation.outcome = str(entry.facts["outcome"])
            result = entry.facts.get("baseline")
            rotation.result = result if isinstance(result, dict) else {}
    return rotation


def _fold_row(rotation: Rotation, entry: Entry, key: RowKey) -> None:
    state = rotation.states[key.position]
    if entry.kind is Kind.BEGAN:
        state.intended = state.in_doubt = True
        state.began_at, state.attempt = entry.at, entry.attempt
    if key.round < state.round:
        return
    if entry.facts.get("void"):
        # That attempt left nothing behind: the next one starts from nothing.
        state.facts, state.attempt = {}, None
    else:
        state.facts = {**state.facts, **entry.facts}
    match entry.kind:
        case Kind.DONE:
            state.done, state.done_at, state.in_doubt = True, entry.at, False
            _after_done(rotation, key)
        case Kind.WAITING | Kind.RETRY | Kind.IN_DOUBT | Kind.OBSERVED:
            state.until = unstamp(_text(entry.facts.get("until")))
            state.why = _text(entry.facts.get("why"))
            if entry.kind in (Kind.RETRY, Kind.IN_DOUBT):
                state.tries += 1
                state.in_doubt = entry.kind is Kind.IN_DOUBT
        case Kind.FAILED:
            state.failed, state.message = (
                _text(entry.facts.get("code")),
                _text(entry.facts.get("message")),
            )
            state.complaint = entry.facts.get("complaint") is True
            state.in_doubt = entry.facts.get("in_doubt") is True
            if _rolls_back(rotation, key.position) and rotation.undo:
                rotation.mode = Mode.UNDO
        case _:
            pass


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _rolls_back(rotation: Rotation, position: int) -> bool:
    row = next((row for row in rotation.rows if row.position == position), None)
    state = rotation.states[position]
    return (
        row is not None and row.on_failure is OnFailure.ROLL_BACK and state.failed == "held.refused"
    )


def _after_done(rotation: Rotation, key: RowKey) -> None:
    # An undone suspend must be done again, and with it all that followed: a new round.
    if key.step == Step.RESUME_OLD and rotation.mode is Mode.FORWARD:
        suspend = next((row for row in rotation.rows if row.step is Step.SUSPEND), None)
        if suspend is not None:
            _raise_round(rotation, suspend.position, keep_failure=True)


def _raise_round(rotation: Rotation, position: int, *, keep_failure: bool = False) -> None:
    for other, state in rotation.states.items():
        if other < position:
            continue
        state.round += 1
        state.done, state.until, state.why, state.tries = False, None, None, 0
        if not keep_failure:
            state.failed, state.complaint = None, False


def _fold_request(rotation: Rotation, entry: Entry) -> None:
    verb = entry.facts.get("verb")
    instance = _text(entry.facts.get("instance"))
    if verb == "hold":
        rotation.on_hold = _text(entry.facts.get("reason")) or "on hold"
    elif verb == "release":
        rotation.on_hold = None
    elif verb == "resume":
        rotation.change_accepted |= rotation.held == "held.spec-changed"
        _resume(rotation)
        rotation.destroy_released |= entry.facts.get("destroy") is True
    elif verb in ("rollback", "cancel") and rotation.undo:
        _leave_held(rotation)
        rotation.mode, rotation.asked = Mode.UNDO, entry
    elif verb == "accept-current":
        _leave_held(rotation)
        rotation.mode = Mode.ACCEPT
    elif verb == "ours" and instance:
        rotation.ours |= {instance}
        _resume(rotation)
    elif verb == "foreign" and instance:
        rotation.foreign |= {instance}
        _resume(rotation)
    elif verb == "abandon":
        rotation.abandoned = True


def _resume(rotation: Rotation) -> None:
    failed = failed_row(rotation)
    _leave_held(rotation)
    if failed is not None:
        _raise_round(rotation, failed.position)


def _leave_held(rotation: Rotation) -> None:
    rotation.held = rotation.held_at = None


def failed_row(rotation: Rotation) -> RowInstance | None:
    """The row of the present mode that was refused and has not been taken up again."""
    return next((row for row in rotation.active_rows if rotation.states[row.position].failed), None)


# ---------------------------------------------------------------------------------- next action


def next_action(rotation: Rotation, now: datetime, gates: Gates = OPEN_GATES) -> Action:
    """What to do next. Rows wait for the rows that they come after; a waiting row stops only
    those. A hold stops every row but `resume-old` and what a person asked for since."""
    if rotation.outcome is not None:
        return Close(Outcome(rotation.outcome))
    resume_old = _pending_resume(rotation)
    if resume_old is not None:
        return _attempt(rotation, resume_old, now)
    if rotation.abandoned:
        return Close(Outcome.ABANDONED)
    if rotation.held is not None:
        return held(rotation.held)
    failed = failed_row(rotation)
    if failed is not None:
        state = rotation.states[failed.position]
        undoing = rotation.mode is Mode.UNDO and state.failed == "held.refused"
        return held("held.rollback-failed" if undoing else str(state.failed))
    if rotation.on_hold and not (rotation.mode is Mode.UNDO and rotation.asked):
        return Wait(None, f"on hold: {rotation.on_hold}")
    return _first_ready(rotation, now, gates)


def held(code: str) -> Held:
    reason = REASONS.get(code, REASONS["held.needs-person"])
    return Held(code, reason.exits)


def _pending_resume(rotation: Rotation) -> RowInstance | None:
    """A complaint after our suspend: the old credential comes back before anything else."""
    if rotation.mode is not Mode.FORWARD or rotation.plan == "compromised":
        return None
    complained = any(
        state.complaint and not rotation.state(Step.RESUME_OLD).done
        for state in rotation.states.values()
    )
    if not complained or not rotation.intended(Step.SUSPEND) or rotation.intended(Step.DESTROY):
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
    if row.step is Step.DESTROY and _by_hand(rotation) and not state.intended:
        return held("held.destroy-by-hand")
    started = state.intended and state.in_doubt
    if row.windowed and not started and not _fits(rotation, row, now, gates):
        why = f"frozen: {gates.frozen}" if gates.frozen else "waits for its window"
        return Wait(gates.opens_at, why, row)
    return _attempt(rotation, row, now)


def _by_hand(rotation: Rotation) -> bool:
    by_hand = rotation.spec.get("destroy_by_hand") is True and rotation.plan != "compromised"
    return by_hand and not rotation.destroy_released


def _fits(rotation: Rotation, row: RowInstance, now: datetime, gates: Gates) -> bool:
    """A windowed row starts only if it ends inside the window; `promote` with every `deliver`."""
    if not gates.open or gates.frozen:
        return False
    delivers = sum(other.step is Step.DELIVER for other in rotation.rows)
    worst = CALL_DEADLINE * (1 + (delivers if row.step is Step.PROMOTE else 0))
    return gates.until is None or now + worst <= gates.until


def _attempt(rotation: Rotation, row: RowInstance, now: datetime) -> Action:
    state = rotation.states[row.position]
    if state.until is not None and state.until > now:
        return Wait(state.until, state.why or row.name, row)
    if state.tries >= TRIES_MAX and row.on_failure in (OnFailure.ROLL_BACK, OnFailure.HOLD):
        return held("held.out-of-tries")
    return Do(row, state.in_doubt)


# ------------------------------------------------------------------------------ what came of it


def outcome_baseline(rotation: Rotation, outcome: Outcome) -> Facts:
    """What the journal holds to be true of the world once this rotation is closed."""
    before = {**rotation.baseline, "foreign": sorted(rotation.foreign)}
    if outcome in (Outcome.ABANDONED, Outcome.SUPERSEDED):
        return before
    if outcome is Outcome.ACCEPTED or rotation.plan in ("adopt", "repair"):
        return {**before, **_inspected(rotation)}
    if outcome is Outcome.ROLLED_BACK:
        version = rotation.fact(Step.DEMOTE, "version") or rotation.old_version
        return before if version is None else {**before, "version": version}
    if rotation.plan == "retire":
        live = [i for i in _list(before, "live") if i != rotation.old]
        return {**before, "handle": None, "live": live, "retired": True}
    return _replaced(rotation, before)


def _inspected(rotation: Rotation) -> Facts:
    facts = rotation.state(Step.INSPECT).facts
    names = ("version", "handle", "created", "expires", "live", "known", "stated", "foreign")
    return {name: facts[name] for name in names if name in facts}


def _replaced(rotation: Rotation, before: Facts) -> Facts:
    if rotation.new is None:
        scope = set(_list(rotation.opened.facts, "scope"))
        return {**before, "live": [i for i in _list(before, "live") if i not in scope]}
    gone = {
        rotation.old,
        *_list(rotation.opened.facts, "scope"),
        *_list(rotation.state(Step.SWEEP).facts, "contained"),
    }
    live = sorted({rotation.new, *(i for i in _list(before, "live") if i not in gone)})
    issued = rotation.state(Step.ISSUE).facts
    return {
        **before,
        "version": rotation.new_version,
        "handle": rotation.new,
        "live": list(live),
        "created": issued.get("created"),
        "expires": issued.get("expires"),
        "stated": False,
        "known": sorted(v for v in (rotation.new_version, rotation.old_version) if v),
    }


def _list(facts: Facts, name: str) -> list[str]:
    value = facts.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def summarise(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """The derived row after these entries. A function of the whole stream: `before` is the row as
    it was after any earlier prefix, and only counts what earlier rotations left."""
    rotation = fold(entries)
    opened, last = rotation.opened, entries[-1]
    base = before or Identity(
        stream=opened.stream,
        identity=str(opened.facts["spec_identity"]),
        secret=str(opened.facts["secret"]),
        seq=0,
        hash="",
    )
    base = replace(
        base,
        secret=str(opened.facts["secret"]),
        identity=str(opened.facts["spec_identity"]),
        seq=last.seq,
        hash=last.hash,
        rotation=opened.seq,
        on_hold=rotation.on_hold is not None,
        epoch=max(base.epoch, last.epoch),
    )
    if rotation.outcome is not None:
        return _closed(rotation, base, entries)
    return _open(rotation, base, last)


def _open(rotation: Rotation, base: Identity, last: Entry) -> Identity:
    action = next_action(rotation, last.at)
    row = action.row if isinstance(action, Do | Wait) else failed_row(rotation)
    until = action.until if isinstance(action, Wait) else last.at
    is_held = isinstance(action, Held)
    known = _known(rotation.baseline)
    return replace(
        base,
        plan=rotation.plan,
        opened_at=rotation.opened.at,
        phase=None if row is None else str(row.phase),
        row=None if row is None else row.name,
        wake_at=None if is_held and rotation.held else until,
        why=action.why if isinstance(action, Wait) else None,
        held=action.code if isinstance(action, Held) else None,
        held_at=(rotation.held_at or last.at) if is_held else None,
        old=rotation.old if rotation.new_version else None,
        **known,
    )


def _known(baseline: Facts) -> dict[str, object]:
    return {
        "version": baseline.get("version"),
        "handle": baseline.get("handle"),
        "created": unstamp(_text(baseline.get("created"))),
        "expires": unstamp(_text(baseline.get("expires"))),
        "stated": baseline.get("stated") is True,
    }


def _closed(rotation: Rotation, base: Identity, entries: Iterable[Entry]) -> Identity:
    closed = next(entry for entry in entries if entry.kind is Kind.CLOSED)
    rotated = rotation.outcome == Outcome.SUCCEEDED and rotation.plan not in ("adopt", "repair")
    back = rotation.outcome == Outcome.ROLLED_BACK
    already = base.plan is None and base.last_closed_at == closed.at
    result = rotation.result or {}
    return replace(
        base,
        plan=None,
        opened_at=None,
        phase=None,
        row=None,
        wake_at=None,
        why=None,
        held=None,
        held_at=None,
        old=None,
        last_outcome=rotation.outcome,
        last_closed_at=closed.at,
        last_success_at=closed.at if rotated else base.last_success_at,
        rollbacks=base.rollbacks + (not already) if back else (0 if rotated else base.rollbacks),
        retired=result.get("retired") is True,
        **_known(result),
    )
