"""Operators at random beside a live runner: whatever they type, and whenever, nothing breaks that
they did not ask for.

The world is the simulated one. A verb lands between two steps of the runner, or in the middle of
one: before or after any call, or any write of the journal. Most operators lose patience and type
Ctrl-C.
"""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.errors import RotationError
from rotation.execution.runner import Runner
from rotation.journal.entries import Kind, canonical
from rotation.journal.facts import Opened, Requested
from rotation.journal.liveness import RunnerLock, runners_of
from rotation.machine.decide import Wait
from rotation.machine.replay import replay
from rotation.plan import Step
from rotation.report.exits import ways_out
from rotation.types import CURRENT
from tests.support.crash import Boundaries, KillableJournal
from tests.support.shell import STREAM, Shell, furnished
from tests.support.simulator import SimulatedClock, bound
from tests.support.turns import STRIDE, taken

SEEDS = 1000
PER_TEST = 50
VERBS = 50
MIDDLE = 0.05  # the chance that somebody types something at a boundary
PRINTED = 0.3  # the chance that it is a way out that a screen shows
TROUBLE = 0.15
STRANGER = 0.02

TYPED = (
    "rotate app",
    "rotate app",
    "rotate app --here",
    "rotate app --replace",
    "rollback app --yes",
    "resume app",
    "resume app --now",
    "resume app --destroy --yes",
    "resume app --unverified --yes",
    "resolve app --accept-current --yes",
    "resolve app --ours {key} --yes",
    "resolve app --foreign {key} --yes",
    "abandon app --yes",
    "pause app --reason holiday",
    "unpause app",
    "freeze --reason incident",
    "freeze --lift",
    "emergency app --key-id {key} --yes --reason leak",
    "emergency app --yes --reason leak",
    "emergency cancel app --yes",
    "adopt app --yes",
    "reconcile app",
    "run",
    "status --check",
    "show app",
    "doctor app",
)

_YES = dict.fromkeys(("rollback", "resolve", "abandon"), " --yes")

CALLS = (
    "issuer.listing", "issuer.issue", "issuer.suspend", "issuer.resume", "issuer.destroy", "issuer.usage",
    "store.state", "store.stage", "store.read", "store.promote", "probe.login",
)  # fmt: skip


@dataclass
class Office:
    """A live runner, and the operators around it. off: each instance that an emergency switched off,
    and that no operator switched on again since."""

    shell: Shell
    chance: random.Random
    typed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    busy: bool = False
    off: set[str] = field(default_factory=set)
    read: int = 0

    def __post_init__(self) -> None:
        world = self.shell.world
        boundaries = Boundaries(world=world, act=lambda number, name: self.at_boundary())
        world.before = lambda number, name: self.at_boundary()
        world.after = world.before
        self.shell.living = "serve-elsewhere"
        self.alive = RunnerLock(runners_of(self.shell.configuration.journal), self.shell.living)
        self.serve = Runner(
            journal=KillableJournal(self.shell.journal, world, boundaries),
            bind=lambda spec: bound(world),
            clock=SimulatedClock(world),
            id="serve-elsewhere",
            dead=lambda other: other != "serve-elsewhere",  # each command has ended by then
            live=self.shell.elsewhere().live,
        )

    def at_boundary(self) -> None:
        self.check_what_is_off()
        if not self.busy and self.chance.random() < MIDDLE:
            self.type(in_the_middle=True)

    def type(self, *, in_the_middle: bool = False) -> None:
        """An operator types something, and waits for the runner for a while."""
        if len(self.typed) >= VERBS:
            return
        line = self.chance.choice(self.printed()) if self.chance.random() < PRINTED else self.any()
        self.typed.append(line)
        self.busy, patience = True, self.chance.choice((0, 1, 5, 40))
        self.shell.pauses_left = patience
        self.shell.on_pause = (lambda: None) if in_the_middle else self.step
        try:
            done = self.shell.run(*line.split())
        finally:
            self.busy, self.shell.on_pause = False, lambda: None
        if done.exit_code == 255 or not isinstance(done.exception, SystemExit | None):
            self.wrong.append(f"{line}: a bug: {done.exception!r} {done.output[-300:]}")
        self.wrong += [f"{line}: printed a secret" for s in self.secrets() if s in done.output]

    def any(self) -> str:
        keys = sorted({*self.shell.world.instances, *self.shell.world.graves}) or ["KEY1"]
        return self.chance.choice(TYPED).format(key=self.chance.choice(keys))

    def printed(self) -> list[str]:
        """The ways out that a screen shows now."""
        shown = ways_out(replay(self.shell.journal.entries(STREAM)), "app")
        with_yes = [
            line.removeprefix("rotation ") + _YES.get(line.split()[1], "") for line in shown
        ]
        return with_yes or ["rotate app"]

    def world_changes(self) -> None:
        """A service refuses something for a while; somebody makes a key by hand."""
        world = self.shell.world
        world.denied.clear()
        if self.chance.random() < TROUBLE:
            world.denied.add(self.chance.choice(CALLS))
        rotation = replay(self.shell.journal.entries(STREAM))
        emergency = rotation.outcome is None and rotation.rules.contains  # contains what appears
        if self.chance.random() < STRANGER and len(world.instances) < 2 and not emergency:
            world.mint(by_person=True)

    def step(self) -> None:
        """The live runner does what can be done now."""
        try:
            action = self.serve.advance(STREAM)
        except RotationError:
            return  # `serve` logs it and tries again
        world = self.shell.world
        if isinstance(action, Wait) and action.until is not None:
            world.advance(min(action.until, world.now + timedelta(minutes=5)))

    def check_what_is_off(self) -> None:
        """I: what a person had switched off is never active again, but by that person's word."""
        entries = [e for e in self.shell.journal.history(STREAM) if e.seq > self.read]
        for entry in entries:
            self.read = entry.seq
            if entry.kind is Kind.OPENED:
                self.scope = set(Opened.of(entry.facts).scope)
            elif entry.kind is Kind.DONE and entry.row and entry.row.step == Step.CONTAIN:
                self.off |= self.scope
            elif entry.kind is Kind.REQUESTED and Requested.of(entry.facts).verb == "cancel":
                self.off.clear()
        self.wrong += [
            f"{handle} is active again"
            for handle in sorted(self.off)
            if handle in self.shell.world.instances and self.shell.world.instances[handle].active
        ]

    def secrets(self) -> Iterator[str]:
        return self.shell.world.secrets()


def settled(office: Office) -> None:
    """Nobody types any more, what was stopped is let go, and the runner goes on to its end."""
    shell = office.shell
    shell.world.denied.clear()
    office.typed += ["" for _ in range(VERBS - len(office.typed))]
    shell.run("freeze", "--lift")
    shell.run("unpause", "app")
    for _ in range(300):
        try:
            action = office.serve.advance(STREAM)
        except RotationError as error:
            office.wrong.append(f"in the end: {error.code}")
            return
        if not isinstance(action, Wait):
            break
        if action.until is None:
            office.wrong.append("in the end: another runner has it")
            return
        shell.world.advance(action.until)
    else:
        office.wrong.append("it never ends")
    shell.world.advance(shell.world.now + timedelta(minutes=1))


def named(office: Office) -> set[str]:
    """What operators said was leaked, or theirs to remove."""
    said = set()
    for entry in office.shell.journal.history(STREAM):
        if entry.kind is Kind.OPENED:
            said |= set(Opened.of(entry.facts).scope)
        elif entry.kind is Kind.REQUESTED and entry.facts.get("instance"):
            said.add(str(entry.facts["instance"]))
    return said


def accidents(office: Office) -> Iterator[str]:
    world, journal = office.shell.world, office.shell.journal
    asked_for = named(office)
    for outage in world.outages:
        found = re.search(r"refused with (\S+)", outage)
        if found is not None and found[1] not in asked_for:
            yield outage
    entries = journal.entries(STREAM)
    rotation = replay(entries)
    known = {rotation.old, rotation.new, *rotation.foreign, *rotation.scope}
    known |= {*rotation.baseline.live, *rotation.baseline.foreign}
    if rotation.outcome is not None:
        known |= {*rotation.result.live, *rotation.result.foreign}
    text = canonical([e.facts for e in entries if e.kind in (Kind.FAILED, Kind.HELD)])
    for handle, instance in world.instances.items():
        if not instance.by_person and handle not in known and handle not in text:
            yield f"{handle} is unaccounted for"
    if rotation.outcome is not None:
        handle, secret = world.versions[world.labels[CURRENT]]
        if not world.accepts(handle, secret) and handle not in asked_for:
            yield f"readers get {handle}, which is dead"
    for key in (*world.instances.values(), *world.graves.values()):
        off = key.id in world.graves or not key.active
        if key.by_person and off and key.id not in asked_for:
            yield f"{key.id} is somebody's, and was switched off"
    whole = canonical([[entry.facts, entry.who] for entry in journal.history(STREAM)])
    yield from (f"the secret of {s[:18]} is in the journal" for s in world.secrets() if s in whole)


def lived(seed: int, directory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 -- a seed, no secret
    shell = furnished(directory, monkeypatch)
    shell.configuration.spec = replace(shell.configuration.spec, exclusive=seed % 2 == 0)
    office = Office(shell.adopted(), chance)
    with closing(office.alive):
        return worked(office, chance)


def worked(office: Office, chance: random.Random) -> list[str]:
    while len(office.typed) < VERBS:
        office.world_changes()
        for _ in range(chance.randrange(4)):
            office.step()
        office.type()
    settled(office)
    return [*office.wrong, *accidents(office)]


@pytest.mark.parametrize(
    "stride", [pytest.param(STRIDE, id="some"), pytest.param(1, marks=pytest.mark.slow, id="all")]
)
@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
@pytest.mark.timeout(1800)
def test_whatever_they_type_nothing_breaks_that_nobody_asked_for(
    first: int, stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for number in taken(PER_TEST, stride, str(first)):
        found = lived(first + number, tmp_path / f"{number}", monkeypatch)
        wrong += [(first + number, each) for each in found]
    assert not wrong, wrong
