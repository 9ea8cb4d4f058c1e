"""A journal lies where nobody else can put another one."""

from pathlib import Path

import pytest

from rotation.errors import JournalError
from rotation.journal.place import refuse_open_way, refuse_replaceable


def refused(path: Path) -> str:
    with pytest.raises(JournalError) as caught:
        refuse_replaceable(path)
    return caught.value.code


def test_a_file_of_ours_in_a_directory_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    journal = own / "journal.db"
    journal.touch(mode=0o600)
    refuse_replaceable(journal)
    own.chmod(0o777)
    assert refused(journal) == "journal.mode"
    with pytest.raises(JournalError):
        refuse_open_way(journal)


def test_no_link_and_no_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    journal = tmp_path / "journal.db"
    journal.touch(mode=0o600)
    link = tmp_path / "link.db"
    link.symlink_to(journal)
    assert refused(link) == "journal.link"
    assert refused(tmp_path) == "journal.no-file"
