"""`journal`: what was copied, put back and upgraded is told to a person and to a program."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rotation.journal.sql import open_journal
from tests.support import stories
from tests.support.configured import file, reply, run
from tests.support.world import INSTALLATION

__all__ = ["file"]


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.runtime.process.harden", lambda: None)


def test_each_verb_is_one_document(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made: Any = reply(file, "journal", "backup", str(copy))
    assert (made["kind"], made["file"], copy.exists()) == ("journal-backup", str(copy), True)
    put: Any = reply(file, "journal", "restore", str(copy), "--yes")
    assert (put["kind"], put["next"]) == ("journal-restore", "rotation reconcile")
    same: Any = reply(file, "journal", "upgrade")
    assert (same["kind"], same["had"] == same["has"]) == ("journal-upgrade", True)


@pytest.fixture
def rotated(file: Path, tmp_path: Path) -> Path:
    """With a secret whose rotation is open."""
    own = reply(file, "config", "show")["installation"]
    file.write_text(file.read_text().replace(own, INSTALLATION))
    for made in tmp_path.glob("journal.db*"):
        made.unlink()
    with open_journal(tmp_path / "journal.db", INSTALLATION) as journal:
        story = stories.seeded()
        story.journal = journal
        stories.without_faults(story, stories.adopt)
        stories.open_plan(story, "routine")
        stories.advance_until(story, "promote")
    return file


EDITED = ["wake_at = NULL", "seq = 1, hash = ''", "retired = 1", "held = 'held.denied'"]


def edit(journal: Path, assignment: str) -> None:
    with closing(sqlite3.connect(journal)) as connection:
        assert connection.execute(f"UPDATE identity SET {assignment}").rowcount == 1  # noqa: S608
        connection.commit()


@pytest.mark.parametrize("assignment", EDITED)
def test_what_the_check_names_for_a_wrong_row_leads_out(
    rotated: Path, tmp_path: Path, assignment: str
) -> None:
    assert reply(rotated, "journal", "check")["next"] is None
    edit(tmp_path / "journal.db", assignment)
    found: Any = reply(rotated, "journal", "check", code=9)
    assert "next: rotation journal repair" in run(rotated, "journal", "check").stderr
    done: Any = reply(rotated, *found["next"].split()[1:])
    assert len(done["repaired"]) == 1
    assert reply(rotated, "journal", "check")["whole"]


def test_what_goes_on_first_derives_a_wrong_row_anew(rotated: Path, tmp_path: Path) -> None:
    edit(tmp_path / "journal.db", "wake_at = NULL")
    done = run(rotated, "run", "--only", "prod-billing")
    assert "did not follow from its entries" in done.stderr
    assert reply(rotated, "journal", "check")["whole"]


def test_changed_entries_are_not_repaired_but_restored(rotated: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("UPDATE entry SET who = 'eve' WHERE seq = 2")
        connection.commit()
    assert reply(rotated, "journal", "check", code=9)["next"] == "rotation journal restore FILE"
    assert reply(rotated, "journal", "repair")["repaired"] == []
