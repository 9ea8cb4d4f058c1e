"""Static roles of Vault's database engine, with a real PostgreSQL behind it."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from providers.vault import errors
from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import DatabaseStaticOptions, KvOptions
from providers.vault.static_roles import DatabaseStaticRole
from providers.vault.wire import Answer
from rotation.errors import Ambiguous, Conflict, NeedsPerson, RotationError
from rotation.interfaces import Adapters, PluginContext
from rotation.machine.decide import Close
from rotation.machine.replay import Outcome
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from rotation.testing.issuer import IssuerConformance
from rotation.types import Fields, KeyState, SecretValue, Verdict
from tests.support.approle import inject_fault
from tests.support.approle_rotations import STREAM, Clock, Installed, kv, specification
from tests.support.static_roles import StaticRole, role
from tests.support.vault import INSTALLATION, asked, granted, restricted

__all__ = ["kv", "role"]
ATTEMPT = "1" * 32


@pytest.fixture
def issuer(role: StaticRole, connection: VaultConnection) -> DatabaseStaticRole:
    context = PluginContext(
        installation=INSTALLATION, clock=SystemClock(), connections={"main": connection}
    )
    options = DatabaseStaticOptions(
        connection="main", mount=role.mount, role=role.name, in_place=True
    )
    return DatabaseStaticRole(options, context)


@dataclass
class Bench:
    role: StaticRole
    issuer: DatabaseStaticRole
    connection: VaultConnection

    @property
    def options(self) -> DatabaseStaticOptions:
        return self.issuer._options

    def accepts(self, fields: Fields) -> bool:
        return self.role.accepts(fields)

    def use(self, fields: Fields) -> None:
        raise NotImplementedError("it does not report use")

    def live(self) -> Mapping[str, KeyState]:
        return {handle.id: KeyState.ACTIVE for handle in self.issuer.listing().handles}

    def mints(self) -> int:
        return len(self.role.replacements())

    def settle(self) -> None:
        pass

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        path = {"listing": "static-roles", "issue": "rotate-role", "destroy": "static-roles"}[
            operation
        ]
        return inject_fault(self.connection, f"{self.role.mount}/{path}", kind)


class TestConformance(IssuerConformance, traits=DatabaseStaticOptions.TRAITS):
    @pytest.fixture
    def bench(self, role, issuer, connection) -> Bench:
        return Bench(role, issuer, connection)


def refusal(act) -> RotationError:
    with pytest.raises(RotationError) as caught:
        act()
    return caught.value


def test_the_old_password_is_dead_when_the_new_one_is_there(role, issuer):
    old, new = issuer.issue("1" * 32), issuer.issue("2" * 32)
    assert not role.accepts(old.fields)
    assert role.accepts(new.fields)
    assert issuer.listing().ids == {new.handle.id}
    issuer.destroy(old.handle.id)
    refused = refusal(lambda: issuer.destroy(new.handle.id))
    assert isinstance(refused, Conflict)
    assert refused.facts["void"] is True
    assert role.accepts(new.fields)


def test_a_lost_answer_is_settled_by_reading_and_not_by_replacing_again(role, issuer, connection):
    before = issuer.issue("1" * 32)
    with inject_fault(connection, "rotate-role", CallFault.LOST):
        assert isinstance(refusal(lambda: issuer.issue("2" * 32)), Ambiguous)
    found = issuer.read_back()
    assert found.handle.id != before.handle.id
    assert role.accepts(found.fields)
    assert len(role.replacements()) == 2


def test_a_replacement_that_could_not_be_read_is_in_doubt_and_not_void(issuer, monkeypatch):
    """Void would mean another replacement, and one more password that nobody was told."""

    def throttled():
        raise errors.refused(429, "429", "GET static-creds", repeatable=True)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(issuer, "read_back", throttled)
        error = refusal(lambda: issuer.issue(ATTEMPT))
    assert isinstance(error, Ambiguous)
    assert issuer.read_back().handle.id in issuer.listing().ids


@pytest.mark.parametrize("kind", [CallFault.DENIED, CallFault.THROTTLED, CallFault.UNREACHABLE])
def test_what_could_not_be_read_is_not_replaced(role, issuer, connection, kind):
    before = role.rotated()
    with inject_fault(connection, "static-creds", kind):
        assert not isinstance(refusal(lambda: issuer.issue(ATTEMPT)), Ambiguous)
    assert role.rotated() == before


@pytest.mark.parametrize("period", ["1h", "364d"])
def test_vault_does_not_rotate_beside_us(role, issuer, period):
    role.set(period)
    before = role.rotated()
    error = refusal(lambda: issuer.issue(ATTEMPT))
    assert isinstance(error, NeedsPerson)
    assert error.code == "issuer.two-rotators"
    assert role.rotated() == before


def test_a_person_adopts_what_vault_has(issuer):
    new = issuer.issue(ATTEMPT)
    assert issuer.handle_of(new.fields, "v1") == new.handle.id
    other = Fields(public=new.fields.public, secret={"password": SecretValue("set by a person")})
    assert refusal(lambda: issuer.handle_of(other, "v1")).code == "issuer.unknown-value"


def test_a_password_that_vault_never_replaced_cannot_be_told(issuer, monkeypatch):
    """Vault Enterprise can take a user over without replacing its password."""
    taken_over = Answer(status=200, body={"data": {"username": "app"}})
    monkeypatch.setattr(issuer._connection, "call", lambda *_, **__: taken_over)
    assert issuer.listing().handles == ()
    assert refusal(issuer.read_back).code == "issuer.never-rotated"


def test_a_role_that_is_not_there_is_named(role, issuer):
    role.vault.api("DELETE", f"{role.mount}/static-roles/{role.name}")
    error = refusal(issuer.listing)
    assert error.code == "issuer.missing"
    assert role.name in error.message


def test_without_consent_there_is_no_rotation_without_overlap():
    with pytest.raises(ValueError, match="in_place"):
        DatabaseStaticOptions(connection="main", role="app")


def test_the_grants_are_enough_and_exactly_the_requests(vault, role, issuer, connect, fresh_name):
    options = issuer._options
    connection = restricted(vault, connect, fresh_name, "vault-database-static", options)
    context = PluginContext(
        installation=INSTALLATION, clock=SystemClock(), connections={"main": connection}
    )
    limited, since = DatabaseStaticRole(options, context), vault.audited()
    limited.listing()
    new = limited.issue(ATTEMPT)
    assert limited.handle_of(new.fields, "v1") == new.handle.id
    found = asked(vault, since, connection.options.roles)
    assert found == granted("vault-database-static", options)


# ------------------------------------------------------------------------------ whole rotations


@dataclass
class DatabaseProbe:
    role: StaticRole

    def login(self, fields: Fields) -> Verdict:
        return Verdict.ACCEPTED if self.role.accepts(fields) else Verdict.REFUSED

    def wrong(self, fields: Fields) -> Verdict:
        return self.login(Fields(public=fields.public, secret={"password": SecretValue("wrong!!")}))


@dataclass
class Database:
    """The static role's password, kept for its readers in KV version 2."""

    role: StaticRole
    secret: Installed
    path: str

    def read(self) -> Fields:
        data = self.role.vault.api("GET", self.path)["data"]["data"]
        return Fields(
            public={"username": data["username"]},
            secret={"password": SecretValue(data["password"])},
        )


@pytest.fixture
def database(role, kv, connection) -> Database:
    creds = role.vault.api("GET", f"{role.mount}/static-creds/{role.name}")["data"]
    value = {name: creds[name] for name in ("username", "password")}
    mount, staging = kv
    role.vault.api("POST", f"{mount}/data/app", {"data": value})
    spec, clock = specification("username", "password"), Clock()
    context = PluginContext(
        installation=INSTALLATION,
        clock=clock,
        stream=STREAM,
        connections={"main": connection},
        fields=spec.fields,
        public=frozenset({"username"}),
    )
    static = DatabaseStaticOptions(
        connection="main", mount=role.mount, role=role.name, in_place=True
    )
    kept = KvOptions(connection="main", mount=mount, path="app", staging=staging)
    bound = Adapters(
        issuer=DatabaseStaticRole(static, context),
        store=KvStore(kept, context),
        probe=DatabaseProbe(role),
        consumers={},
    )
    secret = Installed(spec, bound, clock)
    secret.open("adopt")
    assert isinstance(secret.drive(), Close)
    return Database(role, secret, f"{mount}/data/app")


@pytest.mark.story
def test_readers_get_what_vault_made_and_the_old_password_is_proved_dead(database):
    old = database.read()
    action = database.secret.rotate()
    assert isinstance(action, Close), action
    assert action.outcome is Outcome.SUCCEEDED
    assert not database.role.accepts(old)
    assert database.role.accepts(database.read())
    assert len(database.role.replacements()) == 1


@pytest.mark.parametrize("path", ["rotate-role", "static-creds"])
def test_an_answer_that_is_lost_on_the_way_leads_to_no_second_replacement(
    database, connection, path
):
    with inject_fault(connection, path, CallFault.LOST):
        action = database.secret.rotate()
    assert isinstance(action, Close), action
    assert database.role.accepts(database.read())
    assert len(database.role.replacements()) == 1
