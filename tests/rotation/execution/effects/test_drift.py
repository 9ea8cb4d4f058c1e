"""Where the world is not what the journal recorded, the row is stopped by name."""

from collections.abc import Callable

import pytest

from rotation.errors import NeedsPerson, NotYet
from rotation.execution.effects import drift
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.effects import at
from tests.support.world import World


def somebody_claims(world: World) -> None:
    world.claim = "somebody-else"


def nobody_claims(world: World) -> None:
    world.claim = None


def somebody_writes(world: World) -> None:
    world.versions["v1"] = ("KEY9", "another")
    world.move("current", "v1")


def another_runner_writes(world: World) -> None:
    version = f"rot1-{'f' * 12}-{'1' * 32}"
    world.versions[version] = ("KEY9", "another")
    world.move("current", version)


def somebody_labels(world: World) -> None:
    world.versions["v1"] = ("KEY9", "another")
    world.labels["blue"] = "v1"


def somebody_stages(world: World) -> None:
    world.versions["v1"] = ("KEY9", "another")
    world.labels["pending"] = "v1"


def somebody_mints(world: World) -> None:
    world.mint(by_person=True)


def somebody_deletes(world: World) -> None:
    del world.instances["KEY1"]


def somebody_suspends(world: World) -> None:
    world.instances["KEY1"].active = False


def a_copy_fails(world: World) -> None:
    world.replicas["eu-west-1"] = "failed"


def it_is_deleted(world: World) -> None:
    world.refusal = ("store.deleted", "the secret is deleted")


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (somebody_claims, "held.claim-foreign"),
        (nobody_claims, "held.claim-missing"),
        (somebody_writes, "held.world-changed"),
        (another_runner_writes, "held.foreign-mark"),
        (somebody_labels, "held.unknown-pointer"),
        (somebody_stages, "held.pending-foreign"),
        (somebody_mints, "held.unknown-instance"),
        (somebody_deletes, "held.instance-missing"),
        (somebody_suspends, "held.found-suspended"),
        (a_copy_fails, "held.replica"),
        (it_is_deleted, "store.deleted"),
    ],
)
def test_each_difference_has_its_code(act: Callable[[World], None], code: str) -> None:
    story = opened()
    cx = at(story, Step.ISSUE)
    drift.check_no_drift(cx, cx.store_state(), cx.listing())
    act(story.world)
    with pytest.raises(NeedsPerson) as caught:
        drift.check_no_drift(cx, cx.store_state(), cx.listing())
    assert caught.value.code == code


def test_a_copy_on_its_way_is_waited_for_but_not_for_ever() -> None:
    story = opened()
    story.world.replicas["eu-west-1"] = "in-progress"
    cx = at(story, Step.ISSUE)
    with pytest.raises(NotYet):
        drift.check_copies(cx, cx.store_state())
    story.world.now += drift.COPIED_WITHIN
    with pytest.raises(NeedsPerson):
        drift.check_copies(cx, cx.store_state())


def test_a_clock_that_jumped_ends_no_wait() -> None:
    story = opened()
    cx = at(story, Step.ISSUE)
    cx.store_state()
    drift.check_clocks(cx)
    story.world.now += 2 * drift.CLOCK_SKEW_MAX
    with pytest.raises(NeedsPerson) as caught:
        drift.check_clocks(cx)
    assert caught.value.code == "held.clock"
