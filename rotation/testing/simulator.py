"""A small world in memory, with the faults and the lag that real ones have.

One virtual clock; an issuer like IAM (two slots, suspended ones count, propagation, usage) or one
that takes chosen values; a store with labels; consumers that read the store late and use what
they hold all the time. `World.outages` counts every use that the issuer refused. Every call of an
adapter passes `World.call`: there a test kills the runner, loses an answer or lets a person act.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rotation.errors import Conflict, Denied, SlotFull, Transient
from rotation.interfaces import Bound
from rotation.types import (
    COMPROMISED,
    CURRENT,
    PENDING,
    PREVIOUS,
    ConsumerSpec,
    Credential,
    Fields,
    Handle,
    KeyState,
    Listing,
    PermissionSet,
    PluginSpec,
    SecretValue,
    Specification,
    StoreState,
    Traits,
    Usage,
    Verdict,
    Version,
    mark,
)

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
    happens. `call_time` passes with each call."""

    chosen: bool = False
    lag: timedelta = timedelta(seconds=3)
    call_time: timedelta = timedelta(milliseconds=100)
    now: datetime = START
    instances: dict[str, Instance] = field(default_factory=dict)
    graves: dict[str, Instance] = field(default_factory=dict)
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    claim: str | None = INSTALLATION
    consumers: list[SimulatedConsumer] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    before: Callable[[int, str], None] | None = None
    after: Callable[[int, str], None] | None = None
    dead: bool = False
    emergency: bool = False
    minted: int = 0
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


@dataclass
class SimulatedIssuer:
    world: World

    @property
    def traits(self) -> Traits:
        chosen = self.world.chosen
        return Traits(
            origin="chosen" if chosen else "assigned",
            can_suspend=True,
            reports_usage=True,
            lists=True,
            live_max=None if chosen else 2,
            failed_logins_safe=5,
        )

    def listing(self) -> Listing:
        def read() -> Listing:
            return Listing(
                handles=tuple(
                    Handle(
                        id=i.id,
                        created=i.created,
                        state=KeyState.ACTIVE if i.active else KeyState.SUSPENDED,
                    )
                    for i in self.world.instances.values()
                ),
                server_at=self.world.now,
            )

        result = self.world.call("issuer.listing", read)
        assert isinstance(result, Listing)
        return result

    def issue(self, attempt: str) -> Credential:
        if self.world.chosen:
            handle = f"GEN{attempt[:8]}"
            return _credential(Instance(handle, f"canary-secret-{handle}", self.world.now))

        def mint() -> Instance:
            if len(self.world.instances) >= 2:
                raise SlotFull("held.slot-full", "two instances exist")
            return self.world.mint()

        result = self.world.call("issuer.issue", mint)
        assert isinstance(result, Instance)
        return _credential(result)

    def activate(self, new: Credential) -> None:
        secret = new.fields.secret["secret"].reveal()

        def accept() -> None:
            if new.handle.id not in self.world.instances:
                self.world.mint(secret=secret, handle=new.handle.id)

        self.world.call("issuer.activate", accept)

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        self.world.call("issuer.suspend", lambda: self._switch(handle_id, on=False))

    def resume(self, handle_id: str) -> None:
        self.world.call("issuer.resume", lambda: self._switch(handle_id, on=True))

    def _switch(self, handle_id: str, *, on: bool) -> None:
        instance = self.world.instances.get(handle_id)
        if instance is None:
            raise Conflict("sim.gone", f"{handle_id} is gone")
        if instance.active is not on:
            instance.active, instance.changed = on, self.world.now

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        def remove() -> None:
            instance = self.world.instances.pop(handle_id, None)
            if instance is not None:
                instance.changed = self.world.now
                self.world.graves[handle_id] = instance

        self.world.call("issuer.destroy", remove)

    def usage(self, handle_id: str) -> Usage:
        def read() -> Usage:
            instance = self.world.instances.get(handle_id)
            return Usage(last_used=instance.used if instance else None)

        result = self.world.call("issuer.usage", read)
        assert isinstance(result, Usage)
        return result

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["id"]


def _credential(instance: Instance) -> Credential:
    return Credential(
        handle=Handle(id=instance.id, created=instance.created),
        fields=_fields(instance.id, instance.secret),
    )


def _fields(handle: str, secret: str) -> Fields:
    return Fields(public={"id": handle}, secret={"secret": SecretValue(secret)})


@dataclass
class SimulatedStore:
    world: World

    def state(self) -> StoreState:
        def read() -> StoreState:
            world = self.world
            names: dict[str, set[str]] = {}
            for label, version in world.labels.items():
                names.setdefault(version, set()).add(label)
            return StoreState(
                versions=tuple(
                    Version(id=v, labels=frozenset(ls)) for v, ls in sorted(names.items())
                ),
                claim=world.claim,
                server_at=world.now,
            )

        result = self.world.call("store.state", read)
        assert isinstance(result, StoreState)
        return result

    def stage(self, attempt: str, new: Credential, *, onto: str | None) -> str:
        version = mark(INSTALLATION, attempt)
        value = (new.handle.id, new.fields.secret["secret"].reveal())

        def put() -> None:
            if self.world.versions.get(version, value) != value:
                raise Conflict("store.conflict", "other bytes under our token")
            self.world.versions[version] = value
            self.world.labels[PENDING] = version

        self.world.call("store.stage", put)
        return version

    def read(self, version: str, *, under: PermissionSet, region: str | None = None) -> Fields:
        def get() -> tuple[str, str]:
            if version not in self.world.versions:
                raise Transient("store.version-missing", f"{version} is not there")
            return self.world.versions[version]

        result = self.world.call("store.read", get)
        assert isinstance(result, tuple)
        return _fields(*result)

    def place(self, attempt: str) -> str:
        version = mark(INSTALLATION, attempt)

        def put() -> None:
            if self.world.labels.get(CURRENT) not in (None, version):
                raise Conflict("store.conflict", "not empty")
            self.world.versions[version] = ("", "")
            self.world.labels[CURRENT] = version

        self.world.call("store.place", put)
        return version

    def promote(self, to: str, *, expecting: str) -> None:
        def move() -> None:
            current = self.world.labels.get(CURRENT)
            if current == to:
                return
            if current != expecting:
                raise Conflict("store.conflict", f"current is {current}, not {expecting}")
            self.world.move(CURRENT, to)

        self.world.call("store.promote", move)

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        def drop() -> None:
            if self.world.labels.get(label) == version:
                self.world.move(label, None)

        self.world.call("store.unlabel", drop)

    def mark_compromised(self, version: str) -> None:
        self.world.call("store.mark", lambda: self.world.move(COMPROMISED, version))

    def claim(self, installation: str) -> None:
        def take() -> None:
            self.world.claim = installation

        self.world.call("store.claim", take)


@dataclass
class SimulatedProbe:
    world: World

    def login(self, fields: Fields) -> Verdict:
        handle, secret = fields.public["id"], fields.secret["secret"].reveal()

        def attempt() -> Verdict:
            return Verdict.ACCEPTED if self.world.accepts(handle, secret) else Verdict.REFUSED

        result = self.world.call("probe.login", attempt)
        assert isinstance(result, Verdict)
        return result

    def wrong(self, fields: Fields) -> Verdict:
        wrong = Fields(public=fields.public, secret={"secret": SecretValue("certainly-wrong")})
        return self.login(wrong)


@dataclass
class PushedConsumer:
    """Given its credential by `deliver`; acknowledges it."""

    world: World
    consumer: SimulatedConsumer

    def deliver(self, version: str, fields: Fields) -> None:
        held = (fields.public["id"], fields.secret["secret"].reveal())

        def give() -> None:
            self.consumer.holds = held
            self.consumer.given += 1

        self.world.call("consumer.deliver", give)


def specification(world: World, *, exclusive: bool = False, pushed: bool = True) -> Specification:
    """A specification with short times, and its consumers put into the world."""
    refresh = timedelta(seconds=30)
    reader = SimulatedConsumer("api", refresh, next_read=world.now + timedelta(seconds=17))
    world.consumers.append(reader)
    specs = [_consumer_spec("api", pushed=False, refresh_s=30)]
    if pushed:
        world.consumers.append(
            SimulatedConsumer(
                "batch", timedelta(days=999), next_read=world.now + timedelta(days=999)
            )
        )
        specs.append(_consumer_spec("batch", pushed=True, refresh_s=0))
    current = world.labels.get(CURRENT)
    if current is not None:
        for consumer in world.consumers:
            consumer.holds = world.versions[current]
    plugin = PluginSpec(type="simulated", options={})
    return Specification(
        secret="app",
        identity="simulated/app",
        store=plugin,
        issuer=plugin,
        probe=plugin,
        consumers=tuple(specs),
        fields={"id": "id", "secret": "secret"},
        keep_foreign=False,
        exclusive=exclusive,
        settle_s=6,
        grace_s=60,
        quiet_s=30,
        soak_s=20,
    )


def _consumer_spec(name: str, *, pushed: bool, refresh_s: int) -> ConsumerSpec:
    return ConsumerSpec(
        id=name,
        plugin=PluginSpec(type="simulated", options={}),
        pushed=pushed,
        confirms=pushed,
        refresh_s=refresh_s,
    )


def bound(world: World) -> Bound:
    consumers: Mapping[str, PushedConsumer] = {
        c.id: PushedConsumer(world, c) for c in world.consumers
    }
    return Bound(
        issuer=SimulatedIssuer(world),
        store=SimulatedStore(world),
        probe=SimulatedProbe(world),
        consumers=consumers,
    )


@dataclass(frozen=True)
class SimulatedClock:
    world: World

    def now(self) -> datetime:
        return self.world.now
