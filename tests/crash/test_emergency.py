"""COMPROMISED, killed at every boundary and started at every moment of a routine rotation: what was
contained is never active again, the new credential works, nothing is unaccounted for."""

import pytest

from rotation.fold import fold
from rotation.incident import survey
from rotation.machine import Action, Close
from rotation.plan import PLANS
from rotation.runner import Runner
from rotation.testing.crash import STREAM, Story
from rotation.testing.simulator import bound
from tests.crash import stories
from tests.crash.stories import seeded
from tests.crash.test_every_boundary import EVERY


def declare(story: Story) -> None:
    """An emergency on everything that is ours; declared once, whoever dies meanwhile."""

    def declaring(runner: Runner) -> None:
        if fold(story.journal.entries(STREAM)).plan == "compromised":
            return
        story.world.emergency = True
        seen = survey(story.journal, bound(story.world), STREAM, story.spec)
        facts = {"scope": seen.ours, "reason": "leaked"}
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", facts=facts)

    story.survive(declaring)


def emergency(story: Story) -> Action:
    stories.without_faults(story, stories.adopt)
    declare(story)
    return story.drive()


def contained(story: Story) -> list[str]:
    return [str(i) for i in story.rotation().opened.facts["scope"]]  # type: ignore[union-attr]


def findings(story: Story) -> list[str]:
    """After an emergency readers move to the new one; the scope is dead."""
    world = story.world
    world.advance(world.now + world.lag * 2)
    alive = [i for i in contained(story) if i in world.instances]
    handle, secret = world.versions[world.labels["current"]]
    dead = [] if world.accepts(handle, secret) else [f"current {handle} is dead"]
    return [*(f"{i} is alive" for i in alive), *dead, *story.violations()]


@pytest.mark.parametrize("stride", [pytest.param(3, id="every third"), EVERY])
def test_killed_at_every_boundary(stride: int) -> None:
    clean = seeded(exclusive=True)
    assert isinstance(emergency(clean), Close)
    assert findings(clean) == []
    bad = []
    for number in range(0, len(clean.boundaries.names), stride):
        story = seeded(exclusive=True)
        story.boundaries.kill_at = frozenset({number})
        action = emergency(story)
        if not isinstance(action, Close) or findings(story):
            bad.append((number, clean.boundaries.names[number], action, findings(story)))
    assert bad == []


@pytest.mark.parametrize(
    "step", ["issue", "verify", "promote", "confirm", "drain", "suspend", "soak", "destroy"]
)
def test_supersedes_an_open_rotation(step: str) -> None:
    """The open rotation's new instance is in scope too, and its next write is refused."""
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, step)
    declare(story)
    assert isinstance(story.drive(), Close)
    assert findings(story) == []
    assert story.rotation().outcome == "succeeded"


def test_a_runner_that_never_heard_of_it_revives_nothing() -> None:
    """Containment from elsewhere, with no journal in reach: the routine rotation is Held before
    it could resume, promote or demote anything."""
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "drain")
    story.world.emergency = True
    for instance in story.world.instances.values():
        instance.active, instance.changed = False, story.world.now
    story.drive()
    assert not any(instance.active for instance in story.world.instances.values())
    assert story.rotation().held == "held.found-suspended"


def test_cancel_before_anything_is_destroyed() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    stories.advance_until(story, "contain")
    stories.request(story, "cancel")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "rolled-back"
    handle = story.rotation().old
    assert handle is not None
    assert story.world.instances[handle].active
    assert "compromised" not in story.world.labels


def test_one_foreign_key_alone_is_contained_and_kept() -> None:
    """--key-id names it: authority to contain, not to destroy; nothing is replaced."""
    story = seeded(exclusive=True)
    foreign = story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)

    def declaring(runner: Runner) -> None:
        seen = survey(story.journal, bound(story.world), STREAM, story.spec)
        facts = {"scope": [foreign.id], "reason": "leaked"}
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", facts=facts)

    story.survive(declaring)
    assert isinstance(story.drive(), Close)
    assert not story.world.instances[foreign.id].active
    assert story.world.labels["current"] == "v0"
    assert story.world.outages == []


def test_the_plan_knows_no_evidence_gate() -> None:
    assert "drain" not in {row.step for row in PLANS["compromised"].rows}
