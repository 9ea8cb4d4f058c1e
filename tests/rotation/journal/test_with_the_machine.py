"""Whole rotations of the real machine, in both journals: the rows that were kept up entry by entry
are the rows that the whole stream folds to, and nothing depends on where it is kept."""

import sqlite3
from contextlib import closing

import pytest

from rotation.journal import upkeep
from rotation.journal.memory import MemoryJournal
from rotation.journal.sql import open_journal
from rotation.machine.decide import Close
from tests.support import stories
from tests.support.crash import STREAM
from tests.support.world import INSTALLATION


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, tmp_path):
    if request.param == "memory":
        yield MemoryJournal(INSTALLATION)
        return
    with open_journal(tmp_path / "journal.db", INSTALLATION) as journal:
        yield journal


TOLD = {
    "routine": stories.routine,
    "rolled back": stories.rollback_after("promote"),
    "rolled back late": stories.rollback_after("suspend"),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_kept_row_is_the_folded_one(journal, name):
    story = stories.seeded()
    story.journal = journal
    assert isinstance(TOLD[name](story), Close)
    assert list(upkeep.check_entries(journal)) == []
    row = journal.identity(STREAM)
    journal.rebuild(STREAM)
    assert journal.identity(STREAM) == row


@pytest.mark.parametrize("boundary", range(5, 120, 9))
def test_the_rows_survive_a_kill_at_any_boundary(journal, boundary):
    story = stories.seeded(exclusive=True)
    story.journal, story.boundaries.kill_at = journal, frozenset({boundary})
    stories.routine(story)
    assert list(upkeep.check_entries(journal)) == []


# What a person's hand did to the row of a rotation that sleeps.
EDITED = [
    "wake_at = NULL",
    "wake_at = '2036-01-01T00:00:00.000000Z'",
    "held = 'held.denied', wake_at = NULL",
    "plan = NULL, wake_at = NULL, handle = NULL",
    "seq = 1, hash = (SELECT hash FROM entry WHERE seq = 1), rotation = 1, plan = NULL",
]


@pytest.fixture
def asleep(tmp_path):
    """In its second rotation, until its old credential was quiet for long enough."""
    with open_journal(tmp_path / "journal.db", INSTALLATION) as journal:
        story = stories.seeded()
        story.journal = journal
        stories.without_faults(story, stories.adopt)
        stories.open_plan(story, "routine")
        stories.advance_until(story, "promote")
        story.runner().advance(STREAM)
        row = journal.identity(STREAM)
        assert row.wake_at is not None
        assert row.wake_at > story.world.now
        yield story


def edit(path, assignment):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"UPDATE identity SET {assignment}").rowcount == 1  # noqa: S608
        connection.commit()


@pytest.mark.parametrize("assignment", EDITED)
def test_a_row_that_misleads_the_scheduler_is_found_and_repaired(asleep, tmp_path, assignment):
    journal, before = asleep.journal, asleep.journal.identity(STREAM)
    assert journal.strays() == []
    edit(tmp_path / "journal.db", assignment)
    assert list(upkeep.repair_at_start(journal)) == [STREAM]
    assert journal.identity(STREAM) == before
    assert isinstance(asleep.drive(), Close)


@pytest.mark.parametrize("assignment", [*EDITED, "epoch = 0", "retired = 1"])
def test_what_is_restored_has_the_rows_that_follow(asleep, tmp_path, assignment):
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    edit(path, assignment)
    upkeep.backup(path, INSTALLATION, copy)
    asleep.journal.close()
    upkeep.restore(path, INSTALLATION, copy, runner="person", who="ada", now=asleep.world.now)
    assert upkeep.check(path, INSTALLATION) == ()


def test_what_a_person_asked_is_due_at_once_and_no_stray(asleep):
    stories.request(asleep, "hold")
    assert asleep.journal.strays() == []
