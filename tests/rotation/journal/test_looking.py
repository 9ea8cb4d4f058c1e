"""Whoever only looks reads what the journal itself reads, also where nobody could write."""

from datetime import timedelta
from pathlib import Path

import pytest

from rotation.errors import JournalError
from rotation.execution.runner import Runner
from rotation.journal.entries import Draft, Kind
from rotation.journal.sql import SqlJournal, journal_for_looks, open_journal
from rotation.machine.decide import Wait
from rotation.plan import PLANS
from tests.support.simulator import SimulatedClock, specification
from tests.support.simulator import bound as simulated
from tests.support.world import INSTALLATION, World

STREAM = "simulated-app"


@pytest.fixture
def journal(tmp_path: Path) -> SqlJournal:
    """One adopted, rotated and rotating secret, and an entry of the installation."""
    world = World()
    world.seed()
    spec = specification(world)
    opened = open_journal(tmp_path / "journal.db", INSTALLATION)
    runner = Runner(
        journal=opened, bind=lambda spec: simulated(world), clock=SimulatedClock(world), id="one"
    )
    for plan in ("adopt", "routine", "routine"):
        runner.open(STREAM, PLANS[plan], spec, trigger="test", who="alice")
        while isinstance(action := runner.advance(STREAM), Wait) and action.until is not None:
            world.advance(action.until)
            if plan == "routine" and world.now.minute > 4:
                break
    runner.open("simulated-other", PLANS["adopt"], spec, trigger="test")
    opened.record(Draft(kind=Kind.FROZEN, facts={"frozen": True}), "one", world.now)
    return opened


def test_every_column_of_every_row_is_the_same(journal: SqlJournal, tmp_path: Path) -> None:
    glance = journal_for_looks(tmp_path / "journal.db", INSTALLATION)
    streams = list(journal.streams())
    assert streams == ["simulated-app", "simulated-other"]
    assert list(glance.streams()) == streams
    assert list(glance.identities()) == list(journal.identities())
    assert glance.installation_entries() == journal.installation_entries()
    for stream in (*streams, "nowhere"):
        assert glance.identity(stream) == journal.identity(stream)
        assert glance.entries(stream) == journal.entries(stream)
        assert list(glance.history(stream)) == list(journal.history(stream))


def test_it_sees_what_a_live_writer_committed_since(journal: SqlJournal, tmp_path: Path) -> None:
    glance = journal_for_looks(tmp_path / "journal.db", INSTALLATION)
    before = glance.entries(STREAM)
    draft = Draft(kind=Kind.REQUESTED, who="bob", facts={"verb": "hold", "reason": "x"})
    journal.request(STREAM, draft, "two", before[-1].at + timedelta(seconds=1))
    assert glance.entries(STREAM) == journal.entries(STREAM) != before
    row = glance.identity(STREAM)
    assert row is not None
    assert row.on_hold


def test_another_installations_journal_is_refused(journal: SqlJournal, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"journal\.installation"):
        journal_for_looks(tmp_path / "journal.db", "ffffffffffff")


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("no database, and long enough to be read as one")
    with pytest.raises(JournalError, match=r"journal\.corrupt"):
        journal_for_looks(tmp_path / "journal.db", INSTALLATION)


def test_what_others_may_read_can_be_looked_at(journal: SqlJournal, tmp_path: Path) -> None:
    (tmp_path / "journal.db").chmod(0o644)
    glance = journal_for_looks(tmp_path / "journal.db", INSTALLATION)
    assert glance.entries(STREAM) == journal.entries(STREAM)
