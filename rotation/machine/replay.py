"""A rotation, folded from its entries. Pure: no clock, no I/O."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from rotation.journal.decided import Deciding
from rotation.journal.entries import NONSENSE, Entry, Kind, RowKey, corrupt
from rotation.journal.facts import (
    Attempt,
    Cause,
    Closed,
    Delay,
    Failure,
    HeldFor,
    Logins,
    Opened,
    Requested,
    Room,
    baseline_of,
)
from rotation.machine.leftover import Leftover, leftovers_of
from rotation.machine.rotation import Mode, Outcome, Rotation, RowState
from rotation.plan import OnFailure, PlanRules, RowInstance, Step
from rotation.plan.compiled import rows_of

__all__ = [
    "Mode",
    "Outcome",
    "Rotation",
    "RowState",
    "can_go_back",
    "failed_row",
    "is_past_return",
    "replaced_by",
    "replay",
]  # fmt: skip


def replay(entries: Sequence[Entry]) -> Rotation:
    """Folds the entries of one rotation, OPENED first; the result must not be changed. A rotation
    with a row that this version does not know is Held until it is abandoned. Raises JournalError
    for entries that no version of this program wrote."""
    if not entries:
        raise corrupt("a rotation that has a row and no entries")
    try:
        return _fold(entries)
    except NONSENSE:
        raise corrupt(f"the rotation of {entries[-1].stream}") from None


class Replayed:
    """`replay`, which keeps its last result and folds entries that end in the same one only once."""

    def __init__(self) -> None:
        self._last: Rotation | None = None

    def __call__(self, entries: Sequence[Entry]) -> Rotation:
        if self._last is None or self._last.last.hash != entries[-1].hash:
            self._last = replay(entries)
        return self._last


def _fold(entries: Sequence[Entry]) -> Rotation:
    opened, compiled = entries[0], rows_of(entries[0])
    said = Opened.of(opened.facts)
    assert opened.kind is Kind.OPENED and said, (
        "a rotation begins with OPENED, which says something"
    )
    baseline = baseline_of(opened)
    rows = compiled.rows + compiled.undo + compiled.accept
    rotation = Rotation(
        stream=opened.stream,
        opened=opened,
        plan=said.plan,
        rows=compiled.rows,
        undo=compiled.undo,
        accept=compiled.accept,
        states={row.position: RowState() for row in rows},
        last=opened,
        baseline=baseline,
        foreign=frozenset(baseline.foreign),
        leftovers=leftovers_of(baseline),
        on_hold=said.on_hold,
        on_hold_by=said.on_hold_by,
        attempts=frozenset(baseline.attempts),
        readable=not compiled.unknown,
    )
    for entry in entries[1:]:
        _add(rotation, entry)
    if compiled.unknown and rotation.outcome is None:
        rotation.held, rotation.held_at = "held.unknown-row", rotation.held_at or opened.at
    return rotation


def _add(rotation: Rotation, entry: Entry) -> None:
    rotation.last = entry
    if entry.row is not None:
        _fold_row(rotation, entry, entry.row)
    elif entry.kind is Kind.REQUESTED:
        _fold_request(rotation, entry)
    elif entry.kind is Kind.HELD:
        rotation.held, rotation.held_at = HeldFor.of(entry.facts).code, entry.at
    elif entry.kind is Kind.CLOSED:
        rotation.outcome = Closed.of(entry.facts).outcome
        rotation.result = baseline_of(entry)
    if entry.kind in (Kind.FAILED, Kind.REQUESTED):
        rotation.complained = any(state.complaint for state in rotation.states.values())


def _fold_row(rotation: Rotation, entry: Entry, key: RowKey) -> None:
    state = rotation.states.get(key.position)
    if state is None:
        return  # a row that this version does not know
    if entry.kind is Kind.BEGAN:
        _fold_intent(rotation, state, entry)
    if key.round < state.round:
        return
    attempt = Attempt.of(entry.facts)
    if attempt.unsent and key.step == replaced_by(rotation):
        state.intended = state.intended_before  # it failed before the issuer was asked
    if attempt.void:
        # The attempt left nothing behind: keep only its cause, and let the next one start from
        # nothing.
        state.facts = Cause.only(entry.facts).facts
        state.attempt, state.in_doubt = None, False
        rotation.leftovers.pop(str(attempt.removed), None)
    else:
        state.facts = {**state.facts, **entry.facts}
        state.facts.pop(Deciding.next.name, None)
    failure = Failure.of(entry.facts)
    state.happened |= entry.kind in (Kind.DONE, Kind.IN_DOUBT) or failure.in_doubt
    match entry.kind:
        case Kind.DONE:
            state.done, state.done_at, state.in_doubt = True, _at(entry), False
            _after_done(rotation, key)
        case Kind.WAITING | Kind.RETRY | Kind.IN_DOUBT | Kind.OBSERVED:
            _fold_wait(state, entry)
        case Kind.FAILED:
            state.failed, state.message = failure.code, failure.message
            state.complaint, state.in_doubt = failure.complaint, failure.in_doubt
            if _rolls_back(rotation, key.position) and rotation.undo:
                rotation.mode = Mode.UNDO
        case _:
            pass


def _at(entry: Entry) -> datetime:
    return entry.server_at or entry.at


def _fold_intent(rotation: Rotation, state: RowState, entry: Entry) -> None:
    if entry.attempt != state.attempt:
        state.intended_before = state.intended
    state.intended = state.in_doubt = True
    state.began_at, state.attempt, state.opens_at = _at(entry), entry.attempt, None
    if entry.row is not None and entry.row.step == Step.ISSUE and entry.attempt is not None:
        rotation.attempts |= {entry.attempt}


def _fold_wait(state: RowState, entry: Entry) -> None:
    wait = Delay.of(entry.facts)
    state.why = wait.why
    if wait.window:
        state.opens_at = wait.until
        return
    state.until, state.retrying = wait.until, entry.kind in (Kind.RETRY, Kind.IN_DOUBT)
    if state.retrying:
        state.tries += 1
        state.in_doubt = entry.kind is Kind.IN_DOUBT


def _rolls_back(rotation: Rotation, position: int) -> bool:
    row = next((row for row in rotation.rows if row.position == position), None)
    state = rotation.states[position]
    return (
        row is not None and row.on_failure is OnFailure.ROLL_BACK and state.failed == "held.refused"
    )


def _after_done(rotation: Rotation, key: RowKey) -> None:
    if key.step == Step.ISSUE and not rotation.rules.replaces_dead:
        # `issue` removed them before it minted; in an emergency those in its scope are destroyed
        # later.
        scope = rotation.scope
        rotation.leftovers = {i: it for i, it in rotation.leftovers.items() if i in scope}
    # A suspend that was undone must be done again with all rows after it: a new round. The
    # complaint stays until a person resumes.
    if key.step == Step.RESUME_OLD and rotation.mode is Mode.FORWARD:
        suspend = next((row for row in rotation.rows if row.step is Step.SUSPEND), None)
        if suspend is not None:
            for row in rotation.rows[suspend.position :]:
                _new_round(rotation.states[row.position])
            rotation.states[suspend.position].in_doubt = False


def _new_round(state: RowState) -> None:
    state.round += 1
    state.done, state.until, state.why, state.tries = False, None, None, 0
    # Logins of an earlier round prove nothing in the next one.
    state.facts = {name: fact for name, fact in state.facts.items() if name not in Logins.keys}


def _fold_request(rotation: Rotation, entry: Entry) -> None:
    asked = Requested.of(entry.facts)
    verb, instance = asked.verb, asked.instance
    if verb == "hold":
        rotation.on_hold = asked.reason or "no reason was given"
        rotation.on_hold_by = entry.who
    elif verb == "release":
        rotation.on_hold = rotation.on_hold_by = None
    elif verb in ("resume", "now"):
        _go_on(rotation, asked)
    elif verb in ("rollback", "cancel") and can_go_back(rotation):
        rotation.mode, rotation.asked = Mode.UNDO, entry
        _resume(rotation)
    elif verb == "accept-current" and not is_past_return(rotation):
        rotation.mode = Mode.ACCEPT
        _resume(rotation)
    elif verb == "ours" and instance:
        _give_up(rotation, instance)
        _resume(rotation)
    elif verb == "foreign" and instance:
        rotation.foreign |= {instance}
        rotation.leftovers.pop(instance, None)
        _resume(rotation)
    elif verb == "abandon":
        rotation.abandoned = True


def _go_on(rotation: Rotation, asked: Requested) -> None:
    if asked.now:
        _try_now(rotation)
    if asked.verb == "resume":
        rotation.change_accepted |= rotation.held == "held.spec-changed"
        _resume(rotation)
        rotation.destroy_released |= asked.destroy
        rotation.unverified |= asked.unverified and is_past_return(rotation)


def _try_now(rotation: Rotation) -> None:
    """The cause is gone, so pauses after failed tries end. All other waits go on."""
    for state in rotation.states.values():
        if state.retrying:
            state.until, state.tries, state.retrying = None, 0, False


def _give_up(rotation: Rotation, instance: str) -> None:
    """A person's word replaces the evidence that nobody has this instance. It never applies to the
    current one, which a mistyped id may name, except where that one was found dead."""
    if rotation.rules.replaces_dead and instance == rotation.old:
        rotation.given_up |= {instance}
    elif instance not in (rotation.old, rotation.new):
        rotation.given_up |= {instance}
        before = rotation.leftovers.get(instance, Leftover())
        rotation.leftovers[instance] = replace(before, served=False)
        rotation.foreign -= {instance}


def can_go_back(rotation: Rotation) -> bool:
    """Possible until destroy is intended. An emergency can be cancelled only while nothing is
    destroyed or promoted."""
    too_late = [Step.DESTROY]
    if rotation.rules.promotion_is_final:
        too_late += [Step.PROMOTE]
    resumes = any(row.step is Step.RESUME_OLD for row in rotation.undo)
    if not resumes:
        too_late += [Step.CONTAIN]  # the issuer cannot suspend, so containing destroyed
    if is_past_return(rotation):
        return False
    made_room = bool(rotation.state(Step.MAKE_ROOM).record(Room).destroyed)
    return bool(rotation.undo) and not made_room and not any(map(rotation.intended, too_late))


def replaced_by(rotation: Rotation) -> Step | None:
    """Without overlap: the row whose intent ends the old credential for good, and with it the way
    back. None where the old credential lives until it is destroyed."""
    return cut_of(rotation.rules, {row.step for row in rotation.rows})


def cut_of(rules: PlanRules, steps: Collection[Step]) -> Step | None:
    if not rules.risks_outage or {*steps} & {Step.CONTAIN, Step.DESTROY}:
        return None
    return Step.ACTIVATE if Step.ACTIVATE in steps else Step.ISSUE


def is_past_return(rotation: Rotation) -> bool:
    step = replaced_by(rotation)
    return step is not None and rotation.intended(step)


def _resume(rotation: Rotation) -> None:
    """Takes up the failed row and the rows after it again; every row gets its tries back."""
    failed = failed_row(rotation)
    rotation.held = rotation.held_at = None
    for state in rotation.states.values():
        state.tries = 0
    if failed is None:
        return
    for position in _from(rotation, failed):
        state = rotation.states[position]
        _new_round(state)
        state.failed, state.complaint = None, False


def _from(rotation: Rotation, row: RowInstance) -> set[int]:
    """The row and all rows that depend on it. A parallel row is left alone: a finished `issue` must
    not mint again because a proof beside it was denied."""
    found = {row.position}
    for other in rotation.rows:
        if not found.isdisjoint(other.after):
            found.add(other.position)
    back = (*rotation.undo, *rotation.accept)
    return found | {other.position for other in back if other.position >= row.position}


def failed_row(rotation: Rotation) -> RowInstance | None:
    """The row of the present mode that failed and was not taken up again."""
    return next((row for row in rotation.active_rows if rotation.states[row.position].failed), None)
