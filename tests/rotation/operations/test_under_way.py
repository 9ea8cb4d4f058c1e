"""An emergency that is declared already is gone on with, not begun anew."""

import pytest

from rotation.errors import PolicyRefusal
from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.operations.opening import open_rotation
from rotation.operations.under_way import is_open_since, under_way
from tests.support.shell import APP, STREAM, Shell, at_work


def declared(shell: Shell) -> Shell:
    with at_work(shell.adopted()) as here:
        open_rotation(here, APP, "routine", trigger="person")
        spec = shell.configuration.spec
        baseline = replay(here.journal.entries(STREAM)).baseline
        said = Opened(scope=["KEY1"], reason="leaked")
        here.runner.open_emergency(STREAM, spec, baseline, who="kim", said=said)
    return shell


def test_what_covers_the_same_is_gone_on_with(shell: Shell) -> None:
    with at_work(declared(shell)) as here:
        rotation = replay(here.journal.entries(STREAM))
        found = under_way(here, "app", rotation, "KEY1", others=False)
        assert found is not None
        assert not found.stuck
        assert under_way(here, "app", rotation, "KEY9", others=False) is None
        assert under_way(here, "app", None, "KEY1", others=False) is None
        assert "by kim ('leaked'); its successor is not made yet" in is_open_since(rotation, "app")


def test_a_live_process_that_works_on_it_is_not_disturbed(shell: Shell) -> None:
    shell = declared(shell)
    shell.living = "serve-elsewhere"
    with at_work(shell) as here:
        rotation = replay(here.journal.entries(STREAM))
        if here.stays_elsewhere(rotation):
            with pytest.raises(PolicyRefusal) as caught:
                under_way(here, "app", rotation, "KEY1", others=False)
            assert caught.value.code == "emergency.is-open"
