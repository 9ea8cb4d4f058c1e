"""The vocabulary of the journal's tests."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rotation.journal import Journal
from rotation.journal.entries import (
    GENESIS,
    Draft,
    Entry,
    Identity,
    Kind,
    Lease,
    RowKey,
    entry_hash,
)

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
TTL = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
APP = "simulated-app"
ROW = RowKey(1, "issue", "-", 0)


class Crash(BaseException):
    """The process ends here, in the middle of a transaction."""


def simple_row(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """A derived row that needs no plan: facts say when to wake and what is held. A fact named
    `crash` ends the process."""
    last = entries[-1]
    if "crash" in last.facts:
        raise Crash
    base = before or Identity(stream=last.stream, identity="", secret="", seq=0, hash=GENESIS)
    is_open = not any(entry.kind is Kind.CLOSED for entry in entries)
    held = last.facts.get("code") if last.kind is Kind.HELD else None
    return replace(
        base,
        identity=str(entries[0].facts.get("identity", base.identity)),
        secret=str(entries[0].facts.get("secret", base.secret)),
        seq=last.seq,
        hash=last.hash,
        rotation=entries[0].seq,
        plan="routine" if is_open else None,
        held=None if held is None else str(held),
        wake_at=last.at if is_open and held is None else None,
        on_hold=any(entry.facts.get("verb") == "hold" for entry in entries),
    )


def done(**facts: int | str) -> Draft:
    return Draft(kind=Kind.DONE, row=ROW, facts=dict(facts))


def began(attempt: str = "a" * 32) -> Draft:
    return Draft(kind=Kind.BEGAN, row=ROW, attempt=attempt)


def opening(**facts: int | str) -> Draft:
    return Draft(kind=Kind.OPENED, facts={"identity": "app", "secret": "app", **facts})


def asking(verb: str) -> Draft:
    return Draft(kind=Kind.REQUESTED, who="ada", facts={"verb": verb})


CLOSED = Draft(kind=Kind.CLOSED, facts={"outcome": "succeeded"})
HOLD = asking("hold")


def claimed(journal: Journal, stream: str = APP, runner: str = "one", at: datetime = NOW) -> Lease:
    lease = journal.claim(stream, runner, at, TTL)
    assert lease is not None
    return lease


def opened(journal: Journal, stream: str = APP, runner: str = "one") -> Lease:
    lease = claimed(journal, stream, runner)
    open_next(journal, opening(), stream, runner)
    return lease


def open_next(
    journal: Journal, draft: Draft, stream: str = APP, runner: str = "one", secret: str = "app"
) -> Entry:
    """Opens a rotation, decided from everything so far."""
    latest = journal.entries(stream)
    seen = latest[-1].seq if latest else 0
    return journal.open(stream, runner, "app", secret, draft, NOW, seen=seen)


def unbroken(entries: Iterable[Entry]) -> bool:
    """From the first entry of the stream: no gap, every hash right, no step back in time."""
    seq, prev, at = 0, GENESIS, datetime.min.replace(tzinfo=UTC)
    for entry in entries:
        if (entry.seq, entry.prev) != (seq + 1, prev) or entry.at < at:
            return False
        if entry.hash != entry_hash(entry):
            return False
        seq, prev, at = entry.seq, entry.hash, entry.at
    return seq > 0


def kinds(entries: Iterable[Entry]) -> list[Kind]:
    return [entry.kind for entry in entries]
