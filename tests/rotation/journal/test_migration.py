"""How a journal's file comes to be, and whose it is."""

from pathlib import Path

import pytest

from rotation.errors import JournalError
from rotation.journal import migration
from rotation.journal.entries import SCHEMA

OURS = "0123456789ab"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own" / "journal.db"
    migration.create(path, OURS)
    return path


def refused(act: object, *arguments: object) -> str:
    assert callable(act)
    with pytest.raises(JournalError) as caught:
        act(*arguments)
    return caught.value.code


def test_it_is_whole_and_ours_from_the_beginning(path: Path) -> None:
    migration.open_file(path, OURS).close()
    assert migration.schema_of(path) == SCHEMA
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_one_that_is_there_stays(path: Path) -> None:
    before = path.read_bytes()
    migration.create(path, "f" * 12)
    assert path.read_bytes() == before


def test_another_installations_is_not_opened(path: Path) -> None:
    assert refused(migration.open_file, path, "f" * 12) == "journal.installation"


def test_where_only_its_log_is_left_no_new_one_is_made(path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))
    path.with_name(path.name + "-wal").touch()
    assert refused(migration.create, path, OURS) == "journal.missing"


def test_a_copy_replaces_nothing(path: Path) -> None:
    file = migration.open_file(path, OURS)
    copy = path.with_name("copy.db")
    migration.copy(file, copy)
    assert refused(migration.copy, file, copy) == "journal.exists"
    file.close()
    migration.open_file(copy, OURS).close()


def test_a_newer_one_is_for_a_newer_version(path: Path) -> None:
    file = migration.open_file(path, OURS)
    with file.write() as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(SCHEMA + 1),))
    file.close()
    assert refused(migration.open_file, path, OURS) == "journal.newer-schema"
