"""Without overlap, every obstacle to the rows after the cutover is found before it; and a failure after
it is reported at once, because readers wait for the new value."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from rotation.errors import Ambiguous, Permanent, Transient
from rotation.machine.decide import Close, Held, Wait
from rotation.machine.replay import is_past_return
from rotation.plan import Step
from rotation.types import Death
from tests.support import stories
from tests.support.acts import ask, breaks_at, code, failing, opened
from tests.support.crash import STREAM, Story

NONE = pytest.param({"overlap": False, "can_suspend": False}, id="delegated")
CHOSEN = {"overlap": False, "can_suspend": False, "chosen": True, "numbered": True}
WORLDS = pytest.mark.parametrize("world", [NONE, pytest.param(CHOSEN, id="in-place")])


def refuses_all(story: Story) -> None:
    story.world.accepts = lambda handle, secret: False  # type: ignore[method-assign]


def takes_all(story: Story) -> None:
    story.world.accepts = lambda handle, secret: True  # type: ignore[method-assign]


def fails(story: Story) -> None:
    failing(story, "before probe.login", lambda: Permanent("sim.table-dropped", "no such table"))


def may_not_promote(story: Story) -> None:
    story.world.missing.append("promote: patch on apps/data/app")


BROKEN: dict[Callable[[Story], None], str] = {
    refuses_all: "held.probe-broken",
    fails: "held.probe-broken",
    takes_all: "held.probe-meaningless",
    may_not_promote: "held.denied",
}


@WORLDS
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_it_is_found_before_the_old_one_dies(
    broken: Callable[[Story], None], world: dict[str, bool]
) -> None:
    story = opened(**world)
    accepts = story.world.accepts
    broken(story)
    assert code(story) == BROKEN[broken]
    rotation = story.rotation()
    assert list(story.world.instances) == [rotation.old]
    assert not is_past_return(rotation)
    story.world.accepts = accepts  # type: ignore[method-assign]
    story.world.missing.clear()
    story.boundaries.act = None
    story.world.outages.clear()  # the probe's troubles are the simulated consumers' as well
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def test_where_the_service_keeps_it_the_right_to_stage_is_asked_for_too() -> None:
    story = opened(overlap=False, can_suspend=False)
    story.world.missing.append("mint: create on rotation-pending/data/app/+")
    assert code(story) == "held.denied"
    assert list(story.world.instances) == [story.rotation().old]
    story.world.missing.clear()
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def test_in_place_leads_back_from_there() -> None:
    story = opened(**CHOSEN)
    may_not_promote(story)
    assert code(story) == "held.denied"
    ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "rolled-back"
    assert story.violations() == []


@WORLDS
def test_a_service_that_cannot_be_asked_is_not_asked_for_ever(world: dict[str, bool]) -> None:
    story = opened(**world)
    failing(story, "before probe.login", lambda: Transient("sim.down", "down"))
    assert code(story) == "held.out-of-tries"
    assert list(story.world.instances) == [story.rotation().old]


@WORLDS
def test_a_probe_that_breaks_afterwards_is_held_soon(world: dict[str, bool]) -> None:
    """Once fixed, it goes on: readers get the new one."""
    story = opened(**world)
    accepts = story.world.accepts
    breaks_at(story, lambda: refuses_all(story))
    began = story.world.now
    action = story.drive()
    assert isinstance(action, Held)
    assert action.code == "held.new-unverified"
    assert story.world.now - began < timedelta(minutes=10)
    story.world.accepts, story.boundaries.act = accepts, None  # type: ignore[method-assign]
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    story.world.outages.clear()
    assert story.violations() == []


@WORLDS
def test_a_person_may_give_it_to_readers_unverified(world: dict[str, bool]) -> None:
    """The probe stays broken to the end; what would ask it says that nobody logged in."""
    story = opened(**world)
    accepts = story.world.accepts
    breaks_at(story, lambda: refuses_all(story))
    assert code(story) == "held.new-unverified"
    ask(story, "resume", unverified=True)
    story.boundaries.act = lambda number, name: None
    calls = story.world.calls.count("probe.login")
    assert isinstance(story.drive(), Close)
    rotation = story.rotation()
    assert story.world.calls.count("probe.login") == calls
    assert rotation.state(Step.VERIFY).facts["unverified"] is True
    assert rotation.state(Step.PROVE_DEAD).facts["grade"] == Death.ASSERTED
    story.world.accepts = accepts  # type: ignore[method-assign]
    story.world.outages.clear()
    assert story.violations() == []


@WORLDS
def test_a_probe_that_begins_to_take_anything_is_told_at_once(world: dict[str, bool]) -> None:
    story = opened(**world)
    breaks_at(story, lambda: takes_all(story))
    assert code(story) == "held.new-unverified"
    assert story.rotation().state(Step.VERIFY).tries == 0


def test_where_both_live_nothing_is_promoted_unverified() -> None:
    story = opened()
    refuses_all(story)
    assert code(story) == "held.probe-broken"
    ask(story, "resume", unverified=True)
    assert code(story) == "held.probe-broken"
    assert story.world.labels["current"] == "v0"


@WORLDS
def test_an_outage_afterwards_is_sat_out_and_looked_at_often(world: dict[str, bool]) -> None:
    story = opened(**world)
    down = {"now": False}

    def watch(number: int, name: str) -> None:
        if name in ("after issuer.activate", "after issuer.issue") and story.world.graves:
            down["now"] = True
        if name == "before probe.login" and down["now"]:
            raise Transient("sim.down", "down")

    story.boundaries.act = watch
    runner, waits = story.runner(), []
    for _ in range(40):
        action = runner.advance(STREAM)
        assert isinstance(action, Wait), action
        assert action.until is not None
        waits.append(action.until - story.world.now)
        story.world.advance(action.until)
    assert max(waits) < timedelta(seconds=40)
    story.boundaries.act = None
    assert isinstance(story.drive(), Close)


def test_a_replacement_that_was_refused_has_replaced_nothing() -> None:
    story = opened(overlap=False, can_suspend=False)
    story.world.denied.add("issuer.issue")
    assert code(story) == "held.denied"
    assert not is_past_return(story.rotation())
    story.world.denied.clear()
    ask(story, "resume")
    assert isinstance(story.drive(), Close)
    assert story.violations() == []


def test_a_service_that_repeats_it_by_itself_is_only_looked_at() -> None:
    """Its own try comes seconds later; the pause does not grow from one of ours to the next."""
    story = opened(overlap=False, can_suspend=False)
    asked = []

    def lost(number: int, name: str) -> None:
        if name == "before issuer.issue":
            asked.append(story.world.now)
            raise Ambiguous("sim.unsure", "may have been replaced")

    story.boundaries.act = lost
    runner = story.runner()
    until = story.world.now + timedelta(minutes=10)
    while story.world.now < until:
        action = runner.advance(STREAM)
        assert isinstance(action, Wait)
        assert action.until is not None
        assert action.until - story.world.now < timedelta(seconds=40)
        story.world.advance(action.until)
    assert 4 <= len(asked) <= 15
    story.boundaries.act = None
    story.world.replace()
    stories.advance_until(story, "issue")
    story.world.outages.clear()
    assert isinstance(story.drive(), Close)
    assert story.violations() == []
