"""Who may write to a stream, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from rotation.errors import AlreadyOpen, JournalError, JournalMoved, StaleEpoch
from rotation.journal.entries import Draft, Kind
from rotation.journal.memory import MemoryJournal
from rotation.testing.journal import simple_row

NOON, TTL = datetime(2026, 6, 1, 12, tzinfo=UTC), timedelta(minutes=1)
OPENED, CLOSED = (Draft(kind=kind, facts={}) for kind in (Kind.OPENED, Kind.CLOSED))


def begun() -> MemoryJournal:
    journal = MemoryJournal("0123456789ab", summarise=simple_row)
    journal.open("s", "one", "i", "app", OPENED, NOON, seen=0)
    return journal


def test_a_lease_is_one_runners_until_it_ends_or_its_runner_does() -> None:
    journal = begun()
    lease = journal.claim("s", "one", NOON, TTL)
    assert lease is not None
    assert journal.claim("s", "two", NOON, TTL) is None
    after = journal.claim("s", "two", NOON + TTL, TTL)
    assert after is not None
    assert after.epoch == lease.epoch + 1
    assert journal.claim("s", "three", NOON, TTL, dead=lambda runner: True) is not None


def test_who_lost_the_lease_writes_nothing() -> None:
    journal = begun()
    lease = journal.claim("s", "one", NOON, TTL)
    assert lease is not None
    journal.claim("s", "two", NOON + TTL, TTL)
    with pytest.raises(StaleEpoch):
        journal.append(lease, [CLOSED], NOON)
    assert len(list(journal.history("s"))) == 1


def test_one_rotation_is_open_at_a_time() -> None:
    with pytest.raises(AlreadyOpen):
        begun().open("s", "two", "i", "app", OPENED, NOON, seen=1)


def test_what_was_decided_on_older_entries_opens_nothing() -> None:
    journal = begun()
    lease = journal.claim("s", "one", NOON, TTL)
    assert lease is not None
    journal.append(lease, [CLOSED], NOON)
    with pytest.raises(JournalMoved):
        journal.open("s", "one", "i", "app", OPENED, NOON, seen=1)
    journal.open("s", "one", "i", "app", OPENED, NOON, seen=2)


def test_an_append_opens_nothing() -> None:
    journal = begun()
    lease = journal.claim("s", "one", NOON, TTL)
    assert lease is not None
    with pytest.raises(JournalError):
        journal.append(lease, [OPENED], NOON)
