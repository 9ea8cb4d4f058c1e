"""`journal`: what was copied, put back and upgraded is told to a person and to a program."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotation.errors import JournalError
from rotation.journal.entries import GENESIS, SCHEMA, Entry, Kind, entry_hash
from rotation.journal.rows import ENTRY_NAMES, entry_from, entry_values
from rotation.journal.sql import open_journal
from tests.support import stories
from tests.support.configured import file, reply, run, tamper
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


def rewrite(journal: Path, change: Callable[[Entry], Entry]) -> None:
    """As another version would have written the last rotation: its chain holds."""
    with closing(sqlite3.connect(journal)) as connection:
        columns = ", ".join(ENTRY_NAMES)
        rows = connection.execute(
            f"SELECT {columns} FROM entry WHERE stream <> 'installation' ORDER BY seq"  # noqa: S608
        ).fetchall()
        entries = list(map(entry_from, rows))
        opened = max(entry.seq for entry in entries if entry.kind is Kind.OPENED)
        before = GENESIS
        for entry in entries:
            changed = change(entry) if entry.seq >= opened else entry
            changed = replace(changed, prev=before)
            before = entry_hash(changed)
            connection.execute(
                "UPDATE entry SET schema = :schema, facts = :facts, prev = :prev, hash = :hash "
                "WHERE stream = :stream AND seq = :seq",
                entry_values(replace(changed, hash=before)),
            )
        connection.execute("UPDATE identity SET hash = ?", (before,))
        connection.commit()
    with open_journal(journal, INSTALLATION) as own, suppress(JournalError):
        own.rebuild(entries[0].stream)


def opened_with(**facts: Any) -> Callable[[Entry], Entry]:
    """None: that fact is missing."""

    def change(entry: Entry) -> Entry:
        made = {key: value for key, value in {**entry.facts, **facts}.items() if value is not None}
        return replace(entry, facts=made) if entry.kind is Kind.OPENED else entry

    return change


def newer_schema(entry: Entry) -> Entry:
    return replace(entry, schema=SCHEMA + 1)


NOT_OURS = {
    "no secret": opened_with(secret=None),
    "no plan": opened_with(plan=None),
    "no rows": opened_with(rows=None),
    "rows of nothing": opened_with(rows=7),
    "no specification": opened_with(spec=None),
    "leftovers of nothing": opened_with(baseline={"ours": {"KEY1": 7}}),
    "a newer schema": newer_schema,
}


@pytest.mark.parametrize("how", NOT_OURS)
def test_the_check_and_the_status_agree(rotated: Path, tmp_path: Path, how: str) -> None:
    rewrite(tmp_path / "journal.db", NOT_OURS[how])
    told, looked = run(rotated, "status", "--check"), run(rotated, "journal", "check")
    assert (told.exit_code == 9) == (looked.exit_code == 9), told.output + looked.output
    assert told.exit_code in (9, 11), told.output


@pytest.mark.parametrize("how", NOT_OURS)
def test_what_the_check_names_next_never_leads_back_to_it(
    rotated: Path, tmp_path: Path, how: str
) -> None:
    rewrite(tmp_path / "journal.db", NOT_OURS[how])
    named = json.loads(run(rotated, "journal", "check", "-o", "json").stdout)["next"]
    assert named != "rotation journal repair" or reply(rotated, "journal", "repair")["repaired"]


def test_a_row_of_changed_entries_is_not_sent_to_a_repair(rotated: Path, tmp_path: Path) -> None:
    edit(tmp_path / "journal.db", "retired = 1")
    tamper(tmp_path / "journal.db", "UPDATE entry SET who = 'eve' WHERE seq = 2")
    assert reply(rotated, "journal", "check", code=9)["next"] == "rotation journal restore FILE"


def test_entries_of_a_newer_version_are_no_damage(rotated: Path, tmp_path: Path) -> None:
    rewrite(tmp_path / "journal.db", newer_schema)
    looked = run(rotated, "journal", "check")
    assert "damaged" not in looked.stdout
    assert "next: install the newer version of rotation again" in looked.stderr
    before = entries_in(tmp_path / "journal.db")
    done = run(rotated, "run")
    assert "code: journal.newer-schema" in done.stderr
    assert entries_in(tmp_path / "journal.db") == before


def entries_in(journal: Path) -> list[Any]:
    with closing(sqlite3.connect(journal)) as connection:
        return connection.execute("SELECT * FROM entry ORDER BY stream, seq").fetchall()


def test_changed_entries_are_not_repaired_but_restored(rotated: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("UPDATE entry SET who = 'eve' WHERE seq = 2")
        connection.commit()
    assert reply(rotated, "journal", "check", code=9)["next"] == "rotation journal restore FILE"
    assert reply(rotated, "journal", "repair")["repaired"] == []
