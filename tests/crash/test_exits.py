"""Every exit that `held.py` names is accepted by its verb, and the rotation then moves."""

import pytest

from rotation.entries import Draft, Kind
from rotation.fold import fold
from rotation.held import REASONS, Exit
from rotation.machine import Close, Do, Held, Wait, next_action
from rotation.testing.crash import STREAM, Story
from tests.crash import stories
from tests.crash.test_review import ask

VERBS = {
    Exit.RESUME: ("resume", {}),
    Exit.ROLLBACK: ("rollback", {}),
    Exit.ACCEPT_CURRENT: ("accept-current", {}),
    Exit.OURS: ("ours", {"instance": "KEY9"}),
    Exit.FOREIGN: ("foreign", {"instance": "KEY9"}),
    Exit.ABANDON: ("abandon", {}),
    Exit.DESTROY: ("resume", {"destroy": True}),
    Exit.UNVERIFIED: ("resume", {"unverified": True}),
}


def held_for(code: str) -> Story:
    """In the middle of a routine rotation, whatever it was that stopped it."""
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "verify")
    runner = story.runner()
    lease = runner.journal.claim(STREAM, runner.id, story.world.now, story.outage)
    assert lease is not None
    draft = Draft(kind=Kind.HELD, facts={"code": code})
    runner.journal.append(lease, [draft], story.world.now)
    runner.journal.release(lease)
    return story


@pytest.mark.parametrize(
    ("code", "way"), [(code, way) for code, reason in REASONS.items() for way in reason.exits]
)
def test_the_exit_leads_out(code: str, way: Exit) -> None:
    story = held_for(code)
    before = next_action(fold(story.journal.entries(STREAM)), story.world.now)
    assert isinstance(before, Held)
    assert before.code == code
    assert way in before.exits
    if way is Exit.REPLACE:
        leads_to_a_replacement(story)
        return
    verb, facts = VERBS[way]
    ask(story, verb, **facts)
    after = next_action(fold(story.journal.entries(STREAM)), story.world.now)
    assert isinstance(after, Do | Wait | Close)
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def leads_to_a_replacement(story: Story) -> None:
    """It is for a current credential that is dead, so it dies first."""
    world = story.world
    world.emergency = True
    del world.instances[world.versions[world.labels["current"]][0]]
    story.runner().open_replacement(STREAM, story.spec, trigger="person")
    assert isinstance(story.drive(), Close)
    world.advance(world.now + world.lag * 20)
    world.emergency = False
    world.outages.clear()
    assert story.violations() == []
