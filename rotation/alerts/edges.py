"""Events in a rotation that a team should know. Pure: a function of its entries."""

from collections.abc import Iterator, Sequence

from rotation.alerts.alert import Found
from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import Closed, Failure
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.plan import Step
from rotation.report.describe import death, sent_back_by
from rotation.types import Death


def edges(entries: Sequence[Entry], after: int = 0) -> Iterator[Found]:
    """Of one rotation, OPENED first. Entries up to `after` were looked at before."""
    if not any(entry.seq > after and entry.kind in _KINDS for entry in entries):
        return  # folding it takes as long as all else
    rotation = replay(entries)
    for entry in entries:
        if entry.seq > after:
            for event in _events(rotation, entry):
                why = _sent_back(rotation) if event == "rolled-back" else None
                yield Found(
                    event=event, episode=entry.hash[:32] or str(entry.seq), since=entry.at, why=why
                )


_KINDS = frozenset({Kind.FAILED, Kind.DONE, Kind.CLOSED})


def _sent_back(rotation: Rotation) -> str | None:
    row = sent_back_by(rotation)
    return None if row is None else f"the step {row.name} was refused"


def _events(rotation: Rotation, entry: Entry) -> Iterator[str]:
    if entry.kind is Kind.FAILED and Failure.of(entry.facts).complaint:
        yield "complaint"
    if entry.kind is Kind.DONE and entry.row is not None and entry.row.step == Step.CONTAIN:
        yield "emergency-contained"
    if entry.kind is Kind.CLOSED:
        yield from _end_of_emergency(rotation) if rotation.rules.contains else _end(rotation, entry)


def _end_of_emergency(rotation: Rotation) -> Iterator[str]:
    """A cancelled one was a mistake; a superseded one goes on as the next."""
    unproven = rotation.outcome == Outcome.ABANDONED or (
        rotation.outcome == Outcome.SUCCEEDED and death(rotation) in (None, Death.SENT)
    )
    yield "emergency-unproven" if unproven else "emergency-closed"


def _end(rotation: Rotation, entry: Entry) -> Iterator[str]:
    closed = Closed.of(entry.facts)
    if closed.outcome == Outcome.SUCCEEDED and closed.rotated:
        yield "succeeded"
    if closed.outcome == Outcome.ROLLED_BACK and rotation.asked is None:
        yield "rolled-back"  # where a person asked for it, that person knows
