"""The table reason by exit: each way out that is printed, typed as it is printed, against its cause.

`python -m tests.crash.exits` prints it; its exit status is 1 where a way leads nowhere.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result

from rotation.config import ConfiguredSecret
from rotation.machine.decide import Action, Close, Held
from rotation.machine.held import REASONS, Exit
from rotation.machine.replay import Outcome
from rotation.report.exits import open_exits, ways_out
from tests.support.crash import STREAM, Story
from tests.support.shell import at_a_terminal

Repair = Callable[[Story], None]
GREEN = "green"


@dataclass(frozen=True, eq=False)
class Cause:
    """arrive: the world's own accident; the machine arrives at the Held by itself. repair: what an
    operator does first where the reason says so, and after `abandon`; `by_hand` for one exit alone,
    None where that exit is for another cause. afterwards: the command after `abandon`. leads_to:
    the other Held in which an exit ends, where its reason says so."""

    code: str
    arrive: Callable[[], Story]
    repair: Repair | None = None
    by_hand: Mapping[Exit, Repair | None] = field(default_factory=dict)
    afterwards: str = "rotation rotate app"
    instance: str = "KEY2"
    leads_to: Mapping[Exit, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return getattr(self.arrive, "__name__", "?")

    def repair_for(self, way: Exit) -> Repair | None:
        return self.by_hand.get(way, self.repair)


def printed(cause: Cause) -> Mapping[Exit, str]:
    """Without those that this cause is not for."""
    with arrived(cause) as story:
        ways = _printed(story)
    first = REASONS[cause.code].first
    return {way: line for way, line in ways.items() if way not in first or cause.repair_for(way)}


@contextmanager
def arrived(cause: Cause) -> Iterator[Story]:
    story = cause.arrive()
    try:
        action = story.drive()
        assert isinstance(action, Held), (cause.name, action)
        assert action.code == cause.code, (cause.name, action)
        yield story
    finally:
        if patch := getattr(story, "patch", None):
            patch.undo()


def _printed(story: Story) -> dict[Exit, str]:
    rotation = story.rotation()
    return dict(zip(open_exits(rotation), ways_out(rotation, "app"), strict=True))


def taken(cause: Cause, way: Exit) -> str:
    """GREEN where that way leads out; else where it led."""
    with arrived(cause) as story:
        return _taken(story, cause, way)


def _taken(story: Story, cause: Cause, way: Exit) -> str:
    line = _printed(story)[way].replace("ID", cause.instance)
    if way in REASONS[cause.code].first and (repair := cause.repair_for(way)):
        repair(story)
    done = typed(story, line)
    action = story.drive()
    if isinstance(action, Held):
        expected = action.code == cause.leads_to.get(way)
        return GREEN if expected else f"Held again: {action.code} ({done.stderr.strip()})"
    return findings(story) or onward(story, cause, way)


def typed(story: Story, line: str) -> Result:
    """By a person at a terminal who is sure and has time."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        shell = at_a_terminal(story.world, story.journal, story.spec, Path(directory), patch)
        patch.setattr(ConfiguredSecret, "stream", STREAM)
        words = line.split()[1:]
        waiting = [] if words[0] in ("abandon", "emergency") else ["--wait"]
        sure = [] if words[0] in ("create", "rotate") else ["--yes"]
        return shell.run(*words, *waiting, *sure)


def findings(story: Story) -> str:
    """Nobody is worse off; what was refused before the way out was taken is the accident's, and
    whose an instance is shows in what follows an `abandon`."""
    abandoned = story.rotation().outcome == Outcome.ABANDONED
    if story.world.emergency:
        story.world.advance(story.world.now + story.world.lag * 20)
        story.world.outages.clear()
        story.world.emergency = abandoned
    found = story.violations()
    return "; ".join(each for each in found if not (abandoned and "unaccounted" in each))


def onward(story: Story, cause: Cause, way: Exit) -> str:
    """What follows when it is over must not stop at the same place."""
    if way not in (Exit.ABANDON, Exit.ACCEPT_CURRENT, Exit.OURS, Exit.FOREIGN):
        return GREEN
    if way is Exit.ABANDON and (repair := cause.repair_for(way)):
        repair(story)
    story.world.advance(story.world.now + timedelta(minutes=10))
    before = story.rotation().opened.seq
    done = typed(story, cause.afterwards if way is Exit.ABANDON else "rotation rotate app")
    action: Action = story.drive()
    if story.rotation().opened.seq == before:
        return f"nothing can follow: {done.stderr.strip()}"
    if isinstance(action, Held) and action.code == cause.leads_to.get(way):
        return GREEN
    if not isinstance(action, Close) or story.rotation().outcome != Outcome.SUCCEEDED:
        return f"what follows ends in {action}"
    return findings(story) or GREEN


def cells(code: str, causes: Sequence[Cause]) -> Iterator[tuple[Exit, str, str]]:
    """The exit, the cause, and what came of it."""
    seen = set()
    for cause in causes:
        for way in printed(cause):
            seen.add(way)
            yield way, cause.name, taken(cause, way)
    for way in REASONS[code].exits:
        if way not in seen:
            yield way, "-", "no cause prints it"


def main() -> int:
    from tests.crash.causes_on_the_way import CAUSES  # noqa: PLC0415 -- made of this module

    green = red = 0
    for code in REASONS:
        came: dict[Exit, bool] = {}
        for way, cause, end in cells(code, CAUSES.get(code, [])):
            came[way] = came.get(way, True) and end == GREEN
            if end != GREEN:
                print(f"{code}, {way}, {cause}: {end}", file=sys.stderr)
        reply = ", ".join(f"{way}: {'green' if good else 'RED'}" for way, good in came.items())
        print(f"{code.removeprefix('held.'):<19} {reply}")
        green += sum(came.values())
        red += len(came) - sum(came.values())
    print(f"{green} green, {red} red; every other exit is absent: it is not printed")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
