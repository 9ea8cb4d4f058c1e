"""What people and accidents do to a story while it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from rotation.execution.runner import Runner
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Opened
from rotation.machine.decide import Held
from rotation.machine.replay import replay
from rotation.operations.survey import survey
from rotation.plan import compiled
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.simulator import bound
from tests.support.stories import seeded
from tests.support.world import Killed, World


def ask(story: Story, verb: str, **facts: str | bool) -> None:
    """A person's entry, every time."""
    draft = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": verb, **facts})
    story.journal.request(STREAM, draft, "person", story.world.now)


def opened(plan: str = "routine", until: str | None = None, **world: bool) -> Story:
    story = seeded(**world)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, plan)
    if until is not None:
        stories.advance_until(story, until)
    return story


def failing(story: Story, boundary: str, error: Callable[[], Exception]) -> None:
    """Each crossing of that boundary is refused until `story.boundaries.act` is None again."""

    def act(number: int, name: str) -> None:
        del number
        if name == boundary:
            raise error()

    story.boundaries.act = act


def code(story: Story) -> str:
    action = story.drive()
    assert isinstance(action, Held), action
    return action.code


def dies_once(story: Story, boundary: str) -> None:
    def act(number: int, name: str) -> None:
        del number
        if name == boundary:
            story.boundaries.act = None
            raise Killed

    story.boundaries.act = act


@dataclass
class Jumped:
    """A local clock that is ahead of the provider's."""

    world: World
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return self.world.now + self.ahead


def forget_steps(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """This version of the program has no such step."""
    read = compiled._row

    def older(content: dict[str, Any], *gates: Any) -> Any:
        if content["step"] in names:
            raise ValueError(content["step"])
        return read(content, *gates)

    monkeypatch.setattr(compiled, "_row", older)
    monkeypatch.setattr(compiled, "_compiled", {})


def breaks_at(story: Story, act: Callable[[], None]) -> None:
    """As soon as the old one is replaced."""

    def watch(number: int, name: str) -> None:
        if name in ("after issuer.activate", "after issuer.issue") and story.world.graves:
            act()

    story.boundaries.act = watch


def declare(story: Story, scope: Sequence[str] = ()) -> None:
    """An emergency on everything that is ours, or on that scope; declared once, even if
    the runner dies meanwhile."""

    def declaring(runner: Runner) -> None:
        if replay(story.journal.entries(STREAM)).plan == "compromised":
            return
        story.world.emergency = True
        seen = survey(story.journal, bound(story.world), STREAM, story.spec)
        said = Opened(scope=list(scope) or seen.ours, reason="leaked")
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", said=said)

    story.survive(declaring)
