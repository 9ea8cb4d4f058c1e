"""One effect, called as the runner calls it."""

from collections.abc import Callable, Collection, Sequence

from rotation.errors import NotYet
from rotation.execution.effects.context import Context
from rotation.journal.facts import Issued
from rotation.journal.record import Record
from rotation.plan import Step
from tests.support.crash import Story
from tests.support.simulator import SimulatedClock, bound
from tests.support.world import INSTALLATION

ATTEMPT = "1" * 32


def nobody(logins: Collection[str]) -> Sequence[str]:
    return ()


def forget(issued: Issued) -> None:
    """What was noted."""


def at(story: Story, step: Step, subject: str = "-") -> Context:
    """What the effect of that row is given, where the story stands."""
    rotation = story.rotation()
    rows = (*rotation.rows, *rotation.undo, *rotation.accept)
    return Context(
        rotation=rotation,
        row=next(row for row in rows if (row.step, row.subject) == (step, subject)),
        spec=story.spec,
        bound=bound(story.world),
        clock=SimulatedClock(story.world),
        installation=INSTALLATION,
        attempt=ATTEMPT,
        in_doubt=False,
        note=forget,
        others=nobody,
    )


def patiently(story: Story, effect: Callable[[Context], Record], cx: Context) -> Record:
    """Again at each time that it waits for, with what it observed until then."""
    for _ in range(100):
        try:
            return effect(cx)
        except NotYet as wait:
            cx.state.facts |= wait.observed or {}
            story.world.advance(wait.until)
    raise AssertionError("it waits for ever")
