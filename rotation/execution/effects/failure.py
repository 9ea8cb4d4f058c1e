"""How an error is recorded in the journal: as a wait, another try, doubt, or a failure."""

import hashlib
from datetime import timedelta

from rotation.errors import (
    Ambiguous,
    Complaint,
    Conflict,
    Denied,
    NeedsPerson,
    NotYet,
    Permanent,
    Refused,
    RotationError,
    Transient,
)
from rotation.execution.effects.context import Context
from rotation.journal.entries import Kind
from rotation.journal.facts import Attempt, Cause, Delay, Failure
from rotation.journal.record import Record
from rotation.machine.held import held_code
from rotation.machine.replay import is_past_return
from rotation.plan import URGENT, OnFailure, Step

BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=2), timedelta(hours=1)
URGENT_MAX = timedelta(seconds=15)
OUTAGE_MAX = timedelta(seconds=30)
# After so many refusals one more try will not help.
REFUSALS_MAX = 5
# Rows that end when the service plainly refuses. All others ask again.
_ANSWERED = (OnFailure.ROLL_BACK, OnFailure.HOLD)


def failure_entry(cx: Context, error: RotationError, *, doubtful: bool) -> tuple[Kind, Record]:
    """Raises `error` itself where it is no answer from the world. doubtful: the effect may have
    happened."""
    left = Attempt.of(error.facts)
    said = Failure(message=error.message, hint=error.hint) | left
    failed = said | Failure(cause=error.code, in_doubt=doubtful)
    match error:
        case NotYet():
            observed = {**(error.observed or {})}
            if cx.in_doubt:
                # This call left nothing behind; the one before it may have.
                observed.pop(Attempt.void.name, None)
            waits = Delay(until=error.until, why=error.message)
            return Kind.WAITING, Delay.of(observed) | waits
        case Permanent() if _readers_wait(cx) and _is_settled(cx, error):
            return Kind.FAILED, failed | Cause(code=_unverified(cx, error))
        case Complaint():
            return Kind.FAILED, failed | Failure(code=held_code(error), complaint=True)
        case NeedsPerson():
            return Kind.FAILED, failed | Cause(code=held_code(error))
        case Refused() if cx.row.on_failure in _ANSWERED:
            return Kind.FAILED, failed | Cause(code=held_code(error))
        case Permanent() if left.void and cx.row.on_failure in _ANSWERED:
            return Kind.FAILED, failed | Cause(code="held.refused")
        case Transient() | Ambiguous() | Permanent():
            return Kind.IN_DOUBT if doubtful else Kind.RETRY, said | Cause(
                code=error.code
            ) | _again(cx, error)
        case _:
            raise error


def _readers_wait(cx: Context) -> bool:
    """Whether the old credential is dead and readers get the new one only after this row."""
    return is_past_return(cx.rotation) and cx.row.step in (Step.VERIFY, Step.PROMOTE)


def _is_settled(cx: Context, error: Permanent) -> bool:
    return isinstance(error, NeedsPerson) or cx.state.tries >= REFUSALS_MAX


def _unverified(cx: Context, error: Permanent) -> str:
    unverified = cx.row.step is Step.VERIFY and not isinstance(error, Denied | Conflict)
    return "held.new-unverified" if unverified else held_code(error)


def _again(cx: Context, error: RotationError) -> Record:
    """Exponential back-off with a limit, spread by a hash so that many rows do not return at once."""
    delay = min(BACKOFF_FIRST * 2 ** min(cx.state.tries, 12), BACKOFF_MAX)
    if Attempt.of(error.facts).void and isinstance(error, Transient):
        delay = min(delay, BACKOFF_FIRST)
    if cx.row.step in URGENT:
        delay = min(delay, URGENT_MAX)
    if _readers_wait(cx) or (cx.traits.delegated and isinstance(error, Ambiguous)):
        delay = min(delay, OUTAGE_MAX)
    if isinstance(error, Transient) and error.retry_after is not None:
        delay = max(delay, min(timedelta(seconds=error.retry_after), BACKOFF_MAX))
    last = cx.rotation.last
    seed = hashlib.sha256(f"{last.stream}/{last.seq}".encode()).digest()[0]
    until = cx.now + delay * (1 + seed / 1024)
    return Delay(until=until, why=error.message)
