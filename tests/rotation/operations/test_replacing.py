"""Only what was just found dead is replaced."""

import pytest

from rotation.errors import PolicyRefusal
from rotation.execution.dead_credential import Dead
from rotation.operations.opening import is_open
from rotation.operations.replacing import open_replacement, refuse_inactive, to_replace
from tests.support.shell import APP, STREAM, Shell, at_work


def test_what_works_is_refused(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        with pytest.raises(PolicyRefusal) as caught:
            to_replace(here, APP)
        assert caught.value.code == "replace.not-dead"
        assert not is_open(here, STREAM)


def test_what_is_gone_is_replaced_and_not_twice(shell: Shell) -> None:
    shell.adopted()
    del shell.world.instances["KEY1"]
    with at_work(shell) as here:
        found = to_replace(here, APP)
        assert found is not None
        assert found.dead is Dead.GONE
        open_replacement(here, APP, "deleted by hand")
        assert is_open(here, STREAM)
        assert to_replace(here, APP) is None


def test_a_secret_that_is_not_active_is_left_alone() -> None:
    refuse_inactive(APP)
    with pytest.raises(PolicyRefusal) as caught:
        refuse_inactive(APP._replace(state="paused"))
    assert caught.value.code == "run.not-active"
