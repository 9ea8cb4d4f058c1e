"""`reconcile`: the world against the journal, and nothing is changed."""

from collections.abc import Callable

import pytest

from rotation.testing.world import World
from rotation.types import CURRENT, PENDING
from tests.rotation.cli.conftest import Shell


def test_an_equal_world(shell: Shell) -> None:
    before = dict(shell.adopted().world.labels)
    told = shell.json("reconcile")
    assert told["secrets"] == [{"secret": "app", "equal": True, "differences": []}]
    assert shell.world.labels == before


def test_an_open_rotation_is_no_difference(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert shell.json("reconcile", "app")["secrets"][0]["equal"]


def _moved(world: World) -> None:
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels[CURRENT] = "other"


def _staged(world: World) -> None:
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels[PENDING] = "other"


def _deleted(world: World) -> None:
    del world.instances["KEY1"]


def _claimed(world: World) -> None:
    world.claim = "ffffffffffff"


@pytest.mark.parametrize(
    ("happen", "code"),
    [
        (_moved, "held.world-changed"),
        (_staged, "held.pending-foreign"),
        (_deleted, "held.instance-missing"),
        (_claimed, "held.claim-foreign"),
        (lambda world: world.mint(by_person=True), "held.unknown-instance"),
    ],
)
def test_each_difference_is_named(
    shell: Shell, happen: Callable[[World], object], code: str
) -> None:
    happen(shell.adopted().world)
    told = shell.json("reconcile", "app", code=11)
    assert code in {difference["code"] for difference in told["secrets"][0]["differences"]}


def test_all_differences_are_told_at_once(shell: Shell) -> None:
    _staged(shell.adopted().world)
    _claimed(shell.world)
    told = shell.json("reconcile", "app", code=11)
    assert len(told["secrets"][0]["differences"]) == 2


def test_what_the_journal_does_not_know_is_to_be_adopted(shell: Shell) -> None:
    done = shell.run("reconcile")
    assert done.exit_code == 1
    assert "rotation adopt app" in done.stdout
