"""What is ours and outlives a rotation that ended well is shown until it is gone."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rotation.types import CURRENT
from tests.support.shell import Shell

STILL_ALIVE = (
    "KEY1 is not destroyed; the next rotation removes it once nobody uses it: rotation rotate app"
)


def replaced_in_the_drain(shell: Shell) -> None:
    shell.run("rotate", "app")
    del shell.world.instances["KEY2"]
    done = shell.run("rotate", "app", "--replace", "--wait")
    assert done.exit_code == 0, done.output
    assert STILL_ALIVE in done.stdout


def accepted_in_the_drain(shell: Shell) -> None:
    shell.run("rotate", "app")
    world = shell.world
    world.versions["edited"] = world.versions[world.labels[CURRENT]]
    world.labels[CURRENT] = "edited"
    assert shell.run("run", "--wait").exit_code == 11
    done = shell.run("resolve", "app", "--accept-current", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert STILL_ALIVE in done.stdout


@pytest.mark.parametrize("ends", [replaced_in_the_drain, accepted_in_the_drain])
def test_what_of_ours_outlives_a_rotation_that_ended_well_is_shown_until_it_is_gone(
    shell: Shell, ends: Callable[[Shell], None]
) -> None:
    shell.world.instances["KEY1"].created = shell.world.now
    ends(shell.adopted())
    assert shell.world.instances["KEY1"].active
    reply = shell.run("status", "--check")
    assert reply.exit_code == 1, reply.output
    assert STILL_ALIVE in reply.stdout
    assert shell.json("status")["secrets"][0]["left_alive"] == ["KEY1"]
    shell.run("hold", "app", "--reason", "a note on what is closed")
    assert shell.json("status")["secrets"][0]["left_alive"] == ["KEY1"]
    shell.run("unpause", "app")
    shell.world.advance(shell.world.now + timedelta(hours=2))
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 0, done.output
    assert "KEY1" not in shell.world.instances
    assert shell.run("status", "--check").exit_code == 0
