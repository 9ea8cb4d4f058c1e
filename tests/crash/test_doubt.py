"""BEGAN without NOTED and an instance that was not there before: whose is it?"""

import pytest

from rotation.machine import Close, Held
from rotation.testing.crash import STREAM, Story
from rotation.testing.world import Killed
from tests.crash import stories
from tests.crash.stories import seeded


def killed_in_the_mint(story: Story, *, minted: bool, person: str) -> None:
    """The runner dies at the mint; a person's key appears in the same window."""

    def act(number: int, name: str) -> None:
        del number
        if name != ("after" if minted else "before") + " issuer.issue":
            return
        story.boundaries.act = None
        if person:
            key = story.world.mint(by_person=True)
            key.used = story.world.now if person == "used" else None
        raise Killed

    story.boundaries.act = act


@pytest.mark.parametrize("person", ["used", "unused"])
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_persons_key_in_the_doubt_window(person: str, *, exclusive: bool) -> None:
    """Without `exclusive` never touched; with it only an unused one goes, slowly."""
    story = seeded(exclusive=exclusive)
    stories.without_faults(story, stories.adopt)
    killed_in_the_mint(story, minted=False, person=person)
    stories.open_plan(story, "routine")
    action = story.drive()
    key = next((i for i in story.world.instances.values() if i.by_person), None)
    if exclusive and person == "unused":
        assert isinstance(action, Close)
        assert key is None
    else:
        assert isinstance(action, Held)
        assert action.code == "held.unknown-instance"
        assert key is not None
        assert key.active
    assert story.violations() == []


def test_our_own_lost_mint_is_held_without_exclusive() -> None:
    story = seeded(exclusive=False)
    stories.without_faults(story, stories.adopt)
    killed_in_the_mint(story, minted=True, person="")
    stories.open_plan(story, "routine")
    action = story.drive()
    assert isinstance(action, Held)
    assert story.violations() == []
    lost = next(i for i in story.world.instances if i != story.rotation().old)
    stories.request(story, "ours", instance=lost)
    assert isinstance(story.drive(), Close)
    assert lost in story.world.graves
    assert story.violations() == []


def test_foreign_is_recorded_and_ignored_from_then_on() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    killed_in_the_mint(story, minted=False, person="used")
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Held)
    key = next(i for i in story.world.instances.values() if i.by_person)
    stories.request(story, "foreign", instance=key.id)
    action = story.drive()
    # Both slots are taken by instances that we may not remove: Held, and nobody lost anything.
    assert isinstance(action, Held)
    assert action.code == "held.slot-full"
    assert story.world.instances[key.id].active
    assert story.violations() == []


def test_noted_but_not_staged_is_removed_and_minted_anew() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    story.boundaries.names.clear()
    story.boundaries.act = kill_once(story, "before store.stage")
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Close)
    assert story.world.minted == 3
    assert len(story.world.instances) == 1
    assert story.violations() == []
    assert story.journal.identity(STREAM) is not None


def kill_once(story: Story, boundary: str):  # type: ignore[no-untyped-def]
    def act(number: int, name: str) -> None:
        del number
        if name == boundary:
            story.boundaries.act = None
            raise Killed

    return act
