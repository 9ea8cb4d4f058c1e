"""REPLACE, killed at every boundary: what readers get is dead, and afterwards they have what works;
nothing is unaccounted for, and what works is never replaced."""

from contextlib import suppress

import pytest

from rotation.journal.facts import Proof
from rotation.machine.decide import Close, Held
from rotation.machine.held import Exit
from rotation.machine.leftover import Leftover, leftovers_of
from rotation.plan import Step
from rotation.report.describe import what_works
from rotation.report.exits import open_exits
from rotation.report.health import consumers_at_risk, left_alive
from rotation.types import CURRENT, Death
from tests.support import stories
from tests.support.acts import ask, dies_once
from tests.support.crash import STREAM, Story
from tests.support.replacing import (
    ACCIDENTS,
    Accident,
    another,
    findings,
    gone,
    lost,
    overwritten,
    replaced,
    suspended,
)
from tests.support.stories import NEVER_OFF, seeded
from tests.support.turns import EVERY, SOME, taken
from tests.support.world import Killed, World


def lives(story: Story) -> bool:
    """The one that there was before the accident."""
    return "KEY1" in story.world.instances and story.world.instances["KEY1"].active


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("name", ACCIDENTS)
def test_killed_at_every_boundary(name: str, stride: int) -> None:
    accident, world = ACCIDENTS[name]
    clean = seeded(**world)
    assert isinstance(replaced(clean, accident), Close), clean.entries()[-3:]
    assert findings(clean) == []
    bad = []
    for number in taken(len(clean.boundaries.names), stride, name):
        story = seeded(**world)
        story.boundaries.kill_at = frozenset({number})
        action = replaced(story, accident)
        found = findings(story)
        if found or not isinstance(action, Close):
            bad.append((number, clean.boundaries.names[number], action, found[:2]))
    assert bad == []


def test_what_was_replaced_in_place_is_proved_dead() -> None:
    accident, world = ACCIDENTS["overwritten, in place"]
    story = seeded(**world)
    assert isinstance(replaced(story, accident), Close)
    assert story.rotation().state(Step.PROVE_DEAD).record(Proof).grade == Death.PROVED


def test_what_works_is_not_replaced() -> None:
    story = seeded(exclusive=True)
    action = replaced(story, lambda world: None)
    assert isinstance(action, Held) and action.code == "held.not-dead"
    assert list(story.world.instances) == ["KEY1"]
    assert "issuer.issue" not in story.world.calls


def test_what_is_off_is_removed() -> None:
    story = seeded(exclusive=True)
    assert isinstance(replaced(story, suspended), Close)
    assert "KEY1" not in story.world.instances


def test_a_live_one_whose_bytes_are_lost_to_the_store_is_kept_for_whoever_still_has_them() -> None:
    story = seeded(exclusive=True)
    assert isinstance(replaced(story, overwritten), Close)
    assert lives(story)
    assert "KEY1" in story.rotation().result.live


@pytest.mark.parametrize("world", [{"exclusive": True}, {**NEVER_OFF, "blind": True}])
def test_the_value_that_is_refused_says_nothing_of_ours(world: dict[str, bool]) -> None:
    """It lives, and what removes it one day will find its bytes."""
    story = seeded(**world)
    assert isinstance(replaced(story, another), Close)
    assert lives(story)
    left = leftovers_of(story.rotation().result)
    assert left.get("KEY1") == Leftover("v0", served=True)


def test_a_way_back_leaves_what_the_journal_had() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    story.world.emergency = True
    another(story.world)
    stories.open_replacement(story)
    stories.advance_until(story, "issue")
    ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    result = story.rotation().result
    assert (result.version, result.handle) == ("v0", "KEY1")


@pytest.mark.parametrize("claim", ["ba9876543210", None])
@pytest.mark.parametrize("world", [{}, {"numbered": True}])
@pytest.mark.parametrize("accident", [gone, lost])
def test_another_owners_secret_is_not_written(
    claim: str | None, world: dict[str, bool], accident: Accident
) -> None:
    def taken(world: World) -> None:
        accident(world)
        world.claim = claim

    story = seeded(exclusive=True, **world)
    action = replaced(story, taken)
    assert isinstance(action, Held)
    assert action.code == ("held.claim-foreign" if claim else "held.claim-missing")
    assert not {"issuer.issue", "store.stage"} & set(story.world.calls)


def switched_on_at(story: Story, moment: str) -> None:
    """A person repairs it at the last moment: after the look, before anything is destroyed."""

    def act(number: int, name: str) -> None:
        first = story.world.instances.get("KEY1")
        if name == moment and first and story.rotation().intended(Step.DESTROY):
            first.active = True

    story.boundaries.act = act


def test_what_somebody_switched_on_again_is_not_destroyed() -> None:
    story = seeded(exclusive=True)
    switched_on_at(story, "before issuer.listing")
    assert isinstance(replaced(story, suspended), Close)
    assert findings(story) == []
    assert lives(story)
    assert "KEY1" in story.rotation().result.live


def test_what_is_let_in_again_is_not_dropped() -> None:
    """Of an issuer that lists nothing only a login tells."""
    story = seeded(**NEVER_OFF, blind=True)
    switched_on_at(story, "before probe.login")
    assert isinstance(replaced(story, suspended), Close)
    assert findings(story) == []
    assert lives(story)


def test_it_leads_out_of_a_rotation_that_is_held_for_the_dead_one() -> None:
    """The open rotation is superseded; what it minted is ours and is accounted for."""
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "promote")
    story.world.emergency = True
    story.world.instances.pop(str(story.rotation().new))
    held = story.drive()
    assert isinstance(held, Held) and Exit.REPLACE in open_exits(story.rotation())
    stories.open_replacement(story)
    assert isinstance(story.drive(), Close)
    assert findings(story) == []


def test_an_old_one_that_somebody_deleted_meanwhile_is_what_a_rotation_wants() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "confirm")
    story.world.emergency = True  # readers that had not moved are refused, because of the colleague
    story.world.instances.pop("KEY1")
    assert isinstance(story.drive(), Close)
    assert findings(story) == []
    assert story.rotation().state(Step.SUSPEND).facts["gone"] is True


def test_a_full_issuer_gives_up_what_readers_never_had() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "issue")
    story.world.emergency = True
    suspended(story.world)
    stories.open_replacement(story)
    assert isinstance(story.drive(), Close)
    assert findings(story) == []


def test_a_full_issuer_keeps_what_somebody_may_be_using() -> None:
    def full(world: World) -> None:
        overwritten(world)
        world.mint(by_person=True)

    story = seeded(exclusive=True)
    action = replaced(story, full)
    assert isinstance(action, Held) and action.code == "held.slot-full"
    assert lives(story) and len(story.world.instances) == 2


def test_a_person_may_give_up_the_dead_one_that_lives_at_a_full_issuer() -> None:
    def full(world: World) -> None:
        lost(world)
        world.mint(by_person=True)

    story = seeded(exclusive=True)
    held = replaced(story, full)
    assert isinstance(held, Held) and held.code == "held.slot-full"
    reply = story.rotation().state(Step.MAKE_ROOM)
    assert "KEY1 (ours, active" in str(reply.message) and "KEY2 (not ours" in str(reply.message)
    assert not reply.in_doubt
    ask(story, "ours", instance="KEY1")
    story.drive()
    assert set(story.world.instances) == {"KEY2", "KEY3"}
    assert story.world.accepts(*story.world.versions[story.world.labels[CURRENT]])


def test_room_that_was_made_before_a_death_is_known() -> None:
    """What was destroyed for it is not listed as left alive."""
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "issue")
    story.world.emergency = True
    suspended(story.world)
    stories.open_replacement(story)
    dies_once(story, "after issuer.destroy")
    with suppress(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    assert isinstance(story.drive(), Close)
    assert findings(story) == []
    assert left_alive(story.rotation()) == tuple(sorted({"KEY1"} & set(story.world.instances)))


def test_one_refusal_may_be_a_service_that_is_not_settled() -> None:
    story = seeded(exclusive=True)
    accepts, refused = story.world.accepts, list[str]()

    def act(number: int, name: str) -> None:
        if name.endswith("probe.login"):
            refused.append(name)
            story.world.accepts = accepts if refused[1:] else lambda handle, secret: False  # type: ignore[method-assign]

    story.boundaries.act = act
    action = replaced(story, lambda world: None)
    assert isinstance(action, Held) and action.code == "held.not-dead"
    assert len(refused) > 2


def test_what_an_earlier_one_left_is_not_forgotten() -> None:
    story = seeded(chosen=True)
    assert isinstance(replaced(story, overwritten), Close)
    story.world.instances.pop(str(story.rotation().new))
    story.runner().open_replacement(STREAM, story.spec, trigger="person", who="on-call")
    assert isinstance(story.drive(), Close)
    assert findings(story) == []
    assert lives(story)


def test_readers_are_at_risk_until_they_have_the_new_one() -> None:
    story = seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    story.world.emergency = True
    gone(story.world)
    stories.open_replacement(story)
    story.runner().advance(STREAM, until=Step.PROMOTE)
    rotation = story.rotation()
    assert consumers_at_risk(rotation)
    assert "KEY1, which is gone" in what_works(rotation)
    stories.advance_until(story, "verify-live")
    assert not consumers_at_risk(story.rotation())
