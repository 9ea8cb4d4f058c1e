"""The stories that every crash test tells: one per plan, from a seeded world to its end."""

from collections.abc import Callable
from datetime import timedelta

from rotation.entries import Draft, Kind
from rotation.errors import AlreadyOpen
from rotation.fold import fold
from rotation.machine import Action, Close, Wait
from rotation.plan import PLANS
from rotation.runner import Runner
from rotation.testing.crash import STREAM, Story
from rotation.testing.simulator import specification
from rotation.testing.world import World

Teller = Callable[[Story], Action]


def seeded(*, chosen: bool = False, exclusive: bool = False, empty: bool = False) -> Story:
    world = World(chosen=chosen)
    if not empty:
        world.seed()
    return Story(world, specification(world, exclusive=exclusive))


def open_plan(story: Story, name: str) -> None:
    """Opening is repeated until it is there, as a person or the scheduler would."""

    def opening(runner: Runner) -> None:
        entries = story.journal.entries(STREAM)
        if entries and fold(entries).outcome is None:
            return
        if entries and fold(entries).plan == name:
            return
        try:
            runner.open(STREAM, PLANS[name], story.spec, trigger="test")
        except AlreadyOpen:
            return

    story.survive(opening)


def adopt(story: Story) -> Action:
    open_plan(story, "adopt")
    return story.drive()


def without_faults(story: Story, tell: Teller) -> None:
    """What comes before the story; boundaries are counted from its end."""
    faults = story.boundaries.kill_at, story.boundaries.act
    story.boundaries.kill_at, story.boundaries.act = frozenset(), None
    done = tell(story)
    assert isinstance(done, Close), done
    story.boundaries.names.clear()
    story.boundaries.kill_at, story.boundaries.act = faults


def routine(story: Story) -> Action:
    """Adopted, then rotated."""
    without_faults(story, adopt)
    open_plan(story, "routine")
    return story.drive()


def first(story: Story) -> Action:
    open_plan(story, "first")
    return story.drive()


def request(story: Story, verb: str, **facts: str | bool) -> None:
    """A person's entry; there once."""

    def asking(runner: Runner) -> None:
        asked = any(
            e.kind is Kind.REQUESTED and e.facts.get("verb") == verb
            for e in story.journal.entries(STREAM)
        )
        if not asked:
            draft = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": verb, **facts})
            runner.journal.request(STREAM, draft, runner.id, story.world.now)

    story.survive(asking)


def advance_until(story: Story, step: str) -> None:
    """Until that step is done, or the rotation ends before."""

    def work(runner: Runner) -> None:
        for _ in range(400):
            rotation = fold(story.journal.entries(STREAM))
            if any(r.step == step and rotation.states[r.position].done for r in rotation.rows):
                return
            action = runner.advance(STREAM)
            if not isinstance(action, Wait) or action.until is None:
                return
            story.world.advance(min(action.until, story.world.now + timedelta(seconds=5)))

    story.survive(work)


def rollback_after(step: str) -> Teller:
    def tell(story: Story) -> Action:
        without_faults(story, adopt)
        open_plan(story, "routine")
        advance_until(story, step)
        request(story, "rollback")
        return story.drive()

    return tell
