"""A rotation with one more entry is the same as the whole of it folded anew."""

from copy import deepcopy

import pytest

from rotation.journal.chain import rotations
from rotation.machine import replay as replaying
from rotation.machine.decide import Action
from rotation.machine.replay import replay
from tests.crash import stories
from tests.crash.stories import Teller, seeded
from tests.crash.test_every_boundary import STORIES
from tests.support.crash import Story


def complained(story: Story) -> Action:
    """The old credential is pointed at while it is off: it is resumed, what followed is undone."""
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "suspend")
    story.world.move("current", "v0")
    story.drive()
    stories.request(story, "resume")
    return story.drive()


def named(story: Story) -> Action:
    """A person calls an instance ours, and then foreign."""
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.request(story, "ours", instance="KEY9")
    stories.request(story, "foreign", instance="KEY9")
    return story.drive()


TOLD: dict[str, tuple[Teller, dict[str, bool]]] = {
    **STORIES,
    "complained": (complained, {}),
    "named": (named, {}),
}


@pytest.mark.parametrize("name", TOLD)
def test_one_more_entry_is_the_whole_folded_anew(name: str) -> None:
    tell, world = TOLD[name]
    story = seeded(**world)
    tell(story)
    for rotation in rotations(story.entries()):
        replaying._folded.clear()
        for length in range(1, len(rotation) + 1):
            before = deepcopy(replay(rotation[: max(1, length - 1)]))
            assert replay(rotation[:length]) == replaying._fold(rotation[:length])
            assert replay(rotation[: max(1, length - 1)]) == before
