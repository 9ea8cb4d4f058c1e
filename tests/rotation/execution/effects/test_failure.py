"""What an error becomes in the journal."""

import pytest

from rotation.errors import (
    Ambiguous,
    Denied,
    NeedsPerson,
    NotYet,
    Refused,
    RotationError,
    Transient,
    UsageError,
)
from rotation.execution.effects.failure import BACKOFF_MAX, failure_entry
from rotation.journal.entries import Kind
from rotation.journal.facts import Cause, Delay
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at


@pytest.mark.parametrize(
    ("error", "doubtful", "kind", "code"),
    [
        (Transient("x.busy", "busy"), False, Kind.RETRY, "x.busy"),
        (Transient("x.lost", "no answer"), True, Kind.IN_DOUBT, "x.lost"),
        (Ambiguous("x.lost", "no answer"), True, Kind.IN_DOUBT, "x.lost"),
        (Denied("x.denied", "denied"), False, Kind.FAILED, "held.denied"),
        (Refused("x.refused", "no"), False, Kind.FAILED, "held.refused"),
        (NeedsPerson("held.slot-full", "full"), False, Kind.FAILED, "held.slot-full"),
    ],
)
def test_each_verdict_has_its_kind(
    error: RotationError, kind: Kind, code: str, *, doubtful: bool
) -> None:
    found, said = failure_entry(at(opened(), Step.ISSUE), error, doubtful=doubtful)
    assert (found, Cause.of(said.facts).code) == (kind, code)


def test_a_wait_keeps_its_time_and_its_reason() -> None:
    cx = at(opened(), Step.ISSUE)
    kind, said = failure_entry(cx, NotYet("x.later", "later", until=cx.now), doubtful=False)
    waits = Delay.of(said.facts)
    assert (kind, waits.until, waits.why) == (Kind.WAITING, cx.now, "later")


def test_a_service_that_names_its_pause_is_not_asked_before() -> None:
    cx = at(opened(), Step.ISSUE)
    busy = Transient("x.busy", "busy", retry_after=600)
    _, said = failure_entry(cx, busy, doubtful=False)
    until = Delay.of(said.facts).until
    assert until is not None
    assert 600 <= (until - cx.now).total_seconds() < BACKOFF_MAX.total_seconds()


def test_what_is_no_answer_of_the_world_is_raised() -> None:
    with pytest.raises(UsageError):
        failure_entry(at(opened(), Step.ISSUE), UsageError("x.typed", "typed"), doubtful=False)
