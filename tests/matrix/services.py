"""Every service that a side of the matrix is made of, started where a cell asks for it."""

import secrets
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from benchmarks.fleet import Clock
from providers.aws.clients import AwsConnection
from providers.aws.testing import StrictControl
from providers.aws.testing.server import StrictAws
from providers.http.testing.acme import Acme
from providers.vault.clients import VaultConnection
from tests.matrix import aws, http, vault
from tests.matrix.generated import GeneratedTokens
from tests.matrix.postgres import OneInPlace, PairOfLogins, UniqueLogins
from tests.matrix.sides import IssuerSide, StoreSide
from tests.matrix.world import Pair
from tests.real.postgres_server import postgres_server
from tests.real.vault_server import VaultServer, running
from tests.support.postgres import EMERGENCY, RUNNER, Database, prepared


class Services:
    """Every service that a side is made of. durable: Vault and PostgreSQL write to the disk before they
    answer and a login costs what it does in production, which no test needs."""

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        self._directory = directory
        self._durable = durable
        self._exits = ExitStack()
        self.clock = Clock()

    def close(self) -> None:
        self._exits.close()

    @cached_property
    def _aws(self) -> tuple[StrictAws, AwsConnection]:
        strict = self._exits.enter_context(StrictAws())
        self.clock.control = strict.control
        connection = aws.connect(strict.control, self._directory, self.clock)
        self._exits.callback(connection.close)
        return strict, connection

    @property
    def control(self) -> StrictControl:
        return self._aws[0].control

    @cached_property
    def _vault(self) -> tuple[VaultServer, VaultConnection]:
        storage = "raft" if self._durable else "inmem"
        server = self._exits.enter_context(running(self._directory, storage))
        vault.prepare(server)
        connection = vault.connect(server, self._directory, self.clock)
        self._exits.callback(connection.close)
        return server, connection

    @cached_property
    def database(self) -> Database:
        passwords = {name: self._directory / name for name in (RUNNER, EMERGENCY)}
        for file in passwords.values():
            file.write_text(f"{secrets.token_urlsafe(12)}\n")
        server = self._exits.enter_context(postgres_server())
        if self._durable:
            server.run("alter system set fsync = on")
            server.run("alter system set scram_iterations = 4096")
            server.run("select pg_reload_conf()")
        return prepared(server, passwords)

    @cached_property
    def _vendor(self) -> Acme:
        return self._exits.enter_context(Acme())

    @cached_property
    def static_roles(self) -> vault.StaticRoles:
        """Refused where this Vault has no database engine."""
        vault.mount_databases(self._vault[0], self.database.server)
        return vault.StaticRoles(*self._vault, self.database)

    def issuer(self, name: str) -> IssuerSide:
        match name:
            case "aws-iam-access-key":
                strict, connection = self._aws
                return aws.AccessKeys(strict.control, connection)
            case "postgres-login, unique":
                return UniqueLogins(self.database)
            case "postgres-login, pair":
                return PairOfLogins(self.database)
            case "vault-approle":
                return vault.SecretIds(*self._vault)
            case "postgres-login, in place":
                return OneInPlace(self.database)
            case "vault-static-role":
                return self.static_roles
            case "http-api, H1" | "http-api, H2":
                connection = http.connect(self._vendor, self._directory, self.clock)
                return http.ApiKeys(self._vendor, connection, repeats=name.endswith("H1"))
            case _:
                return GeneratedTokens()

    def store(self, name: str) -> StoreSide:
        if name == "vault-kv2":
            return vault.KeyValues(*self._vault)
        strict, connection = self._aws
        return aws.SecretsManager(strict.control, connection)

    def pair(self, issuer: str, store: str) -> Pair:
        side = self.issuer(issuer)
        made = Pair(side, self.store(store), self.clock)
        if isinstance(side, GeneratedTokens):
            side.attach(made)
        return made


ISSUERS = (
    "aws-iam-access-key",
    "postgres-login, unique",
    "postgres-login, pair",
    "vault-approle",
    "http-api, H1",
    "http-api, H2",
    "generated",
)


IN_PLACE = ("postgres-login, in place", "vault-static-role")
"""One credential, and what follows it ends it: readers cannot be spared a gap."""


STORES = ("aws-secrets-manager", "vault-kv2")
