"""When the facts of reads become durable, and what a crash before that repeats."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from rotation.errors import UsageError
from rotation.execution.runner import FENCE
from rotation.journal.entries import Draft, Entry, Kind
from rotation.machine.decide import Close, Do
from rotation.plan import ROUTINE, Step
from rotation.types import Specification
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.stories import seeded
from tests.support.world import Killed


def at_once() -> Story:
    """Opened, in a world without lag: nothing waits."""
    story = seeded(exclusive=True)
    story.world.lag = timedelta()
    consumers = tuple(
        replace(spec, refresh_s=0, accept_elapsed=not spec.confirms)
        for spec in story.spec.consumers
    )
    for consumer in story.world.consumers:
        consumer.next_read = consumer.next_use = story.world.now + timedelta(days=1)
    story.spec = replace(
        story.spec, settle_s=0, grace_s=0, quiet_s=0, soak_s=0, consumers=consumers
    )
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    story.boundaries.names.clear()
    story.world.calls.clear()
    return story


def done(story: Story) -> list[str]:
    return [e.row.step for e in story.journal.entries(STREAM) if e.kind is Kind.DONE and e.row]


def at(story: Story, boundary: str, act: Callable[[], None], *, nth: int = 1) -> None:
    seen = []

    def acting(number: int, name: str) -> None:
        del number
        if name == boundary:
            seen.append(name)
            if len(seen) == nth:
                act()

    story.boundaries.act = acting


LOOK_BEFORE_SUSPEND = 2
"""The first look at the store is that of `issue`."""


def die() -> None:
    raise Killed


def test_reads_that_follow_each_other_are_committed_with_the_next_intent() -> None:
    story = at_once()
    commits: list[list[str]] = []

    def follow(entries: Sequence[Entry]) -> None:
        commits.append([f"{e.kind} {e.row.step}" if e.row else e.kind for e in entries])

    runner = replace(story.runner(), follow=follow)
    assert isinstance(runner.advance(STREAM), Close)
    assert commits == [
        ["began issue"],
        ["noted issue"],
        ["done issue"],
        ["done verify", "began promote"],
        ["done promote", "began deliver"],
        ["done deliver"],
        ["done confirm", "done confirm", "done verify-live", "done drain", "began suspend"],
        ["done suspend"],
        ["done prove-off"],
        ["done soak", "began destroy"],
        ["done destroy"],
        ["done prove-dead", "began tidy"],
        ["done tidy", "closed"],
    ]
    assert "after journal.release" not in story.boundaries.names


def test_a_crash_before_the_next_intent_repeats_the_reads_alone() -> None:
    story = at_once()
    at(story, "before store.state", die, nth=LOOK_BEFORE_SUSPEND)
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    assert Step.CONFIRM not in done(story)
    reads, promotions = map(story.world.calls.count, ("store.read", "store.promote"))
    assert isinstance(story.runner().advance(STREAM, until=Step.SUSPEND), Do)
    assert done(story).count(Step.VERIFY_LIVE) == 1
    assert story.world.calls.count("store.read") == reads + 1
    assert story.world.calls.count("store.promote") == promotions == 1


@pytest.mark.parametrize("slow", [False, True])
def test_a_hold_that_lands_between_the_reads_comes_before_the_intent(*, slow: bool) -> None:
    """Also where the runner hears of it at the next call, because the look took so long."""
    story = at_once()

    def hold() -> None:
        if slow:
            story.world.advance(story.world.now + 2 * FENCE)
        draft = Draft(kind=Kind.REQUESTED, who="ada", facts={"verb": "hold", "reason": "wait"})
        story.journal.request(STREAM, draft, "person", story.world.now)

    at(story, "before store.state", hold, nth=LOOK_BEFORE_SUSPEND)
    action = story.runner().advance(STREAM)
    assert not isinstance(action, Close)
    assert "issuer.suspend" not in story.world.calls
    assert done(story)[-1] == Step.DRAIN


@pytest.mark.parametrize("until", [Step.DRAIN, Step.SUSPEND])
def test_who_stops_before_a_step_leaves_every_fact_behind(until: Step) -> None:
    story = at_once()
    story.runner().advance(STREAM, until=until)
    assert done(story)[-1] == (Step.VERIFY_LIVE if until is Step.DRAIN else Step.DRAIN)


def test_a_crash_repeats_no_login_that_is_refused() -> None:
    story = at_once()
    at(story, "before store.state", die, nth=LOOK_BEFORE_SUSPEND + 2)
    with pytest.raises(Killed):
        story.runner().advance(STREAM)
    assert story.world.calls[-1] == "store.state"
    assert "issuer.destroy" not in story.world.calls
    assert done(story)[-1] == Step.PROVE_OFF


def test_what_this_process_cannot_build_is_refused_before_anything_is_opened() -> None:
    story = seeded()
    stories.without_faults(story, stories.adopt)
    before = story.entries()

    def missing(spec: Specification) -> NoReturn:
        raise UsageError("plugin.library-missing", "not installed")

    with pytest.raises(UsageError):
        replace(story.runner(), bind=missing).open(STREAM, ROUTINE, story.spec, trigger="test")
    assert story.entries() == before
