"""Whatever stops a rotation at its first effect stops it again before each that cannot be undone."""

from collections.abc import Callable

import pytest

from rotation.machine.decide import Close, Held
from rotation.plan import PLANS, Step
from rotation.types import CURRENT, mark
from tests.support import stories
from tests.support.acts import ask, code, opened
from tests.support.crash import STREAM, Story
from tests.support.world import INSTALLATION, World

Change = Callable[[World], None]


def claimed_by_another(world: World) -> None:
    world.claim = "ba9876543210"


def claim_taken_off(world: World) -> None:
    world.claim = None


def deletion_scheduled(world: World) -> None:
    world.refusal = ("store.deletion-scheduled", "the secret is scheduled for deletion")


def copy_failed(world: World) -> None:
    world.replicas["eu-west-3"] = "failed"


def key_by_a_person(world: World) -> None:
    world.mint(by_person=True)


def pinned(world: World) -> None:
    world.versions["pinned"] = world.versions["v0"]
    world.labels["NIGHTLY"] = "pinned"


def repaired(world: World) -> None:
    """All of it, whichever it was."""
    world.claim, world.refusal = INSTALLATION, None
    world.replicas.clear()
    world.labels.pop("NIGHTLY", None)
    for handle in [i.id for i in world.instances.values() if i.by_person]:
        del world.instances[handle]


CHANGES: dict[Change, str] = {
    claimed_by_another: "held.claim-foreign",
    claim_taken_off: "held.claim-missing",
    deletion_scheduled: "held.needs-person",
    copy_failed: "held.replica",
    key_by_a_person: "held.unknown-instance",
    pinned: "held.unknown-pointer",
}


@pytest.mark.parametrize("done", ["open", "drain", "prove-off"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_world_holds_each_of_them(change: Change, done: str) -> None:
    """Before `issue`, `suspend` and `destroy`. The old one is there; once it is fixed, it goes on."""
    story = opened(until=None if done == "open" else done, exclusive=True)
    change(story.world)
    assert code(story) == CHANGES[change]
    rotation = story.rotation()
    assert rotation.old in story.world.instances
    assert rotation.new is None or done != "open"
    repaired(story.world)
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


@pytest.mark.parametrize("moment", ["after issuer.suspend", "before probe.login"])
def test_readers_of_a_failed_copy_get_the_old_one_back(moment: str) -> None:
    story = opened(until="promote")
    stories.advance_until(story, "confirm")

    def act(number: int, name: str) -> None:
        if name == moment and story.rotation().intended(Step.SUSPEND):
            copy_failed(story.world)

    story.boundaries.act = act
    assert code(story) == "held.replica"
    assert story.world.instances[story.rotation().old or ""].active


@pytest.mark.parametrize("until", ["promote", "prove-off"])
def test_a_copy_that_is_under_way_is_waited_for_and_not_for_ever(until: str) -> None:
    story = opened(until=until)
    story.world.replicas["eu-west-3"] = "in-progress"
    assert code(story) == "held.replica"
    assert story.world.instances[story.rotation().old or ""].active
    assert len(story.entries()) < 100


def test_what_somebody_switched_on_again_is_not_destroyed() -> None:
    story = opened(until="prove-off")
    story.world.instances[story.rotation().old or ""].active = True
    assert code(story) == "held.complaint"
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def back(story: Story, version: str) -> Held:
    story.world.move(CURRENT, version)
    action = story.drive()
    assert isinstance(action, Held)
    return action


@pytest.mark.parametrize("done", ["verify-live", "prove-off"])
def test_a_label_that_went_back_to_ours_is_told_as_that_and_rolls_back(done: str) -> None:
    """By hand, to the version before: it carries this installation's mark, not another's."""
    story = opened()
    assert isinstance(story.drive(), Close)
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    stories.advance_until(story, done)
    old = story.rotation().old_version
    assert old is not None
    assert old.startswith(f"rot1-{INSTALLATION}-")
    held = back(story, old)
    assert held.code == "held.pointer-moved"
    assert "rollback" in held.exits
    ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "rolled-back"
    assert story.violations() == []


def test_a_label_on_an_earlier_version_of_ours_is_no_other_installations() -> None:
    story = opened()
    assert isinstance(story.drive(), Close)
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    story.world.move(CURRENT, "v0")
    assert code(story) == "held.world-changed"
    foreign = mark("ba9876543210", "1" * 32)
    story.world.versions[foreign] = story.world.versions["v0"]
    story.world.move(CURRENT, foreign)
    ask(story, "resume")
    assert code(story) == "held.foreign-mark"
