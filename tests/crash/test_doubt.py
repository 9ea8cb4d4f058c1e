"""BEGAN without NOTED and an instance that was not there before: whose is it?"""

from collections.abc import Callable

import pytest

from rotation.machine.decide import Close, Held
from rotation.machine.replay import failed_row
from rotation.plan import Step
from rotation.report.describe import what_works
from tests.support import stories
from tests.support.acts import ask, declare
from tests.support.crash import STREAM, Story
from tests.support.stories import seeded
from tests.support.world import Killed


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


# --------------------------------------------------------------------- a no is no doubt


def in_an_emergency(story: Story) -> None:
    stories.without_faults(story, stories.adopt)
    declare(story)


def on_the_way_back(story: Story) -> None:
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "suspend")
    ask(story, "rollback")


def forward(story: Story) -> None:
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")


def behind_a_staging_that_failed(story: Story) -> None:
    """What was minted for it has to go again."""
    forward(story)
    story.world.denied.add("store.stage")


REFUSED = [
    (forward, "issuer.suspend", Step.SUSPEND),
    (forward, "issuer.destroy", Step.DESTROY),
    (forward, "consumer.deliver", Step.DELIVER),
    (on_the_way_back, "issuer.resume", Step.RESUME_OLD),
    (on_the_way_back, "store.promote", Step.DEMOTE),
    (on_the_way_back, "issuer.destroy", Step.DESTROY_NEW),
    (in_an_emergency, "issuer.suspend", Step.CONTAIN),
    (in_an_emergency, "issuer.destroy", Step.DESTROY),
]


@pytest.mark.parametrize(("begin", "call", "step"), REFUSED)
def test_what_was_denied_is_told_as_denied_and_not_as_begun(
    begin: Callable[[Story], None], call: str, step: Step
) -> None:
    story = seeded(exclusive=True)
    begin(story)
    story.world.denied.add(call)
    action = story.drive()
    assert isinstance(action, Held) and action.code == "held.denied"
    rotation = story.rotation()
    row = failed_row(rotation)
    assert row is not None and row.step is step
    assert not rotation.states[row.position].in_doubt
    assert "doubt" not in what_works(rotation) and "may be" not in what_works(rotation)
    story.world.denied.clear()
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def test_what_may_not_be_removed_after_a_staging_that_failed_is_told_at_once() -> None:
    """Repeating does not help if a right is missing; what was minted stays known."""
    story = seeded(exclusive=True)
    behind_a_staging_that_failed(story)
    story.world.denied.add("issuer.destroy")
    action = story.drive()
    assert isinstance(action, Held) and action.code == "held.denied"
    assert story.world.calls.count("issuer.destroy") == 1
    story.world.denied.clear()
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []
