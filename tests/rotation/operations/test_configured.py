"""The configuration beside the journal, for a program that watches both."""

import pytest

from rotation.operations.by_hand import known
from rotation.operations.configured import compared
from tests.support.shell import Shell, at_work


def test_what_the_journal_does_not_know_is_new_until_it_was_adopted(
    shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    with at_work(shell) as here:
        assert compared(here).new == ["app"]
    shell.adopted()
    capfd.readouterr()
    with at_work(shell) as here:
        assert compared(here).same
    assert capfd.readouterr() == ("", "")


def test_what_is_to_be_ended_by_hand_is_what_the_journal_has_as_alive(shell: Shell) -> None:
    with at_work(shell) as here:
        assert known(here, "app", None)[1] == []
    shell.adopted()
    with at_work(shell) as here:
        spec, handles = known(here, "app", None)
    assert spec is not None
    assert (spec.secret, handles) == ("app", ["KEY1"])
