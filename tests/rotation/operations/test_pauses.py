"""A pause with an end: the journal lifts it then, and a person who acts meanwhile counts."""

from datetime import timedelta
from typing import Any

import pytest

from rotation.journal.entries import Kind
from rotation.operations.pauses import WHO, end_of, lift_ended
from tests.support.shell import STREAM, Shell, at_work

DAY = timedelta(days=1)


def paused(shell: Shell, until: str = "2d") -> None:
    done = shell.run("pause", "app", "--reason", "audit", "--until", until)
    assert done.exit_code == 0, done.output


def test_nothing_is_lifted_before_the_end_and_once_after_it(shell: Shell) -> None:
    paused(shell.adopted())
    here = at_work(shell)
    end = end_of(shell.journal.entries(STREAM))
    assert end is not None
    assert list(lift_ended(here, end - timedelta(seconds=1))) == []
    assert list(lift_ended(here, end)) == ["app"]
    assert list(lift_ended(here, end)) == []
    last = shell.journal.entries(STREAM)[-1]
    assert (last.kind, last.who, last.facts) == (Kind.REQUESTED, WHO, {"verb": "release"})
    assert not shell.journal.identity(STREAM).on_hold


def test_a_pause_without_an_end_is_lifted_by_a_person_alone(shell: Shell) -> None:
    shell.adopted().run("pause", "app", "--reason", "audit")
    assert end_of(shell.journal.entries(STREAM)) is None
    assert list(lift_ended(at_work(shell), shell.world.now + 9999 * DAY)) == []


def test_the_latest_word_counts(shell: Shell) -> None:
    paused(shell.adopted())
    paused(shell, "9d")
    here = at_work(shell)
    assert list(lift_ended(here, shell.world.now + 3 * DAY)) == []
    shell.run("pause", "app", "--reason", "until somebody says so")
    assert list(lift_ended(here, shell.world.now + 99 * DAY)) == []


def test_a_pause_that_is_longer_from_the_same_moment_on_is_not_lifted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person prolongs it after its end was looked at and before it is lifted."""
    paused(shell.adopted())
    here = at_work(shell)
    read = shell.journal.entries

    def prolonged(stream: str) -> Any:
        entries = read(stream)
        monkeypatch.setattr(shell.journal, "entries", read)
        paused(shell, "9d")
        return entries

    later = shell.world.now + 3 * DAY
    monkeypatch.setattr(shell.journal, "entries", prolonged)
    assert list(lift_ended(here, later)) == []
    assert shell.journal.identity(STREAM).on_hold
