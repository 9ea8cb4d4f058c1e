"""The command in an alert is one that `status` prints."""

from collections.abc import Callable

import pytest

from rotation.operations.fleet import open_rotation, standing
from rotation.operations.next_step import next_step
from tests.support.shell import Shell, at_work, held_for_an_unknown_instance, shell

__all__ = ["shell"]  # the fixture


def unknown(shell: Shell) -> None:
    """As it was found."""


def unaccounted(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    shell.world.mint(by_person=True)
    shell.run("reconcile", "app")


def down(shell: Shell) -> None:
    shell.adopted()
    shell.world.denied.add("issuer.issue")
    shell.run("emergency", "app", "--yes", "--reason", "leaked")
    shell.run("abandon", "app", "--yes")


def paused(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    shell.run("pause", "app", "--reason", "holiday")


@pytest.mark.parametrize(
    ("happens", "command"),
    [
        (unknown, "rotation adopt app"),
        (unaccounted, "rotation reconcile app"),
        (down, "rotation rotate app --replace"),
        (paused, "rotation unpause app"),
    ],
)
def test_it_is_the_first_that_status_prints(
    shell: Shell, happens: Callable[[Shell], object], command: str
) -> None:
    happens(shell)
    session, now = at_work(shell), shell.world.now
    (health,) = standing(session, (), now, [])
    step = next_step(health, open_rotation(session, health), now)
    assert step.startswith(command)
    assert step in shell.run("status", "app").stdout


def test_where_a_person_has_to_choose_it_is_status_itself(shell: Shell) -> None:
    """`resolve --foreign` of a key that an attacker made would accept it."""
    held_for_an_unknown_instance(shell)
    session, now = at_work(shell), shell.world.now
    (health,) = standing(session, (), now, [])
    assert next_step(health, open_rotation(session, health), now) == "rotation status app"


def test_where_nothing_helps_it_is_status_itself(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    session, now = at_work(shell), shell.world.now
    (health,) = standing(session, (), now, [])
    assert next_step(health, open_rotation(session, health), now) == "rotation status app"
