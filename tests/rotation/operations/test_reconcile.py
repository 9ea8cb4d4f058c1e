"""What would stop a rotation at its first step."""

import pytest

from rotation.operations.reconcile import is_news, look, may_go_on, remember
from tests.support.shell import STREAM, Shell, at_work


def test_what_the_journal_never_had_is_adopted_first(shell: Shell) -> None:
    with at_work(shell) as here:
        [unknown] = look(here, "app").differences
        assert (unknown.code, unknown.next) == ("reconcile.unknown", "rotation adopt app")


def test_a_world_as_recorded_has_no_difference(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        found = look(here, "app")
        assert (found.differences, found.looked, found.error) == ((), True, None) or not (
            found.differences
        )


def test_a_stranger_is_news_until_it_was_remembered(shell: Shell) -> None:
    shell.adopted().world.mint(by_person=True)
    with at_work(shell) as here:
        found = look(here, "app")
        assert [each.code for each in found.differences] == ["held.unknown-instance"]
        assert is_news(here, STREAM, found)
        remember(here, STREAM, found)
        assert not is_news(here, STREAM, found)


@pytest.mark.parametrize("accept", [False, True])
def test_what_was_never_stopped_needs_no_word(shell: Shell, *, accept: bool) -> None:
    with at_work(shell.adopted()) as here:
        assert not may_go_on(here, {"app": look(here, "app")}, accept=accept)
