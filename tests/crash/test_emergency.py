"""COMPROMISED, killed at every boundary and started at every moment of a routine rotation: what was
contained is never active again, the new credential works, nothing is unaccounted for."""

import pytest

from rotation.errors import JournalMoved
from rotation.execution.runner import Runner
from rotation.journal.facts import Opened
from rotation.machine.decide import Close, Held
from rotation.operations.survey import survey
from rotation.plan import PLANS
from rotation.report.health import instances_in_question
from tests.support import stories
from tests.support.acts import declare
from tests.support.crash import STREAM, Killed, Story
from tests.support.emergencies import STORIES, cancelled, findings
from tests.support.simulator import bound
from tests.support.stories import seeded
from tests.support.turns import EVERY, SOME, taken


def test_a_person_may_give_up_what_is_in_an_emergencys_way() -> None:
    story = seeded()
    story.world.mint(by_person=True)
    story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    story.world.instances.pop("KEY1")
    held = story.drive()
    assert isinstance(held, Held) and held.code == "held.slot-full"
    stories.request(story, "ours", instance="KEY3")
    assert isinstance(story.drive(), Close)
    assert set(story.world.instances) == {"KEY2", "KEY4"}
    assert findings(story) == []


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_boundary(name: str, stride: int) -> None:
    tell, look, world = STORIES[name]
    clean = seeded(**world)
    assert isinstance(tell(clean), Close)
    assert look(clean) == []
    bad = []
    for number in taken(len(clean.boundaries.names), stride, name):
        story = seeded(**world)
        story.boundaries.kill_at = frozenset({number})
        action = tell(story)
        if not isinstance(action, Close) or look(story):
            bad.append((number, clean.boundaries.names[number], action, look(story)))
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


def test_cancel_is_told_as_going_back() -> None:
    story = seeded(exclusive=True)
    cancelled(story)
    assert story.rotation().outcome == "rolled-back"


def test_the_plan_knows_no_evidence_gate() -> None:
    assert "drain" not in {row.step for row in PLANS["compromised"].rows}


# ------------------------------------------------------------------- what the journal does not know


def copied(story: Story) -> None:
    """Somebody wrote the credential again, beside a changed foreign field."""
    story.world.versions["copy"] = story.world.versions[story.world.labels["current"]]
    story.world.move("current", "copy")


def test_a_current_version_that_nobody_knows_is_replaced() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    copied(story)
    declare(story)
    assert isinstance(story.drive(), Close)
    assert findings(story) == []
    assert story.world.labels["current"] == story.rotation().new_version


def test_nothing_is_destroyed_that_an_unknown_current_version_may_name() -> None:
    story = seeded(exclusive=True)
    foreign = story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    story.world.versions["theirs"] = (foreign.id, foreign.secret)
    story.world.move("current", "theirs")

    def declaring(runner: Runner) -> None:
        seen = survey(story.journal, bound(story.world), STREAM, story.spec)
        said = Opened(scope=[foreign.id], reason="leaked", destroy_foreign=True)
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", said=said)

    story.world.emergency = True
    story.survive(declaring)
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.unknown-pointer"
    assert not story.world.instances[foreign.id].active


def test_a_hold_outlives_an_emergency() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.request(story, "hold", reason="migration")
    declare(story)
    assert isinstance(story.drive(), Close)
    assert story.rotation().on_hold == "migration"


def test_what_was_minted_after_the_look_is_looked_at_again() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    seen = survey(story.journal, bound(story.world), STREAM, story.spec)
    stories.advance_until(story, "issue")
    said = Opened(scope=list(seen.ours), reason="leaked")
    with pytest.raises(JournalMoved):
        story.runner().open_emergency(
            STREAM, story.spec, seen.baseline, who="on-call", said=said, seen=seen.seen
        )
    assert story.rotation().plan == "routine"
    again = survey(story.journal, bound(story.world), STREAM, story.spec)
    assert again.ours == ["KEY1", "KEY2"]
    story.runner().open_emergency(
        STREAM, story.spec, again.baseline, who="on-call", said=said, seen=again.seen
    )


@pytest.mark.parametrize("begun", ["routine", "compromised"])
def test_a_mint_that_died_with_its_runner_is_accounted_for_by_the_next_emergency(
    begun: str,
) -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    declare(story) if begun == "compromised" else stories.open_plan(story, "routine")

    def die(_: int, name: str) -> None:
        if name == "after issuer.issue":
            raise Killed

    story.boundaries.act = die
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead, story.boundaries.act = False, None
    lost = next(i for i in story.world.instances if i != "KEY1")
    story.world.emergency = True
    seen = survey(story.journal, bound(story.world), STREAM, story.spec)
    said = Opened(scope=list(seen.ours), reason="leaked")
    runner = story.runner()
    runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", said=said)
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.unknown-instance"
    assert instances_in_question(story.rotation()) == (lost,)
    assert not any("unaccounted" in each for each in story.violations())

    stories.request(story, "ours", instance=lost)
    assert isinstance(story.drive(), Close)
    assert lost in story.rotation().result.ours
