"""Past rotations as values: nothing is printed."""

import pytest

from rotation.errors import UnknownName
from rotation.operations.history import latest, the_one
from tests.support.shell import Shell, at_work


def test_the_latest_comes_first_and_no_more_than_were_asked_for(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    with at_work(shell, effectful=False) as here:
        both = latest(here, None, 20)
        assert [rotation.plan for rotation in both] == ["routine", "adopt"]
        assert [each.opened.seq for each in latest(here, "app", 1)] == [both[0].opened.seq]


def test_one_is_found_by_its_number_and_else_it_is_the_latest(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    with at_work(shell, effectful=False) as here:
        assert the_one(here, "app", 1).plan == "adopt"
        assert the_one(here, "app", None).plan == "routine"
        with pytest.raises(UnknownName, match="does not have a rotation 2"):
            the_one(here, "app", 2)
