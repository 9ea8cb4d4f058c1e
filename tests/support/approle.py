"""An AppRole of a real Vault."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from providers.vault import errors
from providers.vault.approle import AppRoleIssuer
from providers.vault.clients import VaultConnection
from providers.vault.options import AppRoleOptions
from rotation.errors import RotationError
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from rotation.types import Fields
from tests.real.vault_server import Refused, VaultServer
from tests.support.vault import INSTALLATION

PLENTY = 1_000_000


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
        except Refused:  # 404: Vault lists nothing where there is nothing
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

    def unlock(self) -> None:
        accessor = self.vault.api("GET", f"sys/auth/{self.mount}")["data"]["accessor"]
        role_id = self.vault.api("GET", f"{self.path}/role-id")["data"]["role_id"]
        self.vault.api("POST", f"sys/locked-users/{accessor}/unlock/{role_id}", {})

    def locked(self) -> int:
        accessor = self.vault.api("GET", f"sys/auth/{self.mount}")["data"]["accessor"]
        locked = self.vault.api("GET", f"sys/locked-users?mount_accessor={accessor}")
        return locked["data"]["total"]

    def tokens(self) -> int:
        """Of those that were given for a login with it."""
        try:
            leases = self.vault.api("LIST", f"sys/leases/lookup/auth/{self.mount}/login")
        except Refused:  # 404, as above
            return 0
        return len(leases["data"]["keys"])


@pytest.fixture
def role(vault: VaultServer, fresh_name: str) -> AppRole:
    mount = f"approle-{fresh_name}"
    vault.api("POST", f"sys/auth/{mount}", {"type": "approle"})
    role = AppRole(vault, mount, fresh_name)
    role.set()
    return role


@pytest.fixture
def context(connection: VaultConnection) -> PluginContext:
    return PluginContext(
        installation=INSTALLATION, clock=SystemClock(), connections={"main": connection}
    )


def issuer_of(role: AppRole, context: PluginContext, **options: object) -> AppRoleIssuer:
    named = {"connection": "main", "mount": role.mount, "role": role.name}
    return AppRoleIssuer(AppRoleOptions(**named, **options), context)


@contextmanager
def inject_fault(
    connection: VaultConnection, path: str, kind: CallFault, only: str = ""
) -> Iterator[None]:
    """The next request to that path (`only`: by that method) meets this, on its way to the real
    Vault or back."""
    send = connection._wire.send

    def troubled(method: str, at: str, **request):
        if re.search(path, at) is None or only not in method:
            return send(method, at, **request)
        connection._wire.send = send
        call, repeatable = f"{method} {at}", request.get("repeatable", True)
        match kind:
            case CallFault.DENIED:
                raise errors.refused(403, errors.DENIED, call, repeatable=repeatable)
            case CallFault.THROTTLED:
                raise errors.refused(429, "429", call, repeatable=repeatable)
            case CallFault.UNREACHABLE:
                raise errors.unreachable(call)
            case CallFault.BROKEN:
                raise errors.refused(500, "500", call, repeatable=repeatable)
            case CallFault.LOST:
                with suppress(RotationError):
                    send(method, at, **request)
                raise errors.no_answer(call, repeatable=repeatable)

    connection._wire.send = troubled
    try:
        yield
    finally:
        connection._wire.send = send
