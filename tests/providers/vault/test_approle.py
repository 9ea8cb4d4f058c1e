"""Secret ids of AppRoles on a real Vault, whose lockout is as it comes."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from providers.vault import errors
from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.options import AppRoleOptions, LoginOptions
from rotation.clock import SystemClock
from rotation.errors import Denied, NeedsPerson, NotYet, RotationError
from rotation.interfaces import Around
from rotation.testing import Trouble
from rotation.testing.issuer import IssuerConformance
from rotation.testing.probe import ProbeConformance
from rotation.types import Fields, KeyState, PermissionSet, SecretValue, Verdict, mark
from tests.providers.vault.conftest import INSTALLATION
from tests.real.vault_server import Refused, VaultServer

PLENTY = 1_000_000
CONTAIN = PermissionSet.CONTAIN
ATTEMPT = "1" * 32


@dataclass
class AppRole:
    """A role as the infrastructure made it, and what Vault itself says of it."""

    vault: VaultServer
    mount: str
    name: str

    def __post_init__(self) -> None:
        self.path = f"auth/{self.mount}/role/{self.name}"

    def set(self, **settings: object) -> None:
        self.vault.api("POST", self.path, {"token_ttl": "1h", **settings})

    def accessors(self) -> list[str]:
        try:
            return self.vault.api("LIST", f"{self.path}/secret-id")["data"]["keys"]
        except Refused as refusal:
            assert refusal.status == 404
            return []

    def secret_id(self, accessor: str) -> dict:
        body = {"secret_id_accessor": accessor}
        return self.vault.api("POST", f"{self.path}/secret-id-accessor/lookup", body)["data"]

    def login(self, fields: Fields) -> str:
        """What a consumer does; its token."""
        body = {**fields.public, **{k: v.reveal() for k, v in fields.secret.items()}}
        return self.vault.api("POST", f"auth/{self.mount}/login", body)["auth"]["client_token"]

    def accepts(self, fields: Fields) -> bool:
        try:
            self.login(fields)
        except Refused:
            return False
        return True

    def lives(self, token: str) -> bool:
        try:
            self.vault.api("GET", "auth/token/lookup-self", token=token)
        except Refused:
            return False
        return True

    def locked(self) -> int:
        return self.vault.api("GET", "sys/locked-users")["data"]["total"]

    def tokens(self) -> int:
        return len(self.vault.api("LIST", "auth/token/accessors")["data"]["keys"])


@pytest.fixture
def role(vault: VaultServer, fresh_name: str) -> AppRole:
    mount = f"approle-{fresh_name}"
    vault.api("POST", f"sys/auth/{mount}", {"type": "approle"})
    role = AppRole(vault, mount, fresh_name)
    role.set()
    return role


@pytest.fixture
def around(connection: VaultConnection) -> Around:
    return Around(installation=INSTALLATION, clock=SystemClock(), connections={"main": connection})


def issuer_of(role: AppRole, around: Around, **options: object) -> AppRoleIssuer:
    named = {"connection": "main", "mount": role.mount, "role": role.name}
    return AppRoleIssuer(AppRoleOptions(**named, **options), around)


@pytest.fixture
def issuer(role: AppRole, around: Around) -> AppRoleIssuer:
    return issuer_of(role, around)


@pytest.fixture
def probe(role: AppRole, around: Around) -> VaultLogin:
    return VaultLogin(LoginOptions(connection="main", mount=role.mount), around)


# ------------------------------------------------------------------------------- conformance


@contextmanager
def befall(connection: VaultConnection, path: str, kind: Trouble) -> Iterator[None]:
    """The next request to that path meets this, on its way to the real Vault or back."""
    send = connection._wire.send

    def troubled(method: str, at: str, **request):
        if path not in at:
            return send(method, at, **request)
        connection._wire.send = send
        call, repeatable = f"{method} {at}", request.get("repeatable", True)
        match kind:
            case Trouble.DENIED:
                raise errors.refused(403, errors.DENIED, call, repeatable=repeatable)
            case Trouble.THROTTLED:
                raise errors.refused(429, "429", call, repeatable=repeatable)
            case Trouble.UNREACHABLE:
                raise errors.unreachable(call)
            case Trouble.BROKEN:
                raise errors.refused(500, "500", call, repeatable=repeatable)
            case Trouble.LOST:
                with suppress(RotationError):
                    send(method, at, **request)
                raise errors.no_answer(call, repeatable=repeatable)

    connection._wire.send = troubled
    try:
        yield
    finally:
        connection._wire.send = send


@dataclass
class Bench:
    role: AppRole
    issuer: AppRoleIssuer
    connection: VaultConnection

    def accepts(self, fields: Fields) -> bool:
        return self.role.accepts(fields)

    def use(self, fields: Fields) -> None:
        self.role.login(fields)

    def live(self) -> Mapping[str, KeyState]:
        ids = {}
        for accessor in self.role.accessors():
            metadata = self.role.secret_id(accessor)["metadata"]
            ids[metadata["rotation"] if "rotation-chosen" in metadata else accessor] = 0
        return dict.fromkeys(ids, KeyState.ACTIVE)

    def mints(self) -> int:
        return len(self.role.accessors())

    def settle(self) -> None:
        pass

    def trouble(self, deed: str, kind: Trouble) -> AbstractContextManager[None]:
        call = {
            "listing": "/secret-id",
            "usage": "/secret-id",
            "issue": "/secret-id",
            "activate": "/secret-id/lookup",
            "destroy": "/secret-id-accessor/destroy",
        }[deed]
        return befall(self.connection, self.role.path + call, kind)


class TestAssigned(IssuerConformance):
    @pytest.fixture
    def bench(self, role, issuer, connection) -> Bench:
        return Bench(role, issuer, connection)


class TestAssignedWithUses(IssuerConformance):
    @pytest.fixture
    def bench(self, role, around, connection) -> Bench:
        return Bench(role, issuer_of(role, around, uses=PLENTY), connection)


class TestChosen(IssuerConformance):
    @pytest.fixture
    def bench(self, role, around, connection) -> Bench:
        return Bench(role, issuer_of(role, around, origin="chosen", uses=PLENTY), connection)


@dataclass
class ProbeBench:
    role: AppRole
    issuer: AppRoleIssuer
    probe: VaultLogin
    connection: VaultConnection

    def good(self) -> Fields:
        return self.issuer.issue("1" * 32).fields

    def dead(self) -> Fields:
        new = self.issuer.issue("2" * 32)
        self.issuer.destroy(new.handle.id)
        return new.fields

    def traces(self) -> int:
        return self.role.tokens()

    def trouble(self, kind: Trouble) -> AbstractContextManager[None]:
        return befall(self.connection, f"auth/{self.role.mount}/login", kind)


class TestLogin(ProbeConformance):
    @pytest.fixture
    def bench(self, role, issuer, probe, connection) -> ProbeBench:
        return ProbeBench(role, issuer, probe, connection)
