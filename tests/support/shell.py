"""The command line over a simulated world: the product's own verbs, machine and runner, a journal
in memory, a clock that passes when somebody waits."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rotation.calendar import Freeze, Schedule
from rotation.cli import session as session_module
from rotation.cli.app import program
from rotation.cli.session import Session
from rotation.config import ConfiguredSecret, Finding, stream_of
from rotation.config.approving import Approvals, Demands
from rotation.config.routes import Alerts
from rotation.config.watching import Health, Heartbeat
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters, Issuer
from rotation.journal import Journal
from rotation.journal.memory import MemoryJournal
from rotation.runtime import process
from rotation.types import Gates, Specification, Traits
from tests.support.simulator import SimulatedClock, bound, specification
from tests.support.world import INSTALLATION, World

STREAM = stream_of("simulated", "simulated/app")
DAY = 86_400
APP = ConfiguredSecret(
    id="app", identity="simulated/app", issuer="simulated", place="app", connection="",
    class_name="production", owner="team", application="app", environment="production",
    state="active", until=None, reason=None, schedule=Schedule(), max_age_s=90 * DAY,
    margin_s=7 * DAY, period_s=80 * DAY, file="rotation.yaml", line=1, text=b"",
)  # fmt: skip


@dataclass
class FakeConfiguration:
    spec: Specification
    journal: Path
    installation: str = INSTALLATION
    seal_key: Path | None = None

    connections: dict[str, Any] = field(default_factory=dict)
    concurrency: int = 4
    look_every_s: int = 3600
    warnings: tuple[Finding, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    entry: ConfiguredSecret = APP
    by_itself: bool = False
    alerts: Alerts = field(default_factory=Alerts)
    health: Health | None = None
    heartbeat: Heartbeat | None = None
    commands: Path | None = None
    approvals: Approvals | None = None
    asks: Demands | None = None
    reviews: Any = None
    allowed_signers: Path = Path("-")

    def secret(self, name: str) -> ConfiguredSecret | None:
        return self.entry if name == self.entry.id else None

    def secrets(self) -> Iterator[ConfiguredSecret]:
        yield self.entry

    def __len__(self) -> int:
        return 1

    def replaces_by_itself(self, entry: ConfiguredSecret) -> bool:
        return self.by_itself

    def demands(self, entry: ConfiguredSecret) -> Demands | None:
        return self.asks

    def specification(self, entry: ConfiguredSecret) -> Specification:
        return self.spec


@dataclass
class Shell:
    """A person at a terminal, or a pipe where `answers` is None."""

    world: World
    journal: Journal
    configuration: FakeConfiguration
    gates: Callable[[datetime], Gates] = lambda now: Gates()
    living: str | None = None
    who: str = "alice"
    on_pause: Callable[[], None] = lambda: None
    #: So many waits are sat out, and then Ctrl-C is typed; None: nobody types it.
    pauses_left: int | None = None

    def run(self, *words: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(program, list(words), input=answers)

    def json(self, *words: str, code: int = 0) -> Any:
        done = self.run(*words, "-o", "json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def elsewhere(self) -> Runner:
        """The runner of a `serve` in another process."""
        return Runner(
            journal=self.journal, bind=lambda spec: bound(self.world),
            clock=SimulatedClock(self.world), id="serve-elsewhere",
        )  # fmt: skip

    def adopted(self) -> "Shell":
        done = self.run("adopt", "app", "--yes", "--wait")
        assert done.exit_code == 0, done.output
        return self


@dataclass(kw_only=True)
class SimulatedSession(Session):
    shell: Shell = field(repr=False)

    @cached_property
    def configuration(self) -> Any:
        return self.shell.configuration

    @cached_property
    def journal(self) -> Journal:
        return self.shell.journal

    @cached_property
    def records(self) -> Journal:
        return self.shell.journal

    def bind(self, spec: Specification) -> Adapters:
        return bound(self.shell.world)

    def issuer(self, spec: Specification) -> Issuer:
        return bound(self.shell.world).issuer

    def by_hand(self, spec: Specification, handle: str) -> str | None:
        return f"simulated switch-off {handle}"

    def traits(self, spec: Specification) -> Traits:
        return bound(self.shell.world).issuer.traits

    def gates(self, name: str, now: datetime) -> Gates:
        return self.shell.gates(now)

    def live_runner(self) -> str | None:
        return self.shell.living

    def stop(self) -> bool:
        return self.shell.pauses_left == -1 or super().stop()

    def pause(self, until: datetime) -> None:
        if self.shell.pauses_left is not None:
            self.shell.pauses_left -= 1
        self.shell.on_pause()
        self.shell.world.advance(min(until, self.shell.world.now + timedelta(minutes=1)))


def at_work(shell: Shell, **given: Any) -> SimulatedSession:
    given = {"configuration_path": Path("-"), "effectful": True, **given}
    return SimulatedSession(shell=shell, clock=SimulatedClock(shell.world), who=shell.who, **given)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    return furnished(tmp_path, monkeypatch)


def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    world = World()
    world.seed()
    # Long enough that only --wait sits them out.
    spec = replace(specification(world), grace_s=600, quiet_s=300, soak_s=3600)
    return at_a_terminal(world, MemoryJournal(INSTALLATION), spec, tmp_path, monkeypatch)


def at_a_terminal(
    world: World, journal: Journal, spec: Specification, directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Shell:  # fmt: skip
    """A person's command line in that world."""
    made = Shell(world, journal, FakeConfiguration(spec, directory / "journal.db"))

    monkeypatch.setattr(session_module, "Session", partial(at_work, made))
    # It cannot be taken back, and the tests' own process needs its core dumps and its umask.
    monkeypatch.setattr(process, "harden", lambda: None)
    monkeypatch.setenv("ROTATION_CONFIG", str(directory / "rotation.yaml"))
    return made


def held_for_an_unknown_instance(shell: Shell) -> Shell:
    shell.adopted()
    shell.world.mint(by_person=True)
    done = shell.run("rotate", "app")
    assert done.exit_code == 11, done.output
    assert "rotation resolve app --foreign KEY2" in done.stdout
    return shell


def draining(shell: Shell) -> Shell:
    done = shell.adopted().run("rotate", "app")
    assert done.exit_code == 0, done.output
    assert "waits until" in done.stdout
    return shell
