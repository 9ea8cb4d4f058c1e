"""What an installation says of its approvers, and of an emergency that nobody can look up."""

from pathlib import Path

import pytest

from rotation.config.approving import Demands
from rotation.errors import JournalError
from rotation.journal.facts import Opened
from rotation.operations.approvals import checks, go_without, refuse_unapproved, waiting
from tests.support.approvers import People, demanding, people
from tests.support.shell import STREAM, Shell, at_work


@pytest.fixture
def made(tmp_path: Path) -> People:
    return people(tmp_path / "people")


def test_doctor_says_who_has_no_key(shell: Shell, made: People) -> None:
    with at_work(demanding(shell, made, Demands(destroy=1))) as here:
        (found,) = checks(here)
        assert (found.code, found.text) == (
            "approval.keyless", "alice may approve and have no key",
        )  # fmt: skip
        made.allow("alice", "bob", "carol", "dora")
        (found,) = checks(here)
        assert (found.code, found.text) == (None, "4 people, each with a key")
        made.signers.chmod(0o666)
        (found,) = checks(here)
        assert found.code == "approval.signers"


def test_nothing_is_looked_at_where_nobody_approves(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        assert list(checks(here)) == []
        assert list(waiting(here)) == []
        assert go_without(here, STREAM, "leaked") is False


@pytest.mark.parametrize("asks", [Demands(emergency=1), None])
def test_without_the_journal_nobody_is_believed_to_have_agreed(
    shell: Shell, made: People, asks: Demands | None
) -> None:
    demanding(shell, made, Demands(destroy=1))
    shell.configuration.asks = asks or Demands(destroy=1)
    why = JournalError("journal.full", "the disk is full")
    with at_work(shell) as here:
        refuse_unapproved(here, "app", Opened(without_approval=True), why)
        if asks is None:
            refuse_unapproved(here, "app", Opened(), why)
            return
        with pytest.raises(JournalError) as refused:
            refuse_unapproved(here, "app", Opened(), why)
    assert refused.value.code == "approval.needs-journal"
    assert "--break-glass" in str(refused.value.hint)
