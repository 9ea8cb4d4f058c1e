"""A static role of Vault's database engine, with a real PostgreSQL behind it."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from providers.vault.static_roles import AUTOMATIC_MIN
from rotation.types import Fields
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD, PostgresServer
from tests.real.vault_server import VaultServer

LONG = f"{AUTOMATIC_MIN.days}d"


@dataclass
class StaticRole:
    vault: VaultServer
    postgres: PostgresServer
    name: str

    @property
    def mount(self) -> str:
        return f"database-{self.name}"

    def set_up(self) -> None:
        """As the infrastructure does it; Vault replaces the password when the role is made."""
        self.postgres.run(f"create role \"{self.name}\" login password 'set by a person'")
        vault, at = self.vault, f"{self.postgres.host}:{self.postgres.port}"
        vault.api("POST", f"sys/mounts/{self.mount}", {"type": "database"})
        config = {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": [self.name],
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{at}/postgres",
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }
        vault.api("POST", f"{self.mount}/config/postgres", config)
        self.set(LONG)

    def set(self, period: str) -> None:
        body = {"db_name": "postgres", "username": self.name, "rotation_period": period}
        self.vault.api("POST", f"{self.mount}/static-roles/{self.name}", body)

    def accepts(self, fields: Fields) -> bool:
        password = fields.secret["password"].reveal()
        try:
            self.postgres.connect(fields.public["username"], password).close()
        except psycopg.OperationalError:
            return False
        return True

    def replacements(self) -> list[str]:
        """What Vault's audit log has of requests that replaced the password."""
        path = f"{self.mount}/rotate-role/{self.name}"
        return [r["request"]["id"] for r in self.vault.requests() if r["request"]["path"] == path]

    def rotated(self) -> str:
        data = self.vault.api("GET", f"{self.mount}/static-creds/{self.name}")["data"]
        return data["last_vault_rotation"]


@pytest.fixture
def role(vault: VaultServer, postgres: PostgresServer, fresh_name: str) -> Iterator[StaticRole]:
    role = StaticRole(vault, postgres, fresh_name)
    role.set_up()
    yield role
    vault.api("DELETE", f"sys/mounts/{role.mount}")  # gives its connections back
