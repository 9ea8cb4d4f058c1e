"""What an error becomes in the journal: a wait, another try, doubt, or a failure."""

import hashlib
from datetime import timedelta

from rotation.effects.context import Context
from rotation.entries import Kind, stamp
from rotation.errors import (
    Ambiguous,
    Complaint,
    NeedsPerson,
    NotYet,
    Permanent,
    Refused,
    RotationError,
    Transient,
)
from rotation.held import held_code
from rotation.plan import URGENT, OnFailure
from rotation.types import Facts

BACKOFF_FIRST, BACKOFF_MAX = timedelta(seconds=2), timedelta(hours=1)
URGENT_MAX = timedelta(seconds=15)
_ANSWERED = (OnFailure.ROLL_BACK, OnFailure.HOLD)
"""Rows that a plain no ends. The others ask again."""


def setback(cx: Context, error: RotationError, *, doubtful: bool) -> tuple[Kind, Facts]:
    """doubtful: it may have happened. An error that is no answer of the world is raised."""
    told: Facts = {"message": error.message, "hint": error.hint, **error.facts}
    failed: Facts = {**told, "cause": error.code, "in_doubt": doubtful}
    match error:
        case NotYet():
            until: Facts = {"until": stamp(error.until), "why": error.message}
            return Kind.WAITING, {**(error.observed or {}), **until}
        case Complaint():
            return Kind.FAILED, {**failed, "code": held_code(error), "complaint": True}
        case NeedsPerson():
            return Kind.FAILED, {**failed, "code": held_code(error)}
        case Refused() if cx.row.on_failure in _ANSWERED:
            return Kind.FAILED, {**failed, "code": held_code(error)}
        case Permanent() if error.facts.get("void") and cx.row.on_failure in _ANSWERED:
            return Kind.FAILED, {**failed, "code": "held.refused"}
        case Transient() | Ambiguous() | Permanent():
            return Kind.IN_DOUBT if doubtful else Kind.RETRY, {**told, **_again(cx, error)}
        case _:
            raise error


def _again(cx: Context, error: RotationError) -> Facts:
    """Exponential, spread by a hash so that many rows do not return together, capped."""
    delay = min(BACKOFF_FIRST * 2 ** min(cx.state.tries, 12), BACKOFF_MAX)
    if error.facts.get("void") and isinstance(error, Transient):
        delay = min(delay, BACKOFF_FIRST)
    if cx.row.step in URGENT:
        delay = min(delay, URGENT_MAX)
    if isinstance(error, Transient) and error.retry_after is not None:
        delay = max(delay, timedelta(seconds=error.retry_after))
    last = cx.rotation.last
    seed = hashlib.sha256(f"{last.stream}/{last.seq}".encode()).digest()[0]
    until = cx.now + delay * (1 + seed / 1024)
    return {"code": error.code, "until": stamp(until), "why": error.message}
