"""`journal`: what was copied, put back and upgraded is told to a person and to a program."""

from pathlib import Path
from typing import Any

import pytest

from tests.rotation.cli.test_config import file, told  # noqa: F401 -- a fixture


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.runtime.process.harden", lambda: None)


def test_each_verb_is_one_document(file: Path, tmp_path: Path) -> None:  # noqa: F811
    copy = tmp_path / "copy.db"
    made: Any = told(file, "journal", "backup", str(copy))
    assert (made["kind"], made["file"], copy.exists()) == ("journal-backup", str(copy), True)
    put: Any = told(file, "journal", "restore", str(copy), "--yes")
    assert (put["kind"], put["next"]) == ("journal-restore", "rotation reconcile")
    same: Any = told(file, "journal", "upgrade")
    assert (same["kind"], same["had"] == same["has"]) == ("journal-upgrade", True)
