"""A pair under a runner that is killed: virtual waits, a consumer with lag, an oracle that asks the
services alone."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.fleet import Clock
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters
from rotation.journal.sql import open_journal
from rotation.types import ConsumerSpec, Listing, PluginSpec, Specification, StoreState
from tests.crash.real import RealStory
from tests.matrix.sides import INSTALLATION, IssuerSide, StoreSide, Value, context
from tests.matrix.wire import tapped
from tests.support.world import Killed

REFRESH, USES_EVERY = timedelta(seconds=30), timedelta(seconds=10)


class ClockHidden:
    """An adapter whose service cannot be told that time was skipped: what it says of the time is
    left out, or the runner would rightly stop for clocks that disagree."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)

    def listing(self) -> Listing:
        return replace(self._adapter.listing(), server_at=None)

    def state(self) -> StoreState:
        return replace(self._adapter.state(), server_at=None)


@dataclass
class Pair:
    """The two services in the place of the simulated world, and a consumer who reads late."""

    issuer: IssuerSide
    store: StoreSide
    clock: Clock
    outages: list[str] = field(default_factory=list)
    secrets: set[bytes] = field(default_factory=set)
    dead: bool = False
    emergency: bool = False
    before: Callable[[int, str], None] = lambda number, name: None
    after: Callable[[int, str], None] = lambda number, name: None
    holds: Value = field(default_factory=dict)
    working: bool = False
    composed: Mapping[str, str] = field(default_factory=dict)
    accept_stale: tuple[str, ...] = ()

    def begin(self, name: str) -> None:
        self.store.begin(name, self.issuer.begin(name))
        self.next_read = self.next_use = self.now
        self._read()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @contextmanager
    def tapped(self) -> Iterator[None]:
        """Every request of the runner passes `send`; the consumer's own do not."""
        with tapped(self.send):
            yield

    def send(self, name: str, request: Callable[[], Any]) -> Any:
        if not self.working:
            return request()
        if self.dead:
            raise Killed
        self.before(0, name)
        answer = request()
        self.after(0, name)
        return answer

    def advance(self, to: datetime) -> None:
        working, self.working = self.working, False
        try:
            while (turn := min(self.next_read, self.next_use)) <= to:
                self.clock.skip_to(turn)
                if turn == self.next_read:
                    self.next_read = self.now + REFRESH
                    self._read()
                else:
                    self.next_use = self.now + USES_EVERY
                    self._use()
            self.clock.skip_to(to)
        finally:
            self.working = working

    def _read(self) -> None:
        given = self.store.read()
        if not given.keys() >= set(self.issuer.fields.values()):
            return  # the value is lost, and what was read before it stays
        self.holds = given
        secret = self.issuer.fields.keys() - self.issuer.public
        self.secrets |= {self.holds[self.issuer.fields[name]].encode() for name in secret}

    def _use(self) -> None:
        if not self.issuer.lets_in(self.holds) and not self.emergency:
            self.outages.append(f"refused at {self.now:%H:%M:%S}")

    def live(self) -> set[str]:
        return self.issuer.live()

    def current_works(self) -> bool:
        return self.issuer.lets_in(self.store.read())

    def adapters(self) -> Adapters:
        """As a new process has them: without a memory."""
        knows = replace(context(self.clock, self.issuer, self.store), composed=self.composed)
        return Adapters(
            issuer=ClockHidden(self.issuer.issuer(knows)),
            store=ClockHidden(self.store.store(knows, self.issuer.identity)),
            probe=self.issuer.probe(knows),
            consumers={},
        )

    def specification(self) -> Specification:
        plugin = PluginSpec(type="matrix", options={})
        reader = ConsumerSpec(
            id="application",
            plugin=plugin,
            pushed=False,
            confirms=False,
            refresh_s=int(REFRESH.total_seconds()),
            accept_elapsed=True,
        )
        return Specification(
            secret="app",
            identity=self.issuer.identity,
            store=plugin,
            issuer=plugin,
            probe=plugin,
            consumers=(reader,),
            fields=dict(self.issuer.fields),
            keep_foreign=True,
            composed=self.composed,
            accept_stale=self.accept_stale,
            exclusive=True,
            settle_s=4,
            grace_s=60,
            quiet_s=30,
            soak_s=30,
        )


class PairStory(RealStory):
    """Only while a runner is at work does a request belong to the product."""

    def survive(self, work: Callable[[Runner], Any]) -> Any:
        self.world.working = True
        try:
            return super().survive(work)
        finally:
            self.world.working = False


def story(pair: Pair, directory: Path, name: str, kill_at: int | None) -> PairStory:
    """A new identity and a new secret, with that one death in its story."""
    directory.mkdir()
    pair.outages, pair.secrets, pair.dead, pair.emergency = [], set(), False, False
    pair.composed, pair.accept_stale = {}, ()
    pair.begin(name)
    return PairStory(
        world=pair,
        spec=pair.specification(),
        kill_at=frozenset() if kill_at is None else frozenset({kill_at}),
        journal=open_journal(directory / "journal.db", INSTALLATION),
        directory=directory,
    )
