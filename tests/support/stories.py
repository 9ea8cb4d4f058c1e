"""The stories that every crash test tells: one per plan, from a seeded world to its end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from rotation.errors import AlreadyOpen
from rotation.execution.live import Live
from rotation.execution.runner import Runner
from rotation.journal.entries import Draft, Kind
from rotation.machine.decide import Action, Close, Held, Wait
from rotation.machine.replay import replay
from rotation.plan import PLANS
from rotation.types import CURRENT, PENDING, Gates, mark
from tests.support.crash import STREAM, Story
from tests.support.simulator import specification
from tests.support.world import INSTALLATION, World

Teller = Callable[[Story], Action]


def seeded(
    *, exclusive: bool = False, empty: bool = False, waves: bool = False, **issuer: bool
) -> Story:
    world = World(**issuer)
    if not empty:
        world.seed()
    elif not world.overlap and not world.chosen:
        world.mint()  # a service that keeps the credential has one from its own beginning
    return Story(world, specification(world, exclusive=exclusive, waves=waves))


def open_plan(story: Story, name: str) -> None:
    """Opening is repeated until it is there, as a person or the scheduler would."""

    def opening(runner: Runner) -> None:
        entries = story.journal.entries(STREAM)
        if entries and replay(entries).outcome is None:
            return
        if entries and replay(entries).plan == name:
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
            rotation = replay(story.journal.entries(STREAM))
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


def rollback_before_activate(story: Story) -> Action:
    """What is staged was accepted by nobody yet: the window is closed when the person goes back."""
    without_faults(story, adopt)
    make = story.runner
    story.runner = lambda: replace(make(), live=Live(gates=lambda secret, now: CLOSED))  # type: ignore[method-assign]
    open_plan(story, "routine")
    advance_until(story, "issue")
    request(story, "rollback")
    action = story.drive()
    assert list(story.world.instances) == [story.rotation().old]
    return action


CLOSED = Gates(open=False)


def open_replacement(story: Story) -> None:
    """Opened once, even if processes die meanwhile."""

    def opening(runner: Runner) -> None:
        if replay(story.journal.entries(STREAM)).plan == "replace":
            return
        runner.open_replacement(STREAM, story.spec, trigger="person", who="on-call")

    story.survive(opening)


def replaced(accident: Callable[[Story], None]) -> Teller:
    """Adopted; then readers lost access by what a person did, and are refused until the end."""

    def tell(story: Story) -> Action:
        without_faults(story, adopt)
        story.world.emergency = True
        accident(story)
        open_replacement(story)
        return story.drive()

    return tell


def retire(story: Story) -> Action:
    """Everybody who used it is gone."""
    without_faults(story, adopt)
    story.world.consumers.clear()
    gone = tuple(replace(consumer, gone=True) for consumer in story.spec.consumers)
    story.spec = replace(story.spec, consumers=gone)
    open_plan(story, "retire")
    return story.drive()


def repair(story: Story) -> Action:
    """A pending label of ours was left behind."""
    without_faults(story, adopt)
    left = mark(INSTALLATION, "0" * 32)
    story.world.versions[left] = story.world.versions["v0"]
    story.world.move(PENDING, left)
    open_plan(story, "repair")
    action = story.drive()
    assert PENDING not in story.world.labels
    return action


def accept_current_after(step: str) -> Teller:
    """Somebody wrote another version with the old credential in it; a person says that it counts."""

    def tell(story: Story) -> Action:
        without_faults(story, adopt)
        open_plan(story, "routine")
        advance_until(story, step)
        story.world.versions["edited"] = story.world.versions["v0"]
        story.world.move(CURRENT, "edited")
        held = story.drive()
        assert isinstance(held, Held), held
        request(story, "accept-current")
        action = story.drive()
        assert story.world.labels[CURRENT] == "edited"
        return action

    return tell


IN_WAVES = {"exclusive": True, "waves": True}
NEVER_OFF = {"chosen": True, "can_suspend": False}
"""Values that we choose, at an issuer that can only drop them for good."""

IN_PLACE = {"chosen": True, "overlap": False}

DELEGATED = {"overlap": False}

GAP_MAX = timedelta(seconds=60)
"""Without overlap: two logins spread over the settle time, a dead runner, and the longest refresh."""

STORIES: dict[str, tuple[Teller, dict[str, bool]]] = {
    "adopt": (adopt, {}),
    "routine, assigned": (routine, {"exclusive": True}),
    "routine, chosen": (routine, {"chosen": True}),
    "first, assigned": (first, {"empty": True, "exclusive": True}),
    "first, chosen": (first, {"empty": True, "chosen": True}),
    "rollback after issue": (rollback_after("issue"), {"exclusive": True}),
    "rollback after promote": (rollback_after("promote"), {"exclusive": True}),
    "rollback after confirm": (rollback_after("drain"), {"exclusive": True}),
    "rollback after suspend": (rollback_after("suspend"), {"exclusive": True}),
    "rollback, chosen": (rollback_after("suspend"), {"chosen": True}),
    "routine, in waves": (routine, IN_WAVES),
    "rollback in waves": (rollback_after("suspend"), IN_WAVES),
    "rollback after a wave": (rollback_after("deliver"), IN_WAVES),
    "routine, never off": (routine, NEVER_OFF),
    "routine, blind": (routine, {**NEVER_OFF, "blind": True}),
    "rollback, never off": (rollback_after("drain"), NEVER_OFF),
    "rollback, blind": (rollback_after("drain"), {**NEVER_OFF, "blind": True}),
    "retire": (retire, {}),
    "retire, never off": (retire, NEVER_OFF),
    "repair": (repair, {}),
    "in place": (routine, IN_PLACE),
    "in place, blind": (routine, {**IN_PLACE, "blind": True}),
    "in place, rolled back": (rollback_before_activate, IN_PLACE),
    "delegated": (routine, DELEGATED),
    "first, in place": (first, {**IN_PLACE, "empty": True}),
    "first, delegated": (first, {**DELEGATED, "empty": True}),
    "accept after issue": (accept_current_after("issue"), {"exclusive": True}),
    "accept after confirm": (accept_current_after("confirm"), {"exclusive": True}),
}


def gap(story: Story) -> list[str]:
    """How long a consumer was without access, where that cannot be avoided."""
    return [f"a gap of {story.world.gap}"] if story.world.gap > GAP_MAX else []
