"""A small world in memory, with the faults and the lag that real ones have.

One virtual clock; an issuer like IAM (two slots, suspended ones count, propagation, usage) or one
that takes chosen values; a store with labels; consumers that read the store late and use what
they hold all the time. `World.outages` counts every use that the issuer refused. Every call of an
adapter passes `World.call`: there a test kills the runner, loses an answer or lets a person act.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rotation.errors import Denied
from rotation.types import CURRENT, PREVIOUS

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTALLATION = "0123456789ab"


class Killed(BaseException):
    """The runner is dead to the world: no `except` and no `finally` of it may act again."""


@dataclass
class Instance:
    """created and changed: when it appeared, and when its state last changed."""

    id: str
    secret: str
    created: datetime
    active: bool = True
    changed: datetime | None = None
    used: datetime | None = None
    by_person: bool = False


@dataclass
class SimulatedConsumer:
    """Reads the store every `refresh` and uses what it holds every `use_every`."""

    id: str
    refresh: timedelta
    use_every: timedelta = timedelta(seconds=10)
    holds: tuple[str, str] | None = None
    next_read: datetime = START
    next_use: datetime = START
    given: int = 0


Act = Callable[["World"], None]


@dataclass
class World:
    """`before` and `after` are called around each numbered provider call, after `before` the call
    happens. `call_time` passes with each call. chosen, overlap, can_suspend: what kind of issuer
    it has; blind: it neither lists nor reports use. numbered: the store has no labels (KV version 2):
    a promotion is a write, and then a record of whose value that number holds. Without overlap there is one instance, and
    consumers are without access until they have what followed it: `gap` is how long. over: what
    the newest number was written over. probed: what a broken probe is told instead of the truth. dated: the issuer says when an instance was made. stale: other keys of the secret with the same bytes."""

    chosen: bool = False
    overlap: bool = True
    can_suspend: bool = True
    blind: bool = False
    numbered: bool = False
    dated: bool = True
    lag: timedelta = timedelta(seconds=3)
    call_time: timedelta = timedelta(milliseconds=100)
    now: datetime = START
    instances: dict[str, Instance] = field(default_factory=dict)
    graves: dict[str, Instance] = field(default_factory=dict)
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    claim: str | None = INSTALLATION
    refusal: tuple[str, str] | None = None
    replicas: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    consumers: list[SimulatedConsumer] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    before: Callable[[int, str], None] | None = None
    after: Callable[[int, str], None] | None = None
    dead: bool = False
    emergency: bool = False
    minted: int = 0
    replaced_at: datetime | None = None
    over: str | None = None
    stale: tuple[str, ...] = ()
    gap: timedelta = timedelta()
    probed: Callable[[str, str], bool] | None = None
    denied: set[str] = field(default_factory=set)

    # -------------------------------------------------------------------------------- the world

    def clock_now(self) -> datetime:
        return self.now

    def mint(
        self, *, by_person: bool = False, secret: str | None = None, handle: str | None = None
    ) -> Instance:
        self.minted += 1
        handle = handle or f"KEY{self.minted}"
        instance = Instance(
            handle,
            secret or f"canary-secret-{handle}-{self.minted:04d}",
            self.now,
            by_person=by_person,
        )
        self.instances[handle] = instance
        return instance

    def replace(self, *, secret: str | None = None, handle: str | None = None) -> Instance:
        """The one instance dies the moment that there is another."""
        for old in self.instances.values():
            old.active, old.changed = False, self.now - self.lag
        self.graves |= self.instances
        self.instances.clear()
        self.replaced_at = self.now
        new = self.mint(secret=secret, handle=handle)
        new.created -= self.lag
        return new

    def seed(self) -> None:
        """One current credential that everybody uses."""
        first = self.mint()
        first.created -= timedelta(days=100)
        self.versions["v0"] = (first.id, first.secret)
        self.labels[CURRENT] = "v0"

    def move(self, label: str, version: str | None) -> None:
        if version is None:
            self.labels.pop(label, None)
            return
        if label == CURRENT and self.labels.get(CURRENT) not in (None, version):
            self.labels[PREVIOUS] = self.labels[CURRENT]
        self.labels[label] = version

    def accepts(self, handle: str, secret: str) -> bool:
        instance = self.instances.get(handle)
        if instance is None:
            grave = self.graves.get(handle)
            return (
                grave is not None
                and grave.secret == secret
                and grave.active
                and grave.changed is not None
                and self.now < grave.changed + self.lag
            )
        if instance.secret != secret:
            return False
        if instance.changed is not None and self.now < instance.changed + self.lag:
            return not instance.active
        if self.now < instance.created + self.lag:
            return False
        return instance.active

    def advance(self, to: datetime) -> None:
        """Time passes; consumers read and use."""
        while True:
            times = [t for c in self.consumers for t in (c.next_read, c.next_use) if t <= to]
            if not times:
                break
            self.now = max(self.now, min(times))
            for consumer in self.consumers:
                self._consumer_acts(consumer)
        self.now = max(self.now, to)

    def _consumer_acts(self, consumer: SimulatedConsumer) -> None:
        if consumer.next_read <= self.now:
            consumer.next_read += consumer.refresh
            current = self.labels.get(CURRENT)
            if consumer.refresh and current in self.versions and self.versions[current][0]:
                consumer.holds = self.versions[current]
        if consumer.next_use <= self.now:
            consumer.next_use += consumer.use_every
            if consumer.holds is not None:
                self._use(consumer, *consumer.holds)

    def _use(self, consumer: SimulatedConsumer, handle: str, secret: str) -> None:
        if self.accepts(handle, secret):
            instance = self.instances.get(handle)
            if instance is not None:
                instance.used = self.now
        elif handle in self.graves and self.replaced_at is not None:
            self.gap = max(self.gap, self.now - self.replaced_at)
        elif not self.emergency:
            self.outages.append(f"{consumer.id} refused with {handle} at {self.now:%H:%M:%S}")

    # -------------------------------------------------------------------------------- the wire

    def call(self, name: str, act: Callable[[], object]) -> object:
        if self.dead:
            raise Killed
        number = len(self.calls)
        self.calls.append(name)
        if self.before is not None:
            self.before(number, name)
        if name in self.denied:
            raise Denied("sim.denied", f"{name} is denied", "grant it")
        result = act()
        self.advance(self.now + self.call_time)
        if self.after is not None:
            self.after(number, name)
        return result

    def secrets(self) -> Iterator[str]:
        for instance in (*self.instances.values(), *self.graves.values()):
            yield instance.secret
