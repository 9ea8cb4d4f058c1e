"""An issuer that does not say when it made what it made: our own mint dates it, even if the
runner dies meanwhile, and it becomes due again by its age."""

from datetime import timedelta

import pytest

from rotation.machine.decide import Action, Close
from rotation.schedule.due import DueState, due
from tests.support import stories
from tests.support.acts import declare
from tests.support.crash import STREAM, Story
from tests.support.shell import APP
from tests.support.stories import STORIES, seeded
from tests.support.turns import EVERY, SOME, taken

MAX = timedelta(hours=1)
"""No story takes longer from the mint to its end, in the simulated time."""


def declared(story: Story) -> Action:
    stories.without_faults(story, stories.adopt)
    declare(story)
    return story.drive()


def promoted_then_accepted(story: Story) -> Action:
    """A person says that what we made counts, before its rotation is over."""
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "promote")
    stories.request(story, "accept-current")
    return story.drive()


def rotated_then_adopted(story: Story) -> Action:
    stories.without_faults(story, stories.routine)
    stories.open_plan(story, "adopt")
    return story.drive()


UNDATED = {
    **{name: reply for name, reply in STORIES.items() if name.startswith(("routine", "first"))},
    **{name: STORIES[name] for name in ("in place", "in place, blind", "delegated")},
    "replace": (stories.replaced(lambda s: s.world.instances.pop("KEY1")), {"exclusive": True}),
    "emergency": (declared, {"exclusive": True}),
    "emergency, chosen": (declared, {"chosen": True}),
    "adopted again": (rotated_then_adopted, {"exclusive": True}),
}


def undated(name: str, *kill_at: int) -> Story:
    tell, world = UNDATED[name]
    story = seeded(**world, dated=False)
    story.boundaries.kill_at = frozenset(kill_at)
    assert isinstance(tell(story), Close), story.entries()[-3:]
    return story


def reply(story: Story) -> list[DueState]:
    """Now, and once the period is over."""
    row, now = story.journal.identity(STREAM), story.world.now
    return [due(APP, row, at).kind for at in (now, now + timedelta(seconds=APP.period_s))]


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("name", UNDATED)
def test_what_we_made_becomes_due_by_the_time_of_our_mint(name: str, stride: int) -> None:
    clean = undated(name)
    row = clean.journal.identity(STREAM)
    assert row is not None
    assert row.created is not None
    assert clean.world.now - row.created < MAX
    assert not row.stated
    bad = [
        number
        for number in [None, *taken(len(clean.boundaries.names), stride, name)]
        if reply(undated(name, *([] if number is None else [number])))
        != [DueState.LATER, DueState.DUE]
    ]
    assert bad == []


def test_what_a_person_accepts_of_ours_keeps_its_age() -> None:
    story = seeded(exclusive=True, dated=False)
    assert isinstance(promoted_then_accepted(story), Close)
    assert reply(story) == [DueState.LATER, DueState.DUE]


@pytest.mark.parametrize("stride", [SOME, EVERY])
def test_what_is_accepted_may_be_used(stride: int) -> None:
    """It is no use of what is being taken back: readers have it, and keep it."""
    whole = seeded(exclusive=True)
    assert isinstance(promoted_then_accepted(whole), Close)
    for number in taken(len(whole.boundaries.names), stride, "accepted"):
        story = seeded(exclusive=True)
        story.boundaries.kill_at = frozenset({number})
        assert isinstance(promoted_then_accepted(story), Close), number


def test_nobody_dates_what_was_there_before() -> None:
    story = seeded(dated=False)
    stories.without_faults(story, stories.adopt)
    assert reply(story) == [DueState.UNKNOWN, DueState.UNKNOWN]
