"""A person's hold that lands between a decision and its intent wins, whichever row it is."""

import pytest

from rotation.errors import PolicyRefusal
from rotation.journal.entries import Entry, Kind
from rotation.machine.decide import Close, Wait
from rotation.machine.replay import Outcome
from rotation.plan import PLANS
from tests.support import stories
from tests.support.acts import ask
from tests.support.crash import STREAM, Story

INTENDED = ["issue", "promote", "deliver", "suspend", "destroy", "tidy"]


def writes_intent(story: Story, step: str) -> bool:
    return any(is_intent(entry, step) for entry in story.entries())


def is_intent(entry: Entry, step: str) -> bool:
    return entry.kind is Kind.BEGAN and entry.row is not None and entry.row.step == step


def write_of_intent(step: str) -> int:
    """The boundary before the write that first holds that intent."""
    clean, last, found = stories.seeded(), 0, []

    def watch(number: int, name: str) -> None:
        nonlocal last
        if name == "before journal.append":
            last = number
        elif name == "after journal.append" and not found and writes_intent(clean, step):
            found.append(last)

    clean.boundaries.act = watch
    assert isinstance(stories.routine(clean), Close)
    return found[0]


@pytest.mark.parametrize("step", INTENDED)
def test_a_hold_between_decision_and_write_wins(step: str) -> None:
    at = write_of_intent(step)
    story = stories.seeded()

    def hold(number: int, name: str) -> None:
        del name
        if number == at:
            ask(story, "hold", reason="wait")

    story.boundaries.act = hold
    action = stories.routine(story)
    assert isinstance(action, Wait)
    assert action.why == "paused by tester: wait"
    assert not writes_intent(story, step)
    ask(story, "release")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


@pytest.mark.parametrize("step", ["issue", "suspend", "destroy"])
def test_what_follows_from_another_word_is_written_at_once(step: str) -> None:
    at = write_of_intent(step)
    story = stories.seeded()

    def abandon(number: int, name: str) -> None:
        del name
        if number == at:
            ask(story, "abandon")

    story.boundaries.act = abandon
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    assert story.drive() == Close(Outcome.ABANDONED)
    assert story.rotation().outcome == Outcome.ABANDONED
    assert not writes_intent(story, step)


def test_a_hold_that_lands_before_the_opening_lets_nothing_be_opened() -> None:
    story = stories.seeded()
    stories.without_faults(story, stories.adopt)

    def hold(number: int, name: str) -> None:
        del number
        if name == "before journal.open":
            story.boundaries.act = None
            ask(story, "hold", reason="wait")

    story.boundaries.act = hold
    with pytest.raises(PolicyRefusal, match=r"rotation\.on-hold"):
        story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    assert story.rotation().plan == "adopt"
