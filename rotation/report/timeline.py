"""What happened in a rotation, line by line. Pure: from its entries."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import (
    Closed,
    Contained,
    Destroyed,
    Failure,
    HeldFor,
    Issued,
    Opened,
    Proof,
    Requested,
)
from rotation.types import Facts


class Moment(NamedTuple):
    """who: None for what a runner did."""

    at: datetime
    who: str | None
    what: str


def timeline(entries: Sequence[Entry]) -> Iterator[Moment]:
    """Of one rotation. Intents and waits are left out: what came of them is there."""
    for entry in entries:
        if (what := _what(entry)) is not None:
            yield Moment(entry.at, entry.who, what)


def _what(entry: Entry) -> str | None:
    said = _WHOLE.get(entry.kind)
    if said is not None:
        return said(entry.facts)
    if entry.row is None or entry.kind not in _OF_A_ROW:
        return None
    about = "" if entry.row.subject == "-" else f" {entry.row.subject}"
    facts = _found(entry.facts) if entry.kind is Kind.DONE else Failure.of(entry.facts).message
    return f"{entry.row.step}{about}: {_OF_A_ROW[entry.kind]}" + (f", {facts}" if facts else "")


_OF_A_ROW = {
    Kind.DONE: "done",
    Kind.NOTED: "made, not stored yet",
    Kind.FAILED: "refused",
    Kind.RETRY: "not done, is tried again",
    Kind.IN_DOUBT: "may have happened, is looked at again",
}


def _found(facts: Facts) -> str:
    contained, destroyed = Contained.of(facts).contained, Destroyed.of(facts).destroyed
    new, grade = Issued.of(facts).new, Proof.of(facts).grade
    return "; ".join(
        part
        for part in (
            f"switched off {', '.join(contained)}" if contained else "",
            f"destroyed {', '.join(destroyed)}" if destroyed else "",
            f"made {new}" if new else "",
            f"{grade} dead" if grade else "",
        )
        if part
    )


def _opened(facts: Facts) -> str:
    said = Opened.of(facts)
    scope = f": {', '.join(said.scope)}" if said.scope else ""
    spill = ", contained before without the journal" if said.spill else ""
    return f"{said.plan} opened{scope}{spill}"


def _requested(facts: Facts) -> str:
    said = Requested.of(facts)
    return f"{said.verb} was asked for" + (f": {said.reason}" if said.reason else "")


_WHOLE: dict[Kind, Callable[[Facts], str]] = {
    Kind.OPENED: _opened,
    Kind.REQUESTED: _requested,
    Kind.HELD: lambda facts: f"stopped for a person: {HeldFor.of(facts).code}",
    Kind.CLOSED: lambda facts: f"closed: {Closed.of(facts).outcome}",
}
