"""Whole rotations into KV while Vault is sealed, restarted or takes a permission away: no consumer
is ever given a dead credential, and nothing is left behind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotConnected
from urllib3.exceptions import ProtocolError

from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import ConnectionOptions, KvOptions
from rotation.errors import Conflict
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters, PluginContext
from rotation.journal.entries import Draft, Kind
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Held, Wait
from rotation.machine.replay import Outcome
from rotation.plan import PLANS
from rotation.types import (
    ConsumerSpec,
    Credential,
    Fields,
    Handle,
    KeyState,
    Listing,
    PluginSpec,
    SecretValue,
    Specification,
    Traits,
    Verdict,
)
from tests.real.vault_server import Refused, VaultServer, running

INSTALLATION, STREAM = "0123456789ab", "keys-0123456789abcdef0123"
NONE = PluginSpec(type="tested", options={})
TURNS = 40
EVERYTHING = ["create", "read", "update", "patch", "delete", "list"]


@dataclass
class Keys:
    """An issuer and its login; every key that it ever made."""

    secrets: dict[str, str] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    traits = Traits(origin="assigned", can_suspend=True, reports_usage=False)

    def listing(self) -> Listing:
        return Listing(
            handles=tuple(
                Handle(id=key, state=KeyState.SUSPENDED if key in self.off else KeyState.ACTIVE)
                for key in self.secrets
            )
        )

    def issue(self, attempt: str) -> Credential:
        number = next(self.numbers)
        key, secret = f"key-{number}", f"not/a+secret-{number:06}"
        self.secrets[key] = secret
        fields = Fields(public={"id": key}, secret={"secret": SecretValue(secret)})
        return Credential(handle=Handle(id=key), fields=fields)

    def suspend(self, handle_id: str, **_: object) -> None:
        if handle_id not in self.secrets:
            raise Conflict("issuer.gone", "it is gone")
        self.off.add(handle_id)

    def resume(self, handle_id: str) -> None:
        self.off.discard(handle_id)

    def destroy(self, handle_id: str, fields: object = None, **_: object) -> None:
        self.secrets.pop(handle_id, None)

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["id"]

    def lets_in(self, key: str, secret: str) -> bool:
        return key not in self.off and self.secrets.get(key) == secret

    def login(self, fields: Fields) -> Verdict:
        accepted = self.lets_in(fields.public["id"], fields.secret["secret"].reveal())
        return Verdict.ACCEPTED if accepted else Verdict.REFUSED

    def wrong(self, fields: Fields) -> Verdict:
        return Verdict.REFUSED


@dataclass
class Clock:
    """Real time, and what was skipped of it: less than what counts as a wrong clock."""

    skipped: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skipped

    def skip_to(self, to: datetime) -> None:
        self.skipped += max(to - self.now(), timedelta())


@dataclass
class World:
    """One secret, adopted; `path` of its value, and of what is staged for it."""

    vault: VaultServer
    connection: VaultConnection
    name: str
    keys: Keys = field(default_factory=Keys)
    clock: Clock = field(default_factory=Clock)
    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(INSTALLATION))
    asked: int = 0
    working: bool = False

    def __post_init__(self) -> None:
        first = self.keys.issue("")
        value = {
            "id": first.handle.id,
            "secret": first.fields.secret["secret"].reveal(),
            "note": "somebody else's",
        }
        body = {"options": {"cas": 0}, "data": value}
        self.vault.api("POST", f"kv/data/{self.name}", body)
        self.open("adopt")
        assert isinstance(self.drive(), Close)

    def open(self, plan: str) -> None:
        self.runner().open(self.stream, PLANS[plan], self.spec, trigger="test")

    @property
    def stream(self) -> str:
        return f"{STREAM}-{self.name}"

    @property
    def spec(self) -> Specification:
        reader = ConsumerSpec(
            id="api", plugin=NONE, pushed=False, confirms=False, refresh_s=0, accept_elapsed=True
        )
        return Specification(
            secret="app", identity="keys/app", store=NONE, issuer=NONE, probe=NONE,
            consumers=(reader,), fields={"id": "id", "secret": "secret"}, keep_foreign=True,
            settle_s=0, grace_s=0, quiet_s=0, soak_s=0,
        )  # fmt: skip

    def runner(self) -> Runner:
        """As a new process has it: without a memory."""
        context = PluginContext(
            installation=INSTALLATION,
            clock=self.clock,
            connections={"main": self.connection},
            fields=self.spec.fields,
            public=frozenset({"id"}),
            stream=self.stream,
        )
        options = KvOptions(connection="main", mount="kv", path=self.name, staging="pending")
        bound = Adapters(
            issuer=self.keys, store=KvStore(options, context), probe=self.keys, consumers={}
        )
        return Runner(journal=self.journal, bind=lambda spec: bound, clock=self.clock, id="tested")

    def advance(self) -> Action:
        self.working = True
        try:
            return self.runner().advance(self.stream)
        finally:
            self.working = False

    def drive(self) -> Action:
        action = self.advance()
        for _ in range(TURNS):
            if not isinstance(action, Wait):
                break
            assert action.until is not None, action.why
            self.check()
            self.clock.skip_to(action.until)
            action = self.advance()
        return action

    def check(self) -> None:
        """What a consumer reads now lets it in."""
        data = self.vault.api("GET", f"kv/data/{self.name}")["data"]["data"]
        assert self.keys.lets_in(data["id"], data["secret"])
        assert data["note"] == "somebody else's"

    def check_tidy(self) -> None:
        self.check()
        assert len(self.keys.secrets) == 1
        staged = f"pending/metadata/{self.stream}?list=true"
        with pytest.raises(Refused):
            self.vault.api("GET", staged)


@contextmanager
def interrupted(
    world: World, at: int, act: Callable[[], None], *, answered: bool
) -> Iterator[None]:
    """At request number `at` of the runner something happens to Vault: before it, or after Vault
    has done what was asked and before the answer comes."""
    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: PreparedRequest, **more: object) -> Response:
        if not world.working:
            return real(self, request, **more)
        number, world.asked = world.asked, world.asked + 1
        if number == at and not answered:
            act()
        answer = real(self, request, **more)
        if number == at and answered:
            act()
            raise NotConnected(ProtocolError("lost"))
        return answer

    with patch.object(HTTPAdapter, "send", send):
        yield


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """A Vault that remembers what it had when it is started again."""
    with running(tmp_path_factory.mktemp("lasting"), "file") as server:
        server.mount_kv("kv", cas_required="true")
        server.mount_kv("pending")
        yield server


@pytest.fixture
def begin(lasting: VaultServer, tmp_path: Path, fresh_name: str) -> Callable[[], World]:
    token = tmp_path / "root"
    token.write_text(lasting.root)
    options = ConnectionOptions(
        address=lasting.address, cluster=lasting.cluster, auth="token", login_file=str(token)
    )
    numbers = count(1)

    def begin() -> World:
        connection = VaultConnection(options, installation=INSTALLATION, clock=Clock())
        return World(lasting, connection, f"{fresh_name}-{next(numbers)}")

    return begin


def requests_of_a_rotation(world: World) -> int:
    world.asked = 0
    world.open("routine")
    with interrupted(world, -1, lambda: None, answered=True):
        assert world.drive() == Close(Outcome.SUCCEEDED)
    world.check_tidy()
    return world.asked


def survives(world: World, at: int, act: Callable[[], None], *, answered: bool) -> None:
    world.open("routine")
    with interrupted(world, at, act, answered=answered):
        action = world.advance()
        if not isinstance(action, Close):
            if world.vault.is_sealed():
                world.vault.unseal()
            action = world.drive()
    assert action == Close(Outcome.SUCCEEDED), (at, action)
    world.check_tidy()


def test_no_secret_is_in_what_vault_writes_down_in_the_open(begin, lasting):
    world = begin()
    requests_of_a_rotation(world)
    minted = [f"not/a+secret-{number:06}" for number in (1, 2)]
    text = lasting.audit.read_text() + lasting.log.read_text()
    assert f"kv/data/{world.name}" in text
    assert not [secret for secret in minted if secret in text]
    metadata = str(lasting.api("GET", f"kv/metadata/{world.name}"))
    assert not [secret for secret in minted if secret in metadata]


STRIDES = [pytest.param(5, id="some"), pytest.param(1, id="every", marks=pytest.mark.slow)]


@pytest.mark.parametrize("stride", STRIDES)
def test_vault_is_killed_and_started_again(begin, lasting, stride):
    """Power fails at Vault after it has done what was asked: the answer never comes."""
    total = requests_of_a_rotation(begin())
    for at in range(0, total, stride):
        survives(begin(), at, lasting.restart, answered=True)


@pytest.mark.parametrize("stride", STRIDES)
def test_vault_is_sealed_for_a_while(begin, lasting, stride):
    total = requests_of_a_rotation(begin())
    for at in range(0, total, 2 * stride):
        survives(begin(), at, lasting.seal, answered=False)


def test_while_vault_is_sealed_nothing_is_minted(begin, lasting):
    world = begin()
    world.open("routine")
    lasting.seal()
    try:
        assert isinstance(world.advance(), Wait)
        assert list(world.keys.secrets) == ["key-1"]
    finally:
        lasting.unseal()
    assert world.drive() == Close(Outcome.SUCCEEDED)


def test_a_permission_that_is_taken_away_midway_holds_the_rotation(begin, lasting, tmp_path):
    """Both credentials live, and a person who gives it back lets it go on."""
    world = begin()
    everything = {"kv/*": EVERYTHING, "pending/*": EVERYTHING}
    lasting.policy("runner", everything)
    (tmp_path / "root").write_text(lasting.token("runner", no_default_policy=False))
    world.connection = VaultConnection(
        world.connection.options, installation=INSTALLATION, clock=Clock()
    )
    world.open("routine")
    lasting.policy("runner", {**everything, f"kv/data/{world.name}": ["read"]})
    action = world.drive()
    assert isinstance(action, Held), action
    assert len(world.keys.secrets) == 2
    world.check()
    lasting.policy("runner", everything)
    draft = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": "resume"})
    world.journal.request(world.stream, draft, "tested", world.clock.now())
    assert world.drive() == Close(Outcome.SUCCEEDED)
    world.check_tidy()
