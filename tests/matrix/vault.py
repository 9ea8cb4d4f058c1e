"""AppRole secret ids and KV version 2, on a real Vault."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.fleet import Clock
from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import (
    STAGING,
    AppRoleOptions,
    ConnectionOptions,
    KvOptions,
    LoginOptions,
)
from rotation.interfaces import Around, Issuer, Probe, Store, Verifier
from tests.matrix.sides import INSTALLATION, Value
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD, PostgresServer
from tests.real.vault_server import Refused, VaultServer

KV = "secret"


def prepare(vault: VaultServer) -> None:
    vault.mount_kv(KV, cas_required="true")
    vault.mount_kv(STAGING)
    vault.api("POST", "sys/auth/approle", {"type": "approle"})


def connect(vault: VaultServer, directory: Path, clock: Clock) -> VaultConnection:
    token = directory / "vault-token"
    token.write_text(vault.root)
    options = ConnectionOptions(
        address=vault.address, cluster=vault.cluster, auth="token", login_file=str(token)
    )
    return VaultConnection(options, installation=INSTALLATION, clock=clock)


class SecretIds:
    fields: Mapping[str, str] = {name: name for name in AppRoleOptions.FIELDS}
    public = AppRoleOptions.PUBLIC
    verifiers: tuple[Verifier, ...] = ()

    def __init__(self, vault: VaultServer, connection: VaultConnection) -> None:
        self._vault = vault
        self.connections = {"vault": connection}
        self._role = ""

    @property
    def _options(self) -> AppRoleOptions:
        return AppRoleOptions(connection="vault", role=self._role)

    @property
    def _path(self) -> str:
        return f"auth/approle/role/{self._role}"

    @property
    def identity(self) -> str:
        return self._options.identity({"vault": self.connections["vault"].options})

    def begin(self, name: str) -> Value:
        self._role = name
        self._vault.api("POST", self._path, {"token_ttl": "1h"})
        role_id = self._vault.api("GET", f"{self._path}/role-id")["data"]["role_id"]
        secret_id = self._vault.api("POST", f"{self._path}/secret-id")["data"]["secret_id"]
        return {"role_id": role_id, "secret_id": secret_id}

    def issuer(self, around: Around) -> Issuer:
        return AppRoleIssuer(self._options, around)

    def probe(self, around: Around) -> Probe:
        return VaultLogin(LoginOptions(connection="vault"), around)

    def lets_in(self, value: Value) -> bool:
        try:
            made = self._vault.api("POST", "auth/approle/login", value, token="")
        except Refused:
            return False
        token = made["auth"]["client_token"]
        self._vault.api("POST", "auth/token/revoke-self", token=token)
        return True

    def live(self) -> set[str]:
        with suppress(Refused):  # 404 where there is none
            return set(self._vault.api("LIST", f"{self._path}/secret-id")["data"]["keys"])
        return set()

    def close(self) -> None:
        pass


class StaticRole:
    """A login whose password Vault itself replaces, in place."""

    def __init__(self, vault: VaultServer, server: PostgresServer, name: str) -> None:
        self._vault, self._name = vault, name
        vault.api("POST", "sys/mounts/database", {"type": "database"})
        server.run(f"create role {name} login password 'made-by-a-person'")
        at = f"{server.host}:{server.port}"
        config = {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": [name],
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{at}/postgres",
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }
        vault.api("POST", "database/config/postgres", config)
        role = {"db_name": "postgres", "username": name, "rotation_period": "24h"}
        vault.api("POST", f"database/static-roles/{name}", role)

    def replace(self) -> None:
        self._vault.api("POST", f"database/rotate-role/{self._name}")


class KeyValues:
    def __init__(self, vault: VaultServer, connection: VaultConnection) -> None:
        self._vault = vault
        self.connections: Mapping[str, Any] = {"vault": connection}
        self._path = ""

    def begin(self, name: str, value: Value) -> None:
        self._path = f"team/{name}"
        body = {"options": {"cas": 0}, "data": {**value, "elsewhere": "kept"}}
        self._vault.api("POST", f"{KV}/data/{self._path}", body)
        owner = {"custom_metadata": {"rotation:owner": INSTALLATION}}
        self._vault.api("PATCH", f"{KV}/metadata/{self._path}", owner)

    def store(self, around: Around, identity: str) -> Store:
        return KvStore(KvOptions(connection="vault", mount=KV, path=self._path), around)

    def read(self) -> Value:
        value: Value = self._vault.api("GET", f"{KV}/data/{self._path}")["data"]["data"]
        assert value.pop("elsewhere") == "kept", "a field that is not ours was lost"
        return value

    def edit(self, added: Value) -> None:
        number = self._vault.api("GET", f"{KV}/metadata/{self._path}")["data"]["current_version"]
        body = {"options": {"cas": number}, "data": added}
        self._vault.api("PATCH", f"{KV}/data/{self._path}", body)

    def close(self) -> None:
        pass
