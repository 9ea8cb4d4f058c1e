"""Whole rotations of the real machine, in both journals: the rows that were kept up entry by entry
are the rows that the whole stream folds to, and nothing depends on where it is kept."""

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
