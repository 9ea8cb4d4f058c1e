"""AppRole secret ids, static roles and KV version 2, on a real Vault."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.fleet import Clock
from providers.postgres.options import ProbeOptions
from providers.postgres.probe import LoginProbe
from providers.vault.approle import AppRoleIssuer
from providers.vault.approle_probe import VaultLogin
from providers.vault.clients import VaultConnection
from providers.vault.kv2 import KvStore
from providers.vault.options import (
    STAGING,
    AppRoleOptions,
    ConnectionOptions,
    DatabaseStaticOptions,
    KvOptions,
    LoginOptions,
)
from providers.vault.static_roles import DatabaseStaticRole
from providers.vault.wire import vault_time
from rotation.interfaces import Issuer, PluginContext, Probe, Store, Verifier
from tests.matrix.sides import INSTALLATION, Value
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD, PostgresServer
from tests.real.vault_server import Refused, VaultServer
from tests.support.postgres import Database

KV = "secret"


def prepare(vault: VaultServer) -> None:
    vault.mount_kv(KV, cas_required="true")
    vault.mount_kv(STAGING)
    vault.api("POST", "sys/auth/approle", {"type": "approle"})


def mount_databases(vault: VaultServer, server: PostgresServer) -> None:
    """Refused where this Vault has no database engine."""
    vault.api("POST", "sys/mounts/database", {"type": "database"})
    at = f"{server.host}:{server.port}"
    config = {
        "plugin_name": "postgresql-database-plugin",
        "allowed_roles": ["*"],
        "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{at}/postgres",
        "username": ADMIN,
        "password": ADMIN_PASSWORD,
    }
    vault.api("POST", "database/config/postgres", config)


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

    def issuer(self, context: PluginContext) -> Issuer:
        return AppRoleIssuer(self._options, context)

    def probe(self, context: PluginContext) -> Probe:
        return VaultLogin(LoginOptions(connection="vault"), context)

    def end(self, value: Value) -> None:
        body = {"secret_id": value["secret_id"]}
        self._vault.api("POST", f"{self._path}/secret-id/destroy", body)

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


class StaticRoles:
    """Logins whose password Vault itself replaces, in place."""

    fields: Mapping[str, str] = {name: name for name in DatabaseStaticOptions.FIELDS}
    public = DatabaseStaticOptions.PUBLIC
    verifiers: tuple[Verifier, ...] = ()

    def __init__(self, vault: VaultServer, connection: VaultConnection, database: Database) -> None:
        self._vault, self._server = vault, database.server
        self.connections = {"vault": connection, "main": database.connection}
        self._role = ""

    @property
    def _options(self) -> DatabaseStaticOptions:
        return DatabaseStaticOptions(connection="vault", role=self._role, in_place=True)

    @property
    def identity(self) -> str:
        return self._options.identity({"vault": self.connections["vault"].options})

    def begin(self, name: str) -> Value:
        self._role = name.replace("-", "_")
        self._server.run(f"create role {self._role} login password 'made-by-a-person'")
        body = {"db_name": "postgres", "username": self._role, "rotation_period": "8784h"}
        self._vault.api("POST", f"database/static-roles/{self._role}", body)
        given = self._credentials()
        return {name: given[name] for name in self.fields}

    def replace(self) -> None:
        self._vault.api("POST", f"database/rotate-role/{self._role}")

    def end(self, value: Value) -> None:
        """Vault has another one, and told nobody."""
        self.replace()

    def issuer(self, context: PluginContext) -> Issuer:
        return DatabaseStaticRole(self._options, context)

    def probe(self, context: PluginContext) -> Probe:
        return LoginProbe(ProbeOptions(connection="main", query="select 1"), context)

    def lets_in(self, value: Value) -> bool:
        try:
            self._server.connect(value["username"], value["password"]).close()
        except psycopg.OperationalError:
            return False
        return True

    def live(self) -> set[str]:
        """As the issuer names the one that is in force."""
        rotated = vault_time(self._credentials()["last_vault_rotation"])
        return {f"rotated-{rotated:%Y-%m-%dT%H:%M:%S.%fZ}"}

    def close(self) -> None:
        pass

    def _credentials(self) -> dict[str, str]:
        given: dict[str, str] = self._vault.api("GET", f"database/static-creds/{self._role}")[
            "data"
        ]
        return given


class KeyValues:
    def __init__(self, vault: VaultServer, connection: VaultConnection) -> None:
        self._vault = vault
        self.connections: Mapping[str, Any] = {"vault": connection}
        self._path, self._is_lost = "", False

    def begin(self, name: str, value: Value) -> None:
        self._path, self._is_lost = f"team/{name}", False
        body = {"options": {"cas": 0}, "data": {**value, "elsewhere": "kept"}}
        self._vault.api("POST", f"{KV}/data/{self._path}", body)
        owner = {"custom_metadata": {"rotation:owner": INSTALLATION}}
        self._vault.api("PATCH", f"{KV}/metadata/{self._path}", owner)

    def store(self, context: PluginContext, identity: str) -> Store:
        return KvStore(KvOptions(connection="vault", mount=KV, path=self._path), context)

    def read(self) -> Value:
        try:
            value: Value = self._vault.api("GET", f"{KV}/data/{self._path}")["data"]["data"]
        except Refused:
            assert self._is_lost
            return {}
        assert self._is_lost or value.pop("elsewhere") == "kept", (
            "a field that is not ours was lost"
        )
        return value

    def lose(self) -> None:
        self._vault.api("DELETE", f"{KV}/data/{self._path}")
        self._is_lost = True

    def write(self, value: Value) -> None:
        self._put("POST", value)
        self._is_lost = True

    def edit(self, added: Value) -> None:
        self._put("PATCH", added)

    def _put(self, method: str, value: Value) -> None:
        number = self._vault.api("GET", f"{KV}/metadata/{self._path}")["data"]["current_version"]
        body = {"options": {"cas": number}, "data": value}
        self._vault.api(method, f"{KV}/data/{self._path}", body)

    def close(self) -> None:
        pass
