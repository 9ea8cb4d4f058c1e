"""What a person asks for, as the journal has it."""

from datetime import timedelta

import pytest

from rotation.errors import PolicyRefusal, UsageError
from rotation.journal.facts import Opened
from rotation.machine.held import Exit
from rotation.operations.lifecycle import refuse_future
from rotation.operations.requests import (
    ends_at_once,
    going_on,
    open_rotation_of,
    refuse_going_on,
    says_whose,
)
from tests.support.shell import Shell, at_work


def test_what_is_neither_held_nor_pausing_is_not_asked_to_go_on(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("rotate", "app").exit_code == 0
    with at_work(shell) as here:
        rotation = open_rotation_of(here, "app")
        for at_once in (False, True):
            with pytest.raises(PolicyRefusal, match="not Held"):
                refuse_going_on(rotation, "app", Exit.RESUME, at_once=at_once)
        assert not ends_at_once(rotation)
        assert going_on(rotation, Exit.RESUME, at_once=True).verb == "now"


@pytest.mark.parametrize("way", [Exit.ACCEPT_CURRENT, Exit.OURS, Exit.FOREIGN])
def test_the_verb_of_a_word_is_the_way_out_that_it_takes(way: Exit) -> None:
    said = says_whose(way, "KEY2")
    assert (said.verb, said.instance) == (str(way).split()[1].removeprefix("--"), "KEY2")


def test_nothing_was_made_tomorrow(shell: Shell) -> None:
    with at_work(shell) as here:
        refuse_future(here, Opened(created=shell.world.now))
        with pytest.raises(UsageError, match="in the future"):
            refuse_future(here, Opened(created=shell.world.now + timedelta(days=1)))
