"""What is ours and outlives its rotation: the next one removes it first, and nobody loses access."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.interfaces import Adapters
from rotation.journal.facts import Opened
from rotation.machine.decide import Close, Held
from rotation.machine.leftover import leftovers_of
from rotation.plan import PLANS
from rotation.types import (
    PENDING,
    PermissionSet,
    Specification,
    StoreState,
    Version,
    is_any_mark,
    mark,
)
from tests.support import emergencies, stories
from tests.support.acts import ask, code, declare, dies_once, failing, opened
from tests.support.crash import STREAM, Story
from tests.support.simulator import SimulatedStore, bound
from tests.support.turns import EVERY, SOME, taken
from tests.support.world import INSTALLATION, Killed


def routine_again(story: Story) -> None:
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")


def abandoned(until: str, **world: bool) -> Story:
    story = opened(until=until, **world)
    ask(story, "abandon")
    assert isinstance(story.drive(), Close)
    return story


@pytest.mark.parametrize("until", ["issue", "verify", "promote", "confirm", "suspend", "prove-off"])
@pytest.mark.parametrize("chosen", [False, True])
def test_what_an_abandoned_rotation_left_goes_first(until: str, *, chosen: bool) -> None:
    story = abandoned(until, chosen=chosen)
    left = leftovers_of(story.rotation().result)
    assert len(left) == 1
    story.world.advance(story.world.now + timedelta(seconds=90))
    routine_again(story)
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "succeeded"
    assert len(story.world.instances) == 1
    assert PENDING not in story.world.labels
    assert story.violations() == []
    assert leftovers_of(story.rotation().result) == {}


@pytest.mark.parametrize("until", ["verify", "promote"])
@pytest.mark.parametrize("stride", [SOME, EVERY])
def test_killed_while_it_goes(until: str, stride: int) -> None:
    def tell(story: Story) -> object:
        stories.without_faults(story, stories.adopt)
        stories.open_plan(story, "routine")
        faults, story.boundaries.kill_at = story.boundaries.kill_at, frozenset()
        stories.advance_until(story, until)
        stories.request(story, "abandon")
        assert isinstance(story.drive(), Close)
        story.world.advance(story.world.now + timedelta(seconds=90))
        story.boundaries.names.clear()
        story.boundaries.kill_at = faults
        closed = story.rotation().opened.seq
        story.survive(
            lambda runner: (
                runner.open(STREAM, PLANS["routine"], story.spec, trigger="test")
                if story.rotation().opened.seq == closed
                else None
            )
        )
        return story.drive()

    clean = stories.seeded(exclusive=True)
    assert isinstance(tell(clean), Close)
    bad = []
    for number in taken(len(clean.boundaries.names), stride, until):
        story = stories.seeded(exclusive=True)
        story.boundaries.kill_at = frozenset({number})
        if not isinstance(tell(story), Close) or story.violations():
            bad.append((number, clean.boundaries.names[number], story.violations()))
    assert bad == []


def test_one_that_a_consumer_still_uses_stays_on() -> None:
    """Abandoned after the promotion: a consumer has not read the store yet."""
    story = abandoned("promote")
    story.world.consumers[0].next_read += timedelta(days=999)
    routine_again(story)
    assert code(story) == "held.leftover"
    assert story.world.instances["KEY1"].active
    assert story.violations() == []


def test_one_that_is_used_while_it_is_off_comes_back() -> None:
    story = abandoned("promote")
    story.world.advance(story.world.now + timedelta(seconds=90))
    routine_again(story)
    while story.world.instances["KEY1"].active:
        story.runner().advance(STREAM)
        story.world.advance(story.world.now + timedelta(seconds=1))
    story.world.instances["KEY1"].used = story.world.now
    assert code(story) == "held.leftover"
    assert story.world.instances["KEY1"].active
    ask(story, "ours", instance="KEY1")
    assert isinstance(story.drive(), Close)
    assert "KEY1" in story.world.graves


def test_a_label_moved_to_it_while_it_goes_off_brings_it_back() -> None:
    story = abandoned("promote")
    story.world.advance(story.world.now + timedelta(seconds=90))
    routine_again(story)

    def back(number: int, name: str) -> None:
        del number
        if name == "after issuer.suspend":
            story.boundaries.act = None
            story.world.move("current", "v0")

    story.boundaries.act = back
    assert code(story) == "held.world-changed"
    assert story.world.instances["KEY1"].active
    ask(story, "accept-current")
    assert isinstance(story.drive(), Close)
    assert story.rotation().result.handle == "KEY1"
    assert story.rotation().result.live == ["KEY1", "KEY2"]


def test_accept_current_while_the_old_one_is_off() -> None:
    story = opened(until="prove-off")
    theirs = story.world.versions[story.world.labels["current"]]
    story.world.versions["theirs"] = theirs
    story.world.denied.add("issuer.resume")
    story.world.move("current", "theirs")
    assert code(story) == "held.denied"
    ask(story, "accept-current")
    assert isinstance(story.drive(), Close)
    assert not story.world.instances["KEY1"].active
    routine_again(story)
    assert isinstance(story.drive(), Close)
    assert list(story.world.instances) == ["KEY3"]


def test_ours_after_issue_goes_with_the_next_rotation() -> None:
    story = opened(until="promote", chosen=True)
    stranger = story.world.mint(by_person=True)
    assert code(story) == "held.unknown-instance"
    ask(story, "ours", instance=stranger.id)
    assert isinstance(story.drive(), Close)
    assert stranger.id in story.rotation().result.live
    routine_again(story)
    assert isinstance(story.drive(), Close)
    assert stranger.id not in story.world.instances


def test_others_of_ours_stay_in_the_baseline_of_an_acceptance() -> None:
    story = abandoned("promote", chosen=True)
    routine_again(story)
    stories.advance_until(story, "none")
    story.drive()
    ask(story, "accept-current")
    assert isinstance(story.drive(), Close)
    assert "KEY1" in story.rotation().result.live


def retiring(story: Story, **facts: str) -> None:
    """Everybody who used it is gone."""
    story.world.consumers.clear()
    gone = tuple(replace(consumer, gone=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=gone)
    story.runner().open(STREAM, PLANS["retire"], story.spec, trigger="test", said=Opened(**facts))


@pytest.mark.parametrize("until", ["verify", "promote", "suspend"])
@pytest.mark.parametrize("world", [{}, {"chosen": True}, {"can_suspend": False}])
def test_what_is_retired_leaves_nothing_of_ours(until: str, world: dict[str, bool]) -> None:
    story = abandoned(until, **world)
    story.world.advance(story.world.now + timedelta(seconds=90))
    retiring(story)
    assert isinstance(story.drive(), Close)
    result = story.rotation().result
    assert (result.retired, result.live) == (True, [])
    assert story.world.instances == {}
    assert story.violations() == []


def test_a_leftover_that_is_in_use_keeps_a_retirement_open() -> None:
    story = abandoned("promote")
    story.world.advance(story.world.now + timedelta(seconds=90))
    retiring(story)
    stories.advance_until(story, "prove-dead")
    (left,) = story.world.instances.values()
    left.used = story.world.now
    assert code(story) == "held.leftover"
    assert left.active
    ask(story, "ours", instance=left.id)
    assert isinstance(story.drive(), Close)
    assert story.world.instances == {}


def test_a_persons_word_for_the_gap_holds_for_leftovers_too() -> None:
    story = abandoned("promote")
    retiring(story, gap="the application was switched off")
    for instance in story.world.instances.values():
        instance.used = story.world.now
    assert isinstance(story.drive(), Close)
    assert story.world.instances == {}


@pytest.mark.parametrize("stride", [SOME, EVERY])
def test_killed_while_what_was_left_is_retired(stride: int) -> None:
    clean = abandoned("verify")
    clean.boundaries.names.clear()
    retiring(clean)
    assert isinstance(clean.drive(), Close)
    for number in taken(len(clean.boundaries.names), stride, "retired"):
        story = abandoned("verify")
        story.boundaries.names.clear()
        retiring(story)
        story.boundaries.kill_at = frozenset({number})
        assert isinstance(story.drive(), Close)
        assert (story.world.instances, story.violations()) == ({}, []), number


def test_an_emergency_takes_what_was_left_behind_as_well() -> None:
    story = abandoned("promote")
    declare(story)
    assert set(story.rotation().scope) == {"KEY1", "KEY2"}
    assert isinstance(story.drive(), Close)
    assert emergencies.findings(story) == []
    assert leftovers_of(story.rotation().result) == {}


# -------------------------------------------------------------------- a staging that arrives late


def late_put(story: Story) -> str:
    """A runner dies after NOTED; its Put arrives after its successor gave that attempt up."""
    dies_once(story, "before store.stage")
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    attempt = next(iter(story.rotation().attempts))
    return f"rot1-{story.journal.installation}-{attempt}"


def test_a_late_put_in_the_same_rotation_is_unlabelled() -> None:
    story = opened()
    late = late_put(story)
    stories.advance_until(story, "drain")
    story.world.versions[late] = ("KEY2", "canary-late-0001")
    story.world.labels[PENDING] = late
    assert isinstance(story.drive(), Close)
    assert PENDING not in story.world.labels


def test_a_late_put_after_the_close_does_not_stop_the_next_rotation() -> None:
    story = opened()
    late = late_put(story)
    assert isinstance(story.drive(), Close)
    story.world.versions[late] = ("KEY2", "canary-late-0001")
    story.world.labels[PENDING] = late
    routine_again(story)
    failing(story, "before issuer.issue", Killed)
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    assert PENDING not in story.world.labels
    story.world.dead, story.boundaries.act = False, None
    assert not isinstance(story.drive(), Held)


class ManyPending(SimulatedStore):
    """A store of paths: what is staged is pending there until somebody removes it."""

    def state(self) -> StoreState:
        seen = super().state()
        label = frozenset({PENDING})
        staged = [
            Version(id=version, labels=label)
            for version in self.world.versions
            if is_any_mark(version) and version not in seen.pointers
        ]
        return replace(seen, versions=(*seen.versions, *staged))

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        super().unlabel(version, label, under=under)
        if version not in self.world.labels.values():
            self.world.versions.pop(version, None)


def many_pending(story: Story) -> Story:
    runner = story.runner

    def bind(spec: Specification) -> Adapters:
        return replace(bound(story.world), store=ManyPending(story.world))

    story.runner = lambda: replace(runner(), bind=bind)  # type: ignore[method-assign]
    return story


def pending(story: Story) -> list[str]:
    seen = ManyPending(story.world).state()
    return [version.id for version in seen.versions if PENDING in version.labels]


@pytest.mark.parametrize("back", [False, True])
def test_every_pending_version_of_ours_goes(*, back: bool) -> None:
    story = many_pending(opened())
    late = late_put(story)
    stories.advance_until(story, "verify" if back else "promote")
    story.world.versions[late] = ("KEY2", "canary-late-0001")
    if back:
        ask(story, "rollback")
    assert isinstance(story.drive(), Close)
    assert pending(story) == []
    assert story.violations() == []


def test_a_repair_removes_every_pending_label_of_ours() -> None:
    story = many_pending(stories.seeded())
    stories.without_faults(story, stories.adopt)
    for attempt in ("0" * 32, "1" * 32):
        story.world.versions[mark(INSTALLATION, attempt)] = story.world.versions["v0"]
    stories.open_plan(story, "repair")
    assert isinstance(story.drive(), Close)
    assert pending(story) == []
