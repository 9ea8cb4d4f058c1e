"""A rotation goes as far as it can, here or where it is served."""

import pytest

from rotation.cli import failures
from rotation.errors import RotationError
from rotation.execution.runner import Runner
from rotation.journal.entries import Entry
from rotation.machine.decide import Action, Close, Wait
from rotation.operations.advance import RunResult, advance_all
from rotation.operations.opening import open_rotation
from tests.support.shell import APP, STREAM, Shell, at_work


def advanced(shell: Shell, *, wait: bool) -> RunResult:
    told: list[Entry] = []
    with at_work(shell) as here:
        open_rotation(here, APP, "routine", trigger="person")
        results = advance_all(
            here, [STREAM], told.extend, wait=wait, here=True, width=1, give_up=lambda: None
        )
    found = results[STREAM]
    assert isinstance(found, RunResult)
    return found


def test_without_wait_a_long_wait_is_left_to_the_next(shell: Shell) -> None:
    assert isinstance(advanced(shell.adopted(), wait=False).action, Wait)


def test_with_wait_it_is_taken_to_its_end(shell: Shell) -> None:
    done = advanced(shell.adopted(), wait=True)
    assert isinstance(done.action, Close)
    assert done.rotation.outcome == "succeeded"
    assert set(shell.world.instances) == {"KEY2"}


def test_a_bug_in_one_ends_no_other(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would otherwise come again in every run, and nobody would be rotated any more."""
    advance = Runner.advance

    def broken(runner: Runner, stream: str) -> Action:
        return advance(runner, {STREAM: stream}[stream])

    monkeypatch.setattr(Runner, "advance", broken)
    with at_work(shell.adopted()) as here:
        open_rotation(here, APP, "routine", trigger="person")
        results = advance_all(
            here, ["another", STREAM], [].extend, wait=False, here=True, width=1,
            give_up=lambda: None,
        )  # fmt: skip
    assert isinstance(results[STREAM], RunResult)
    bug = results["another"]
    assert isinstance(bug, RotationError)
    assert bug.code == "rotation.broke"
    assert "another: a bug of this program stopped it (KeyError, test_advance.py:" in bug.message
    assert isinstance(bug.__cause__, KeyError)
    assert failures.code_of(bug) == failures.GENERIC
