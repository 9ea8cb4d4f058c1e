"""Pauses with an end: from then on the secret goes on, and the journal says so."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rotation.errors import JournalMoved
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.facts import Requested
from rotation.operations.installation import Installation
from rotation.types import Facts

WHO = "the end of the pause"


def end_of(entries: Sequence[Entry]) -> datetime | None:
    """When the pause ends that a person put on it last; None: when a person lifts it."""
    for entry in reversed(entries):
        asked = Requested.of(entry.facts) if entry.kind is Kind.REQUESTED else None
        if asked is not None and asked.verb in ("hold", "release"):
            return asked.until if asked.verb == "hold" else None
    return None


def lift_ended(here: Installation, now: datetime) -> Iterator[str]:
    """The secrets whose pauses have ended. What a person asks for at the same moment counts: then
    nothing is lifted, and the next look decides again."""
    for row in here.journal.paused():
        entries = here.journal.entries(row.stream)
        end = end_of(entries)
        if end is None or now < end:
            continue
        facts: Facts = {key: fact for key, fact in Requested(verb="release").facts.items() if fact}
        draft = Draft(kind=Kind.REQUESTED, who=WHO, facts=facts)
        try:
            here.journal.request(row.stream, draft, here.runner.id, now, seen=entries[-1].seq)
        except JournalMoved:
            continue
        yield row.secret
