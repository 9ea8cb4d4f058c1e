"""The adapters of the simulated world: issuer, store, probe and consumers, each call of them over
`World.call`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotation.errors import Conflict, SlotFull, Transient, first_change
from rotation.interfaces import Adapters
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
    LastUsed,
    Listing,
    PermissionSet,
    PluginSpec,
    SecretValue,
    Specification,
    StoreState,
    Traits,
    Verdict,
    Version,
    mark,
)
from tests.support.world import INSTALLATION, Instance, SimulatedConsumer, World


@dataclass
class SimulatedIssuer:
    world: World

    @property
    def traits(self) -> Traits:
        chosen = self.world.chosen
        return Traits(
            origin="chosen" if chosen else "assigned",
            can_suspend=self.world.can_suspend and self.world.overlap,
            overlap=self.world.overlap,
            reports_usage=not self.world.blind,
            lists=not self.world.blind,
            live_max=None if chosen else 2 if self.world.overlap else 1,
            failed_logins_safe=5,
        )

    def listing(self) -> Listing:
        def read() -> Listing:
            return Listing(
                handles=tuple(
                    Handle(
                        id=i.id,
                        created=i.created if self.world.dated else None,
                        state=KeyState.ACTIVE if i.active else KeyState.SUSPENDED,
                    )
                    for i in self.world.instances.values()
                ),
                server_at=self.world.now,
            )

        result = self.world.call("issuer.listing", read)
        assert isinstance(result, Listing)
        return result

    @first_change()
    def issue(self, attempt: str) -> Credential:
        if self.world.chosen:
            handle = f"GEN{attempt[:8]}"
            new = Instance(handle, f"canary-secret-{handle}", self.world.now)
            return _credential(new, dated=self.world.dated)

        def mint() -> Instance:
            if not self.world.overlap:
                return self.world.replace()
            if len(self.world.instances) >= 2:
                raise SlotFull("held.slot-full", "two instances exist")
            return self.world.mint()

        result = self.world.call("issuer.issue", mint)
        assert isinstance(result, Instance)
        return _credential(result, dated=self.world.dated)

    @first_change()
    def activate(self, new: Credential) -> None:
        secret = new.fields.secret["secret"].reveal()

        def accept() -> None:
            if new.handle.id in self.world.instances:
                return
            if self.world.overlap:
                self.world.mint(secret=secret, handle=new.handle.id)
            else:
                self.world.replace(secret=secret, handle=new.handle.id)

        self.world.call("issuer.activate", accept)

    @first_change()
    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        self.world.call("issuer.suspend", lambda: self._switch(handle_id, on=False))

    @first_change()
    def resume(self, handle_id: str) -> None:
        self.world.call("issuer.resume", lambda: self._switch(handle_id, on=True))

    def _switch(self, handle_id: str, *, on: bool) -> None:
        instance = self.world.instances.get(handle_id)
        if instance is None:
            raise Conflict("sim.gone", f"{handle_id} is gone")
        if instance.active is not on:
            instance.active, instance.changed = on, self.world.now

    @first_change()
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

    def usage(self, handle_id: str) -> LastUsed:
        def read() -> LastUsed:
            instance = self.world.instances.get(handle_id)
            return LastUsed(last_used=instance.used if instance else None)

        result = self.world.call("issuer.usage", read)
        assert isinstance(result, LastUsed)
        return result

    def read_back(self) -> Credential:
        def read() -> Instance:
            (instance,) = self.world.instances.values()
            return instance

        result = self.world.call("issuer.read_back", read)
        assert isinstance(result, Instance)
        return _credential(result, dated=self.world.dated)

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["id"]


def _credential(instance: Instance, *, dated: bool) -> Credential:
    return Credential(
        handle=Handle(id=instance.id, created=instance.created if dated else None),
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
                refusal=world.refusal or (("store.deleted", "is deleted") if self._lost else None),
                lost=self._lost,
                replicas=dict(world.replicas),
                missing=lambda sets: tuple(m for m in world.missing if m.partition(":")[0] in sets),
                server_at=world.now,
            )

        result = self.world.call("store.state", read)
        assert isinstance(result, StoreState)
        return result

    @first_change()
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

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> tuple[str, ...]:
        return self.world.stale

    @first_change()
    def place(self, attempt: str) -> str:
        version = mark(INSTALLATION, attempt)

        def put() -> None:
            if self.world.labels.get(CURRENT) not in (None, version):
                raise Conflict("store.conflict", "not empty")
            self.world.versions[version] = ("", "")
            self.world.labels[CURRENT] = version

        self.world.call("store.place", put)
        return version

    @property
    def _lost(self) -> bool:
        """Of a number the value can go, and then there is nothing to merge into."""
        current = self.world.labels.get(CURRENT)
        return self.world.numbered and current is not None and current not in self.world.versions

    def promote_over_lost(self, to: str, *, expecting: str) -> None:
        self._write(to, expecting, over_lost=True)

    def promote(self, to: str, *, expecting: str) -> None:
        if self.world.numbered:
            self._write(to, expecting, over_lost=False)
            return

        def move() -> None:
            current = self.world.labels.get(CURRENT)
            if current == to:
                return
            if current != expecting:
                raise Conflict("store.conflict", f"current is {current}, not {expecting}")
            self.world.move(CURRENT, to)

        with first_change():
            self.world.call("store.promote", move)

    def _write(self, to: str, expecting: str, *, over_lost: bool) -> None:
        world = self.world

        def write() -> None:
            current = world.labels.get(CURRENT)
            unanswered = world.over == expecting and world.versions.get(str(current))
            if current == to or unanswered == world.versions[to]:
                return
            if current != expecting or self._lost is not over_lost:
                raise Conflict("store.conflict", f"current is {current}, not {expecting}")
            number = f"kv-{len(world.calls)}"
            world.versions[number], world.over = world.versions[to], expecting
            world.labels[CURRENT] = number

        def record() -> None:
            world.labels[CURRENT], world.over = to, None
            world.labels[PREVIOUS] = expecting

        with first_change():
            world.call("store.write", write)
        world.call("store.record", record)

    @first_change()
    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        def drop() -> None:
            if self.world.labels.get(label) == version:
                self.world.move(label, None)

        self.world.call("store.unlabel", drop)

    @first_change()
    def mark_compromised(self, version: str) -> None:
        self.world.call("store.mark", lambda: self.world.move(COMPROMISED, version))

    @first_change()
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
            accepts = self.world.probed or self.world.accepts
            return Verdict.ACCEPTED if accepts(handle, secret) else Verdict.REFUSED

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

    @first_change()
    def deliver(self, version: str, fields: Fields) -> None:
        held = (fields.public["id"], fields.secret["secret"].reveal())

        def give() -> None:
            self.consumer.holds = held
            self.consumer.given += 1

        self.world.call("consumer.deliver", give)


def specification(
    world: World, *, exclusive: bool = False, pushed: bool = True, waves: bool = False
) -> Specification:
    """A specification with short times, and its consumers put into the world."""
    refresh = timedelta(seconds=30)
    reader = SimulatedConsumer("api", refresh, next_read=world.now + timedelta(seconds=17))
    world.consumers.append(reader)
    specs = [replace(_consumer_spec("api", pushed=False, refresh_s=30), accept_elapsed=world.blind)]
    if pushed:
        world.consumers.append(
            SimulatedConsumer(
                "batch", timedelta(days=999), next_read=world.now + timedelta(days=999)
            )
        )
        specs.append(_consumer_spec("batch", pushed=True, refresh_s=0))
    if waves:
        never = timedelta(days=999)
        world.consumers.append(SimulatedConsumer("late", never, next_read=world.now + never))
        late = _consumer_spec("late", pushed=True, refresh_s=0)
        specs = [*specs[:-1], replace(specs[-1], bake_s=10), replace(late, wave=2)]
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


def bound(world: World) -> Adapters:
    consumers: Mapping[str, PushedConsumer] = {
        c.id: PushedConsumer(world, c) for c in world.consumers
    }
    return Adapters(
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
