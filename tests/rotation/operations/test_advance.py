"""A rotation goes as far as it can, here or where it is served."""

from rotation.journal.entries import Entry
from rotation.machine.decide import Close, Wait
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
