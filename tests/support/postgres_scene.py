"""Rotations of PostgreSQL logins, with a strict AWS as the store."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.fleet import Clock
from providers.aws.clients import AwsConnection
from providers.aws.testing.server import StrictAws
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters
from rotation.journal import Journal
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Proof
from rotation.journal.sql import open_journal
from rotation.machine.decide import Close, Held, Wait
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.plan import PLANS, Step
from rotation.types import ConsumerSpec, Death, KeyState, PluginSpec, Specification
from tests.matrix.aws import SecretsManager, connect
from tests.matrix.postgres import PairOfLogins, UniqueLogins, _Logins
from tests.matrix.sides import INSTALLATION, context
from tests.matrix.world import ClockHidden
from tests.support.postgres import Database

STREAM = "postgres-login-of-the-test"


@dataclass
class Scene:
    """One secret under rotation."""

    logins: _Logins
    store: SecretsManager
    clock: Clock
    journal: Journal
    bound: Adapters
    spec: Specification

    def __post_init__(self) -> None:
        self.runner = Runner(
            journal=self.journal, bind=lambda spec: self.bound, clock=self.clock, id="runner"
        )

    def skip_a_day(self) -> None:
        """Secrets Manager keeps a hundred versions a day. PostgreSQL cannot be told to skip one."""
        self.bound = replace(self.bound, issuer=ClockHidden(self.bound.issuer))
        self.clock.skip_to(self.clock.now() + timedelta(hours=25))

    def does(self, plan: str) -> Rotation:
        """To its end; waits are real ones."""
        self.runner.open(STREAM, PLANS[plan], self.spec, trigger="test")
        return self.to_the_end()

    def to_the_end(self) -> Rotation:
        while True:
            match self.runner.advance(STREAM):
                case Close():
                    return replay(self.journal.entries(STREAM))
                case Wait(until) if until is not None:
                    time.sleep(max(0.0, (until - self.clock.now()).total_seconds()))
                case Held() | Wait() as stopped:
                    last = [entry.facts for entry in self.journal.entries(STREAM)[-2:]]
                    pytest.fail(f"{stopped}: {last}")


@pytest.fixture
def strict() -> Iterator[StrictAws]:
    with StrictAws() as strict:
        yield strict


@pytest.fixture
def scene(
    request: pytest.FixtureRequest,
    database: Database,
    strict: StrictAws,
    fresh: str,
    tmp_path: Path,
) -> Iterator[Scene]:
    logins: _Logins = request.param(database)
    clock = Clock(strict.control)
    aws: AwsConnection = connect(strict.control, tmp_path, clock)
    store = SecretsManager(strict.control, aws)
    store.begin(fresh, logins.begin(fresh))
    bound = _bound(logins, store, clock)
    (tmp_path / "journal").mkdir()
    with open_journal(tmp_path / "journal" / "journal.db", INSTALLATION) as journal:
        yield Scene(logins, store, clock, journal, bound, _specification(logins))
    aws.close()
    store.close()


def _bound(logins: _Logins, store: SecretsManager, clock: Clock) -> Adapters:
    knows = context(clock, logins, store)
    return Adapters(
        issuer=logins.issuer(knows),
        store=store.store(knows, logins.identity),
        probe=logins.probe(knows),
        consumers={},
    )


def _specification(logins: _Logins) -> Specification:
    plugin = PluginSpec(type="test", options={})
    reader = ConsumerSpec(
        id="application", plugin=plugin, pushed=False, confirms=False, refresh_s=1,
        accept_elapsed=True,
    )  # fmt: skip
    return Specification(
        secret="app", identity=logins.identity, store=plugin, issuer=plugin, probe=plugin,
        consumers=(reader,), fields=dict(logins.fields), keep_foreign=True, settle_s=0, grace_s=1,
        quiet_s=0, soak_s=0,
    )  # fmt: skip


BOTH = [pytest.param(UniqueLogins, id="unique"), pytest.param(PairOfLogins, id="pair")]


def check(scene: Scene, rotations: list[Rotation]) -> None:
    for rotation in rotations:
        assert rotation.outcome == Outcome.SUCCEEDED
        assert rotation.state(Step.PROVE_DEAD).record(Proof).grade == Death.PROVED
    assert scene.logins.lets_in(scene.store.read())
    assert list(scene.logins._bench.live().values()) == [KeyState.ACTIVE]


def held(scene: Scene) -> tuple[str, str]:
    """The step that stopped it, and why."""
    while not isinstance(action := scene.runner.advance(STREAM), Held):
        assert isinstance(action, Wait)
        assert action.until is not None
        time.sleep(max(0.0, (action.until - scene.clock.now()).total_seconds()))
    failed = [entry for entry in scene.journal.entries(STREAM) if entry.kind is Kind.FAILED]
    assert failed[-1].row is not None
    return failed[-1].row.step, str(failed[-1].facts["cause"])


def ask(scene: Scene, word: str) -> None:
    draft = Draft(kind=Kind.REQUESTED, who="on-call", facts={"verb": word})
    scene.journal.request(STREAM, draft, scene.runner.id, scene.clock.now())


def run(scene: Scene, sql: str) -> None:
    scene.logins._database.server.run(sql)


def opened(scene: Scene) -> None:
    scene.runner.open(STREAM, PLANS["routine"], scene.spec, trigger="test")


def in_grace(scene: Scene) -> str:
    """The old login of a rotation that waits before it switches it off."""
    check(scene, [scene.does("adopt"), scene.does("routine")][1:])
    opened(scene)
    before = scene.store.read()
    while scene.store.read() == before:
        assert isinstance(scene.runner.advance(STREAM), Wait)
    old = replay(scene.journal.entries(STREAM)).old
    assert old is not None
    return old
