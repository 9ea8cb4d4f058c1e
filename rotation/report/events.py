"""The journal's entries as events of a log: level, dotted name in the past tense, public facts."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import LOGGED
from rotation.journal.record import Count, Record, Text
from rotation.plan import STEPS
from rotation.types import Facts

PAST: Mapping[str, str] = {step: row.past for step, row in STEPS.items()}

_OF_KIND = {
    Kind.OPENED: (logging.INFO, "rotation.opened"),
    Kind.BEGAN: (logging.DEBUG, "rotation.began"),
    Kind.NOTED: (logging.INFO, "rotation.minted"),
    Kind.OBSERVED: (logging.DEBUG, "rotation.observed"),
    Kind.WAITING: (logging.DEBUG, "rotation.waited"),
    Kind.RETRY: (logging.WARNING, "rotation.postponed"),
    Kind.IN_DOUBT: (logging.WARNING, "rotation.doubted"),
    Kind.FAILED: (logging.WARNING, "rotation.refused"),
    Kind.HELD: (logging.ERROR, "rotation.held"),
    Kind.REQUESTED: (logging.INFO, "rotation.requested"),
    Kind.CLOSED: (logging.INFO, "rotation.closed"),
}


class Whose(Record):
    """What an event says besides the entry's own facts."""

    secret: Text = Text()
    stream: Text = Text()
    seq: Count = Count()
    step: Text = Text()
    subject: Text = Text()
    who: Text = Text()


def events(
    entries: Sequence[Entry], secret_of: Callable[[str], str | None]
) -> Iterator[tuple[int, str, Facts]]:
    """What happened, as level, dotted event in the past tense, and public facts."""
    for entry in entries:
        level, name = _OF_KIND.get(entry.kind, (logging.INFO, f"installation.{entry.kind}"))
        if entry.kind is Kind.DONE and entry.row is not None:
            name = f"rotation.{PAST.get(entry.row.step, entry.row.step)}"
        whose = Whose(secret=secret_of(entry.stream), stream=entry.stream, seq=entry.seq)
        if entry.row is not None:
            whose |= Whose(step=entry.row.step, subject=entry.row.subject)
        whose |= Whose(who=entry.who)
        said = {key: entry.facts[key] for key in LOGGED if key in entry.facts}
        facts = {**whose.facts, **said}
        yield level, name, {k: v for k, v in facts.items() if v is not None and v != "-"}


def observer(
    secret_of: Callable[[str], str | None] = lambda stream: None,
    opened_of: Callable[[str], Sequence[Entry]] = lambda stream: (),
) -> Callable[[Sequence[Entry]], None]:
    """A follower of a runner that logs each entry once it is durable. opened_of: returns the
    stream's OPENED where another process wrote it, so that the operator's request and its reason
    are logged too."""
    log = structlog.get_logger("rotation")
    seen: dict[str, int] = {}

    def observed(entries: Sequence[Entry]) -> None:
        news = [e for e in entries[:1] if e.rotation and seen.get(e.stream) != e.rotation]
        seen.update((e.stream, e.rotation) for e in entries)
        opened = [o for e in news if e.kind is not Kind.OPENED for o in opened_of(e.stream)[:1]]
        for level, name, facts in events([*opened, *entries], secret_of):
            log.log(level, name, **facts)

    return observed
