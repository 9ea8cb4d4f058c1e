"""Checkpoints of a real journal, and their verification on another machine."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.support.aged import aws, one, run
from tests.support.configured import reply

__all__ = ["aws", "one"]  # the fixtures


class Audited:
    def __init__(self, one: Installation, keeper: Path) -> None:
        self.one, self.keeper = one, keeper
        self.kept = keeper / "checkpoints"
        self.kept.touch()
        self.key = one.root / "audit.pem"
        run(one, "audit", "key", str(self.key))

    def checkpoint(self) -> str:
        line = run(self.one, "audit", "checkpoint", "--key", str(self.key))
        if line.startswith("{"):
            with self.kept.open("a") as lines:
                lines.write(line)
        return line

    def verify(self, *of: str, code: int = 0) -> dict[str, object]:
        public = f"{self.key}.pub"
        words = ["audit", "verify", "--key", public, "--checkpoints", str(self.kept), *of]
        found: dict[str, object] = reply(self.one.configuration, *words, code=code)
        return found

    @property
    def journal(self) -> Path:
        return self.one.root / "journal" / "journal.db"


@pytest.fixture
def audited(one: Installation, tmp_path: Path) -> Audited:
    return Audited(one, tmp_path)


def test_a_rotation_is_anchored_by_the_next_checkpoint(audited: Audited, tmp_path: Path) -> None:
    audited.checkpoint()
    run(audited.one, "rotate", "app", "--wait")
    before = audited.verify("--journal", str(audited.journal))
    assert before["whole"]
    assert before["unanchored"] != 0
    audited.checkpoint()
    after = audited.verify("--journal", str(audited.journal))
    assert after["whole"]
    assert after["unanchored"] == 1, "the record of the checkpoint itself"
    export = tmp_path / "journal.jsonl"
    export.write_text(run(audited.one, "journal", "export"))
    assert audited.verify("--export", str(export)) == after


def test_a_checkpoint_where_nothing_moved_is_none(audited: Audited) -> None:
    assert audited.checkpoint().startswith("{")
    assert "nothing moved" in audited.checkpoint()


def test_lines_that_did_not_arrive_are_printed_again(audited: Audited) -> None:
    first = audited.checkpoint()
    run(audited.one, "rotate", "app", "--wait")
    second = audited.checkpoint()
    audited.kept.write_text(first)
    again = run(audited.one, "audit", "checkpoint", "--key", str(audited.key), "--again", "2")
    assert again == second
    words = ["audit", "checkpoint", "--key", str(audited.key), "--again", "3"]
    assert "audit.no-checkpoint" in run(audited.one, *words, code=6)


def test_a_backup_that_was_put_back_is_found(audited: Audited, tmp_path: Path) -> None:
    audited.checkpoint()
    backup = tmp_path / "backup.db"
    run(audited.one, "journal", "backup", str(backup))
    run(audited.one, "rotate", "app", "--wait")
    audited.checkpoint()
    found = audited.verify("--journal", str(backup), code=1)
    assert {each["code"] for each in found["findings"]} == {"audit.truncated"}  # type: ignore[attr-defined]


def test_a_file_that_was_written_past_the_program_is_found(audited: Audited) -> None:
    run(audited.one, "rotate", "app", "--wait")
    audited.checkpoint()
    with closing(sqlite3.connect(audited.journal)) as file, file:
        file.execute(
            "UPDATE entry SET who = 'somebody else' WHERE stream <> 'installation' AND seq = 3"
        )
    found = audited.verify("--journal", str(audited.journal), code=1)
    assert {each["code"] for each in found["findings"]} == {"audit.changed"}  # type: ignore[attr-defined]


def test_either_a_journal_or_an_export(audited: Audited) -> None:
    words = ["audit", "verify", "--key", f"{audited.key}.pub", "--checkpoints", str(audited.kept)]
    assert "cli.usage" in run(audited.one, *words, code=2)
