"""The crash harness: kill the runner at a boundary, let a new one take over, ask the world.

A boundary is the moment before or after any provider call or journal write. A killed runner is
dead to the world: whatever it would still do is refused. The oracle reads only the world and the
journal's entries, never the runner's opinion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from rotation.execution.runner import Runner
from rotation.journal import Journal
from rotation.journal.entries import Entry, canonical
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Wait
from rotation.machine.replay import Rotation, replay
from rotation.types import Specification
from tests.support.simulator import SimulatedClock, bound
from tests.support.world import INSTALLATION, Killed, World

STREAM = "simulated-app"
Told = TypeVar("Told")
AFTERWARDS = timedelta(seconds=40)
"""Long enough for every consumer to read and to use what it holds once more."""
_WRITES = frozenset({"claim", "release", "open", "append", "request", "supersede", "record"})


@dataclass
class Boundaries:
    """Counts them; kills at those in `kill_at`; lets `act` do something at each, which may be to
    kill. A killed runner changes nothing more, whatever its `finally` would still do."""

    kill_at: frozenset[int] = frozenset()
    names: list[str] = field(default_factory=list)
    act: Callable[[int, str], None] | None = None
    world: Any = field(kw_only=True)

    def cross(self, name: str) -> None:
        try:
            self._cross(name)
        except Killed:
            self.world.dead = True
            raise

    def _cross(self, name: str) -> None:
        number = len(self.names)
        self.names.append(name)
        if self.act is not None:
            self.act(number, name)
        if number in self.kill_at:
            raise Killed(f"{number}: {name}")


class KillableJournal:
    """A journal with a boundary before and after each write; refuses the dead."""

    def __init__(self, journal: Journal, world: World, boundaries: Boundaries) -> None:
        self._journal, self._world, self._boundaries = journal, world, boundaries

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)
        if name not in _WRITES:
            return method

        def crossing(*args: Any, **kwargs: Any) -> Any:
            if self._world.dead:
                raise Killed
            self._boundaries.cross(f"before journal.{name}")
            result = method(*args, **kwargs)
            self._boundaries.cross(f"after journal.{name}")
            return result

        return crossing


@dataclass
class Story:
    """One identity in a world, driven to its end by as many runners as it takes."""

    world: World
    spec: Specification
    kill_at: frozenset[int] = frozenset()
    act: Callable[[int, str], None] | None = None
    outage: timedelta = timedelta(seconds=3)
    journal: Journal = field(default_factory=lambda: MemoryJournal(INSTALLATION))
    boundaries: Boundaries = field(init=False)
    runners: int = 0

    def __post_init__(self) -> None:
        self.boundaries = Boundaries(self.kill_at, act=self.act, world=self.world)
        self.world.before = lambda number, name: self.boundaries.cross(f"before {name}")
        self.world.after = lambda number, name: self.boundaries.cross(f"after {name}")

    def runner(self) -> Runner:
        self.runners += 1
        own = f"runner-{self.runners}"
        return Runner(
            journal=KillableJournal(self.journal, self.world, self.boundaries),
            bind=lambda spec: bound(self.world),
            clock=SimulatedClock(self.world),
            id=own,
            dead=lambda other: other != own,
        )

    def survive(self, work: Callable[[Runner], Told]) -> Told:
        """`work` by a runner, and again by the next one for as long as they are killed."""
        while True:
            runner = self.runner()
            try:
                return work(runner)
            except Killed:
                self.world.dead = False
                self.world.advance(self.world.now + self.outage)

    def drive(self, patience: int = 400) -> Action:
        """To a close or Held. Raises AssertionError where it never ends (I20)."""
        return self.survive(lambda runner: self._advance(runner, patience))

    def _advance(self, runner: Runner, patience: int) -> Action:
        for _ in range(patience):
            action = runner.advance(STREAM)
            if not isinstance(action, Wait) or action.until is None:
                return action
            self.world.advance(action.until)
        raise AssertionError(f"no end after {patience} waits")

    def rotation(self) -> Rotation:
        return replay(self.journal.entries(STREAM))

    def entries(self) -> Sequence[Entry]:
        return list(self.journal.history(STREAM))

    # ---------------------------------------------------------------------------------- oracle

    def violations(self) -> list[str]:
        """I1, I2, I8, I24: what a person would call an accident, a while after the end."""
        self.world.advance(self.world.now + AFTERWARDS)
        return [
            *self.world.outages,
            *(f"unaccounted instance {handle}" for handle in self._unaccounted()),
            *self._current_is_dead(),
            *self._leaks(),
        ]

    def _unaccounted(self) -> list[str]:
        entries = self.journal.entries(STREAM)
        rotation = replay(entries)
        known = {rotation.old, rotation.new, *rotation.foreign}
        known |= {*rotation.baseline.live, *rotation.result.live}
        reply = canonical([entry.facts for entry in entries if entry.kind in ("failed", "held")])
        if rotation.outcome is not None:
            known = {*rotation.result.live, *rotation.result.foreign}
        return [i for i in self.world.instances if i not in known and f"{i}" not in reply]

    def _current_is_dead(self) -> list[str]:
        """What readers get logs in, once the world has settled."""
        if self.world.emergency or self.rotation().result.retired:
            return []
        current = self.world.labels.get("current")
        if current is None or not self.world.versions[current][0]:
            return []
        handle, secret = self.world.versions[current]
        return [] if self.world.accepts(handle, secret) else [f"current {current} is dead"]

    def _leaks(self) -> list[str]:
        text = canonical([[entry.facts, entry.who] for entry in self.journal.history(STREAM)])
        return [f"secret of {s[:18]}… in the journal" for s in self.world.secrets() if s in text]
