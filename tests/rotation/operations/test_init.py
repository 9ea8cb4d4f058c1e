"""An installation begins, for somebody who has no terminal."""

from dataclasses import replace
from pathlib import Path

import pytest

from rotation.config import load
from rotation.errors import UsageError
from rotation.operations.answers import Answers, checked
from rotation.operations.init import create, create_journal

BILLING = Answers(account="111122223333", user="billing", secret="billing", owner="payments")


def test_what_was_made_is_returned_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()
    target = tmp_path / "rotation.yaml"
    made = create(target, tmp_path / "journal.db", BILLING)
    assert (made.journal.exists(), made.name) == (True, "billing")
    assert made.ignored == tmp_path / ".gitignore"
    configuration = load(target)
    assert (configuration.installation, configuration.journal) == (made.installation, made.journal)
    assert [entry.id for entry in configuration.secrets()] == ["billing"]
    assert capfd.readouterr() == ("", "")


def test_of_a_file_that_is_there_only_the_journal_is_made(tmp_path: Path) -> None:
    target = tmp_path / "rotation.yaml"
    made = create(target, tmp_path / "journal.db", BILLING)
    with pytest.raises(UsageError, match="nothing was written"):
        create_journal(target)
    written = target.read_bytes()
    for left in tmp_path.glob("journal.db*"):
        left.unlink()
    again = create_journal(target)
    assert (again.installation, again.journal.exists()) == (made.installation, True)
    assert target.read_bytes() == written


def test_every_wrong_answer_is_told_at_once() -> None:
    wrong = replace(BILLING, account="12", user=None, refresh="soon")
    with pytest.raises(UsageError) as reply:
        checked(wrong)
    assert all(name in reply.value.message for name in ("--account", "--user", "--refresh"))
