"""Rotations whose issuer is an AppRole, or whose store is KV."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import AppRoleOptions, KvOptions, LoginOptions
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters, PluginContext
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Opened
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Wait
from rotation.plan import PLANS
from rotation.types import ConsumerSpec, Fields, PluginSpec, SecretValue, Specification
from tests.real.vault_server import VaultServer
from tests.support.approle import AppRole
from tests.support.vault import INSTALLATION

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
