"""Entries and rows as a database has them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from rotation.errors import JournalError
from rotation.journal.rows import (
    ENTRY_NAMES,
    IDENTITY_NAMES,
    entry_from,
    entry_values,
    identity_changes,
    identity_from,
    identity_values,
)
from tests.support.crash import STREAM
from tests.support.stories import routine, seeded

STORY = seeded()
routine(STORY)
ENTRIES = STORY.entries()
ROW = STORY.journal.identity(STREAM)


def stored(values: list[object]) -> Sequence[object]:
    """As a database gives them back."""
    with closing(sqlite3.connect(":memory:")) as database:
        marks = ", ".join("?" for _ in values)
        return database.execute(f"SELECT {marks}", values).fetchone()


def test_an_entry_is_read_as_it_was_stored() -> None:
    for entry in ENTRIES:
        values = entry_values(entry)
        assert entry_from(stored([values[name] for name in ENTRY_NAMES])) == entry


def test_a_row_is_read_as_it_was_stored_and_only_changes_are_named() -> None:
    values = identity_values(ROW)
    read = identity_from(stored([values[name] for name in IDENTITY_NAMES]))
    assert read == ROW
    assert identity_changes(read, ROW) == {}


@pytest.mark.parametrize(
    ("name", "odd"),
    [("seq", "1"), ("kind", "sung"), ("at", "noon"), ("facts", "[]"), ("facts", "{"), ("who", 1)],
)
def test_what_a_database_would_take_and_no_version_wrote(name: str, odd: object) -> None:
    values = {**entry_values(ENTRIES[0]), name: odd}
    with pytest.raises(JournalError) as caught:
        entry_from([values[each] for each in ENTRY_NAMES])
    assert caught.value.code == "journal.corrupt"


def test_a_row_that_is_none_is_told() -> None:
    values = {**identity_values(ROW), "seq": "one"}
    with pytest.raises(JournalError):
        identity_from([values[each] for each in IDENTITY_NAMES])
