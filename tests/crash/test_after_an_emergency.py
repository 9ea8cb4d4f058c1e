"""The store keeps the mark of an emergency that is over: it concerns the version that leaked, and
no later rotation. A store that does not answer keeps no leaked credential alive."""

import pytest

from rotation.machine.decide import Close
from rotation.plan import PLANS, Step
from rotation.types import COMPROMISED
from tests.support import emergencies, stories
from tests.support.acts import declare
from tests.support.crash import STREAM, Story
from tests.support.simulator import bound


def after_an_emergency(**issuer: bool) -> Story:
    story = stories.seeded(exclusive=True, **issuer)
    assert isinstance(emergencies.emergency(story), Close)
    story.world.emergency = False
    return story


def routine(story: Story, *, until: str) -> None:
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    stories.advance_until(story, until)


@pytest.mark.parametrize("numbered", [False, True])
def test_the_rotations_that_follow_are_held_by_nothing(*, numbered: bool) -> None:
    story = after_an_emergency(numbered=numbered)
    for _ in range(3):
        routine(story, until="tidy")
        assert story.rotation().outcome == "succeeded"
    assert story.violations() == []


@pytest.mark.parametrize("until", ["promote", "prove-off"])
def test_the_rotations_that_follow_can_go_back(until: str) -> None:
    story = after_an_emergency()
    routine(story, until=until)
    stories.request(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "rolled-back"
    assert story.violations() == []


@pytest.mark.parametrize("which", ["old_version", "new_version"])
def test_what_an_emergency_elsewhere_marks_meanwhile_is_not_switched_on(which: str) -> None:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    routine(story, until="suspend")
    story.world.move(COMPROMISED, getattr(story.rotation(), which))
    stories.request(story, "rollback")
    story.drive()
    assert story.rotation().held == "held.compromised"


@pytest.mark.parametrize("chosen", [False, True])
def test_room_is_made_only_where_it_can_be_short(*, chosen: bool) -> None:
    story = after_an_emergency(chosen=chosen)
    limited = bound(story.world).issuer.traits.live_max is not None
    assert (Step.MAKE_ROOM in {row.step for row in story.rotation().rows}) is limited


def test_a_store_that_does_not_answer_keeps_nothing_alive() -> None:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    story.world.denied = {f"store.{call}" for call in ("state", "read", "mark", "stage")}
    declare(story)
    story.drive()
    assert story.rotation().state(Step.CONTAIN).done
    assert not story.world.instances["KEY1"].active
    story.world.denied.clear()
    stories.request(story, "resume")
    assert isinstance(story.drive(), Close)
    assert emergencies.findings(story) == []
    assert story.world.labels[COMPROMISED] == "v0", "marked once the store could be"
