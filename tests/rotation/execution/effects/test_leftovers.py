"""What an earlier rotation left is removed as carefully as an old credential."""

import pytest

from rotation.errors import NeedsPerson, NotYet, Transient
from rotation.execution.effects import leftovers
from rotation.journal.facts import Attempt, Leaving
from rotation.machine.leftover import Leftover
from rotation.plan import Step
from tests.support.acts import opened
from tests.support.crash import Story
from tests.support.effects import at


def with_leftover(*, served: bool) -> Story:
    story = opened()
    story.world.mint()
    rotation = story.rotation()
    rotation.leftovers = {"KEY2": Leftover(served=served)}
    story.rotation = lambda: rotation  # type: ignore[method-assign]
    return story


def test_it_is_found_then_switched_off_then_destroyed() -> None:
    story = with_leftover(served=False)
    cx = at(story, Step.ISSUE)
    assert leftovers.to_remove(cx, cx.listing()) == ["KEY2"]
    seen: list[bool | None] = []
    for _ in range(2):
        with pytest.raises(NotYet) as wait:
            leftovers.remove(cx, "KEY2")
        cx.state.facts |= wait.value.observed or {}
        seen.append(story.world.instances["KEY2"].active)
    assert seen == [True, False]
    assert Leaving.of(cx.state.facts).off_at is not None
    with pytest.raises(Transient) as gone:
        leftovers.remove(cx, "KEY2")
    assert Attempt.of(gone.value.facts).removed == "KEY2"
    assert set(story.world.instances) == {"KEY1"}


def test_one_that_readers_had_and_somebody_uses_stays() -> None:
    story = with_leftover(served=True)
    story.world.instances["KEY2"].used = story.world.now
    with pytest.raises(NeedsPerson) as caught:
        leftovers.remove(at(story, Step.ISSUE), "KEY2")
    assert caught.value.code == "held.leftover"
    assert story.world.instances["KEY2"].active


def test_without_overlap_none_is_removed() -> None:
    cx = at(opened(overlap=False), Step.ISSUE)
    assert leftovers.to_remove(cx, cx.listing()) == []
