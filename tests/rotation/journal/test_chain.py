"""Entries are linked to what they follow, all of them or none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotation.errors import JournalError
from rotation.journal.chain import blank, is_open, link, rotations
from rotation.journal.entries import GENESIS, INSTALLATION, Draft, Entry, Kind, entry_hash

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def linked(past: tuple[Entry, ...], *kinds: Kind, at: datetime = NOON) -> tuple[Entry, ...]:
    drafts = [Draft(kind=kind, facts={}) for kind in kinds]
    return link(past, "s", drafts, epoch=1, runner="r", now=at)


def test_each_names_the_hash_of_the_one_before() -> None:
    first, second = linked((), Kind.OPENED, Kind.CLOSED)
    assert (first.prev, second.prev) == (GENESIS, first.hash)
    assert (first.seq, second.seq, second.rotation) == (1, 2, 1)
    assert second.hash == entry_hash(second) != entry_hash(replace(second, who="somebody"))


def test_time_does_not_go_back() -> None:
    first = linked((), Kind.OPENED)
    [second] = linked(first, Kind.CLOSED, at=NOON - timedelta(hours=1))
    assert second.at == NOON


def test_what_belongs_to_the_installation_is_in_no_stream_of_a_secret() -> None:
    with pytest.raises(JournalError):
        linked((), Kind.OPENED, Kind.SEEN)
    with pytest.raises(JournalError):
        link((), INSTALLATION, [Draft(kind=Kind.OPENED, facts={})], epoch=0, runner="r", now=NOON)


def test_a_stream_falls_into_its_rotations() -> None:
    one = linked((), Kind.OPENED, Kind.CLOSED)
    two = linked(one, Kind.OPENED)
    assert list(rotations((*one, *two))) == [one, two]
    assert (is_open(one), is_open(two), is_open(())) == (False, True, False)


def test_a_stream_without_entries_has_an_empty_row() -> None:
    assert (blank("s").seq, blank("s").hash, blank("s").plan) == (0, GENESIS, None)
