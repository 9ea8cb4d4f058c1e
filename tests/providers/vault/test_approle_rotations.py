"""Whole rotations of AppRole secret ids kept in KV version 2, on a real Vault whose lockout is as
it comes: nobody is locked out, nobody is refused, nothing is left behind."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import AppRoleOptions, KvOptions, LoginOptions
from providers.vault.wire import Answer, Wire
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters, PluginContext
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Opened
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Held, Wait
from rotation.machine.replay import Outcome, replay
from rotation.plan import PLANS
from rotation.testing import CallFault
from rotation.types import ConsumerSpec, Fields, PluginSpec, SecretValue, Specification, Verdict
from tests.providers.vault.conftest import INSTALLATION
from tests.providers.vault.test_approle import PLENTY, AppRole, inject_fault
from tests.real.vault_server import VaultServer
from tests.support.world import Killed

STREAM = "vault-approle-tested"
NONE = PluginSpec(type="tested", options={})


@dataclass
class Clock:
    """Real time, and what was skipped of it: less than the difference that stops a revoke.
    patient: nothing is skipped, for Vault's own clock is compared with ours."""

    skipped: timedelta = timedelta()
    patient: bool = False

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def skip_to(self, to: datetime) -> None:
        rest = max(to - self.now(), timedelta())
        if self.patient:
            time.sleep(rest.total_seconds())
        else:
            self.skipped += rest


@dataclass
class Application:
    """A consumer. It reads its credential and logs in, and its token ends with its work."""

    role: AppRole
    path: str
    holds: Fields = field(default_factory=Fields)
    refused: int = 0

    def read(self) -> None:
        data = self.role.vault.api("GET", self.path)["data"]["data"]
        self.holds = Fields(
            public={"role_id": data["role_id"]},
            secret={"secret_id": SecretValue(data["secret_id"])},
        )

    def log_in(self) -> None:
        if not self.role.accepts(self.holds):
            self.refused += 1


@dataclass
class Installed:
    """One secret under rotation."""

    spec: Specification
    bound: Adapters
    clock: Clock
    application: Application | None = None
    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(INSTALLATION))
    runners: int = 0

    def runner(self) -> Runner:
        self.runners += 1
        own = f"runner-{self.runners}"
        return Runner(
            journal=self.journal,
            bind=lambda spec: self.bound,
            clock=self.clock,
            id=own,
            dead=lambda other: other != own,
        )

    def open(self, plan: str) -> None:
        self.runner().open(STREAM, PLANS[plan], self.spec, trigger="test")

    def drive(self, patience: int = 40, *, every: object = lambda: None) -> Action:
        """To its end, or as long as it is waited for."""
        for _ in range(patience):
            action = self.runner().advance(STREAM)
            if not isinstance(action, Wait) or action.until is None:
                return action
            every()
            self.clock.skip_to(action.until)
        return action

    def ask(self, verb: str, **facts: bool) -> None:
        draft = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": verb, **facts})
        self.journal.request(STREAM, draft, "tested", self.clock.now())

    def emergency(self) -> None:
        said = Opened(scope=[self.journal.identity(STREAM).handle])
        self.runner().open(STREAM, PLANS["compromised"], self.spec, trigger="test", said=said)

    def rotate(self) -> Action:
        self.open("routine")
        return self.drive()


@pytest.fixture
def role(vault: VaultServer, fresh_name: str) -> AppRole:
    vault.api("POST", f"sys/auth/approle-{fresh_name}", {"type": "approle"})
    role = AppRole(vault, f"approle-{fresh_name}", fresh_name)
    role.set()
    return role


@pytest.fixture
def kv(vault: VaultServer, fresh_name: str) -> Iterator[tuple[str, str]]:
    mounts = f"kv-{fresh_name}", f"pending-{fresh_name}"
    for mount in mounts:
        vault.mount_kv(mount)
    return mounts


def specification(*fields: str, uses: int | None = None, quiet_s: int = 0) -> Specification:
    names = fields or ("role_id", "secret_id")
    consumer = ConsumerSpec(
        id="api", plugin=NONE, pushed=False, confirms=False, refresh_s=0, accept_elapsed=not uses
    )
    return Specification(
        secret="app",
        identity="vault-approle/tested",
        store=NONE,
        issuer=NONE,
        probe=NONE,
        consumers=(consumer,),
        fields={name: name for name in names},
        keep_foreign=True,
        settle_s=0,
        grace_s=0,
        quiet_s=quiet_s,
        soak_s=0,
    )


def installed(
    role: AppRole, kv: tuple[str, str], connection: VaultConnection, spec: Specification, **options
) -> Installed:
    """The role's first secret id, as a person put it there, adopted."""
    vault, (mount, staging) = role.vault, kv
    role_id = vault.api("GET", f"{role.path}/role-id")["data"]["role_id"]
    first = vault.api("POST", f"{role.path}/secret-id", {})["data"]["secret_id"]
    value = {"role_id": role_id, "secret_id": first, "note": "a field of somebody else"}
    vault.api("POST", f"{mount}/data/app", {"data": value})
    clock = Clock()
    context = PluginContext(
        installation=INSTALLATION,
        clock=clock,
        stream=STREAM,
        connections={"main": connection},
        fields=spec.fields,
        public=frozenset({"role_id"}),
    )
    named = {"connection": "main", "mount": role.mount, "role": role.name}
    bound = Adapters(
        issuer=AppRoleIssuer(AppRoleOptions(**named, **options), context),
        store=KvStore(
            KvOptions(connection="main", mount=mount, path="app", staging=staging), context
        ),
        probe=VaultLogin(LoginOptions(connection="main", mount=role.mount), context),
        consumers={},
    )
    application = Application(role, f"{mount}/data/app")
    application.read()
    secret = Installed(spec, bound, clock, application)
    secret.open("adopt")
    assert isinstance(secret.drive(), Close)
    return secret


@pytest.mark.parametrize(
    "rotations",
    [
        pytest.param(3, id="3", marks=[pytest.mark.story]),
        pytest.param(100, id="100", marks=[pytest.mark.slow]),
    ],
)
@pytest.mark.parametrize("origin", ["assigned", "chosen"])
@pytest.mark.timeout(600)
def test_nobody_is_locked_out_and_nothing_is_left(role, kv, connection, origin, rotations):
    """The application logs in only when a rotation is over: between, nobody sets Vault's count of
    refused logins back but we ourselves."""
    spec = specification()
    secret = installed(role, kv, connection, spec, origin=origin)
    secret.application.log_in()
    tokens, locked = role.tokens(), 0
    for _ in range(rotations):
        action = secret.rotate()
        assert isinstance(action, Close), action
        assert action.outcome is Outcome.SUCCEEDED
        locked += role.locked()
        secret.application.read()
        secret.application.log_in()
    left = role.tokens() - tokens - rotations  # each login of the application keeps its token
    print(
        f"\n{rotations} rotations ({origin}): {locked} locked roles, "
        f"{secret.application.refused} refused logins of the consumer, {left} tokens left by us, "
        f"{len(role.accessors())} secret id alive"
    )
    assert (locked, secret.application.refused, left) == (0, 0, 0)
    assert len(role.accessors()) == 1
    written = role.vault.audit.read_text() + str(secret.journal.entries(STREAM))
    assert secret.application.holds.secret["secret_id"].reveal() not in written


def test_a_straggler_is_seen_and_named_before_its_secret_id_is_destroyed(role, kv, connection):
    secret = installed(role, kv, connection, specification(uses=PLENTY, quiet_s=2), uses=PLENTY)
    secret.clock.patient = True
    assert isinstance(rotated_by_its_consumer(secret), Close)
    old = replay(secret.journal.entries(STREAM)).result.handle
    straggler = Application(role, secret.application.path)
    straggler.read()

    def everybody() -> None:
        secret.application.read()
        secret.application.log_in()
        straggler.log_in()

    secret.open("routine")
    action = secret.drive(every=everybody)
    assert isinstance(action, Held)
    assert action.code == "held.straggler"
    assert old in told(secret)
    assert straggler.refused == 0
    assert old in role.accessors()
    straggler.read()
    secret.clock.skip_to(secret.clock.now() + timedelta(seconds=2))
    secret.ask("resume")
    assert isinstance(secret.drive(every=everybody), Close)
    assert old not in role.accessors()
    assert (secret.application.refused, straggler.refused) == (0, 0)


def rotated_by_its_consumer(secret: Installed) -> Action:
    """The consumer logs in with what it reads, whenever the rotation waits."""

    def use() -> None:
        secret.application.read()
        secret.application.log_in()

    secret.open("routine")
    return secret.drive(every=use)


@pytest.mark.parametrize("token_type", ["service", "batch"])
def test_an_emergency_ends_tokens_too_and_gives_readers_a_new_secret_id(
    role, kv, connection, token_type
):
    """Batch tokens end by themselves, and the role is off until then."""
    role.set(token_type=token_type, token_ttl="30s")
    secret = installed(role, kv, connection, specification())
    stolen = secret.application.holds
    token = role.login(stolen)
    secret.emergency()
    if token_type == "batch":
        action = secret.runner().advance(STREAM)
        assert isinstance(action, Wait)
        assert action.until - secret.clock.now() > timedelta(seconds=25)
    else:
        action = secret.drive()
    assert not role.lives(token)
    assert not role.accepts(stolen)
    action = secret.drive()
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.SUCCEEDED
    assert not role.accepts(stolen)
    secret.application.read()
    secret.application.log_in()
    assert secret.application.refused == 0
    assert role.locked() == 0


def test_an_emergency_waits_for_a_lock_that_consumers_made_and_is_not_held(role, kv, connection):
    """They try the dead secret id until they have its successor, and Vault counts."""
    secret = installed(role, kv, connection, specification())
    secret.emergency()
    locks: list[int] = []
    log_in = secret.bound.probe.login

    def after_five_tries(fields: Fields) -> Verdict:
        for _ in range(0 if locks else 5):
            secret.application.log_in()
        return log_in(fields)

    def the_lock_ends() -> None:
        locks.append(role.locked())
        role.unlock()

    with patch.object(secret.bound.probe, "login", after_five_tries):
        action = secret.drive(every=the_lock_ends)
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.SUCCEEDED
    assert locks[0] == 1
    secret.application.read()
    assert role.accepts(secret.application.holds)


def test_a_runner_that_died_at_the_mint_removes_what_it_made_by_its_label(role, kv, connection):
    """Nothing is Held, and nobody needs to say whose it is."""
    secret = installed(role, kv, connection, specification())
    secret.open("routine")
    with inject_fault(connection, f"{role.path}/secret-id$", CallFault.LOST, only="POST"):
        secret.runner().advance(STREAM)
    assert len(role.accessors()) == 2
    action = secret.drive()
    assert isinstance(action, Close), action
    assert len(role.accessors()) == 1
    secret.application.read()
    secret.application.log_in()
    assert secret.application.refused == 0


def test_who_comes_back_while_a_person_is_waited_for_holds_the_destruction(role, kv, connection):
    """The old one was quiet once, but not any more when somebody lets it go."""
    secret = installed(role, kv, connection, specification(uses=PLENTY, quiet_s=2), uses=PLENTY)
    secret.clock.patient = True
    assert isinstance(rotated_by_its_consumer(secret), Close)
    straggler = Application(role, secret.application.path)
    straggler.read()
    secret.spec = replace(secret.spec, destroy_by_hand=True)
    assert rotated_by_its_consumer(secret).code == "held.destroy-by-hand"
    old = replay(secret.journal.entries(STREAM)).old
    straggler.log_in()
    secret.ask("resume", destroy=True)
    assert secret.drive().code == "held.straggler"
    assert old in told(secret)
    assert old in role.accessors()
    straggler.read()
    secret.clock.skip_to(secret.clock.now() + timedelta(seconds=2))
    secret.ask("resume")
    assert isinstance(secret.drive(), Close)
    assert old not in role.accessors()
    assert straggler.refused == 0


def told(secret: Installed) -> str:
    """What a person is shown of the latest failure."""
    return next(
        str(entry.facts)
        for entry in reversed(secret.journal.entries(STREAM))
        if entry.kind is Kind.FAILED
    )


@dataclass
class Deadly:
    """A wire that kills the runner at one of its requests: before it, or behind its answer. The
    dead send nothing more."""

    wire: Wire
    at: int = -1
    sent: int = 0
    dead: bool = False

    def send(self, method: str, path: str, **request: Any) -> Answer:
        if self.dead:
            raise Killed
        self._cross()
        answer = self.wire.send(method, path, **request)
        self._cross()
        return answer

    def close(self) -> None:
        self.wire.close()

    def _cross(self) -> None:
        self.sent += 1
        if self.sent == self.at:
            self.dead = True
            raise Killed


def survived(secret: Installed, deadly: Deadly, at: int) -> None:
    """One rotation, whose runner is killed there and followed by another one."""
    secret.open("routine")
    deadly.at, deadly.sent = at, 0
    with suppress(Killed):
        secret.drive()
    deadly.dead = False
    secret.drive()


@pytest.mark.parametrize(
    "stride",
    [pytest.param(9, id="every ninth"), pytest.param(1, id="every", marks=[pytest.mark.slow])],
)
@pytest.mark.parametrize("origin", ["assigned", "chosen"])
@pytest.mark.timeout(600)
def test_killed_at_every_request_nobody_is_refused_and_nothing_is_unaccounted_for(
    role, kv, connection, origin, stride
):
    secret = installed(role, kv, connection, specification(), origin=origin)
    secret.clock.patient = stride == 1  # so many waits would be more than clocks may differ
    deadly = connection._wire = Deadly(connection._wire)
    survived(secret, deadly, -1)
    boundaries = deadly.sent
    for at in range(1, boundaries, stride):
        survived(secret, deadly, at)
        secret.application.read()
        secret.application.log_in()
        assert replay(secret.journal.entries(STREAM)).outcome == Outcome.SUCCEEDED, at
        assert len(role.accessors()) == 1, at
        assert (role.locked(), secret.application.refused) == (0, 0), at
    print(f"\n{origin}: killed at {len(range(1, boundaries, stride))} of {boundaries} boundaries")


def test_the_way_back_leaves_the_old_one_and_locks_nobody(role, kv, connection):
    secret = installed(role, kv, connection, replace(specification(), destroy_by_hand=True))
    before, accessors = secret.application.holds, role.accessors()
    assert secret.rotate().code == "held.destroy-by-hand"
    secret.application.read()
    promoted = secret.application.holds
    secret.ask("rollback")
    action = secret.drive()
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.ROLLED_BACK
    assert role.accessors() == accessors
    assert role.accepts(before)
    assert not role.accepts(promoted)
    assert role.locked() == 0
