"""Every plan, lived through the command line on the stack's Vault half in a real Vault."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from click.testing import CliRunner

from providers.vault.clients import VaultConnection
from providers.vault.testing.server import Refused, VaultServer
from rotation.cli.app import program
from rotation.config import load
from rotation.interfaces import Scope
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet
from tests.infra.account import as_file
from tests.infra.stack import Stack, up
from tests.infra.vault_calls import METHODS, Call, asked, granted
from tests.infra.vault_made import MadeVault, SeenVault
from tests.infra.vault_secrets import (
    CONFIGURATION,
    IN_PLACE,
    ISSUERS,
    LOGINS,
    PROBES,
    SECRET,
    SUSPENDS,
)
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD, postgres_server
from tests.real.vault_server import running
from tests.support.postgres import EMERGENCY, RUNNER, Database, prepared

A_PERSON = {"no_default_policy": False}
"""A token as a sign-in gives it."""

GIVE = "#!/bin/sh\nexec cat >/dev/null\n"


class Installation:
    """The stack in a real Vault, and the runner's own file."""

    def __init__(self, directory: Path, server: VaultServer, database: Database) -> None:
        self.directory, self.server, self.database = directory, server, database
        self._tokens: dict[str, str] = {}
        directory.chmod(0o700)
        (directory / "commands").mkdir(mode=0o700)
        as_file(directory / "commands", "give", GIVE, 0o700)
        self._prepare_database()
        self.rotation("init", "--journal", str(directory / "journal.db"))
        self._head = (directory / "rotation.yaml").read_text().partition("\n# connections")[0]
        self._apply()

    def _prepare_database(self) -> None:
        """What an operator makes before the stack: the stack never could without a password."""
        self.database.issuer(group="billing")
        postgres = self.database.server
        postgres.run("create role orders login password 'set by a person'")
        at = f"{postgres.host}:{postgres.port}"
        config = {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": ["orders"],
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@{at}/postgres",
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }
        role = {"db_name": "orders", "username": "orders", "rotation_period": "365d"}
        self.server.api("POST", "sys/mounts/database", {"type": "database"})
        self.server.api("POST", "database/config/orders", config)
        self.server.api("POST", "database/static-roles/orders", role)

    def write(self, *, destroy: str = "unattended", login: str = "runner") -> Path:
        head = CONFIGURATION.format(
            head=self._head,
            address=self.server.address,
            cluster=self.server.cluster,
            directory=self.directory,
            database=self.database.options,
            login=LOGINS[login].format(directory=self.directory),
        )
        secrets = (
            SECRET.format(
                id=name,
                application=name.partition("-")[0],
                path=name.replace("-", "/"),
                issuer=issuer,
                probe=PROBES[name.partition("-")[2]],
                seen="refresh: 1s" if "uses" in issuer else "confirms: true",
                destroy=destroy,
            )
            for name, issuer in ISSUERS.items()
        )
        return as_file(self.directory, "rotation.yaml", head + "".join(secrets))

    def up(self, cloud: SeenVault) -> Stack:
        settings = {
            "environment": "production",
            "runnerCidrs": '["127.0.0.0/8"]',
            "auditFile": str(self.directory / "audit.log"),
        }
        return up(self.write(), settings, cloud)

    def _apply(self) -> None:
        self.stack = self.up(MadeVault(self.server))
        reply = self.stack.outputs["bindings"]
        as_file(self.directory, "rotation.infra.json", json.dumps(reply))
        self.roles: dict[str, str] = reply["connections"]["vault"]["roles"]
        role = f"auth/approle/role/rotation-{reply['installation']}"
        given = self.server.api("POST", f"{role}/secret-id", {})["data"]["secret_id"]
        as_file(self.directory, "secret-id", given)
        for person in ("operator", "emergency"):
            policy = f"rotation-{reply['installation']}-{person}"
            as_file(self.directory, person, self.server.token(policy, **A_PERSON))

    def rotation(self, *words: str, expected: tuple[int, ...] = (0,)) -> str:
        given = ["-c", str(self.directory / "rotation.yaml"), *words]
        done = CliRunner().invoke(program, given, catch_exceptions=False)
        assert done.exit_code in expected, (words, done.exit_code, done.output)
        return done.output

    @contextmanager
    def connected(self, login: str) -> Iterator[tuple[Scope, VaultConnection]]:
        """What the connection must allow, and the connection, as `doctor` has them."""
        with self.logged_in(login):
            configuration = load(self.directory / "rotation.yaml")
        [scope] = [each for each in compile(configuration) if each.connection == "vault"]
        connection = VaultConnection(
            scope.options, installation=self.installation, clock=SystemClock()
        )
        yield scope, connection
        connection.close()

    def value(self, name: str) -> dict[str, Any]:
        data: dict[str, Any] = self.server.api("GET", f"apps/data/prod/{name.replace('-', '/')}")
        value: dict[str, Any] = data["data"]["data"]
        return value

    def begin(self, name: str) -> None:
        """As a person: made by us, or taken over from a person who made it by hand."""
        with self.logged_in("operator"):
            self.rotation(*self.beginning(name))

    def beginning(self, name: str) -> tuple[str, ...]:
        """The words for it; what a person made by hand is there then."""
        by_hand = self._made_by_hand(name)
        if by_hand is None:
            return "create", name, "--wait"
        body = {"options": {"cas": 0}, "data": by_hand}
        self.server.api("POST", f"apps/data/prod/{name.replace('-', '/')}", body)
        return "adopt", name, "-y"

    @contextmanager
    def logged_in(self, login: str) -> Iterator[None]:
        self.write(login=login)
        try:
            yield
        finally:
            self.write()

    def _made_by_hand(self, name: str) -> dict[str, str] | None:
        if name in {"billing-token", "billing-database"}:
            return None
        if name == "orders-database":
            made = self.server.api("GET", "database/static-creds/orders")["data"]
            return {key: made[key] for key in ("username", "password")}
        role = f"auth/approle/role/{name.partition('-')[0]}"
        role_id = self.server.api("GET", f"{role}/role-id")["data"]["role_id"]
        secret_id = self.server.api("POST", f"{role}/secret-id", {})["data"]["secret_id"]
        return {"role_id": role_id, "secret_id": secret_id}

    @contextmanager
    def used(self, name: str) -> Iterator[None]:
        """By a consumer that logs in now and again with what the store has, and keeps its tokens."""
        if "login" not in name:
            yield
            return
        over = threading.Event()

        def use() -> None:
            while not over.wait(0.3):
                with suppress(Refused):  # an emergency destroys what is still stored
                    self.server.api("POST", "auth/approle/login", self.value(name), token="")

        consumer = threading.Thread(target=use)
        consumer.start()
        try:
            yield
        finally:
            over.set()
            consumer.join()

    def current(self, name: str) -> str:
        """The attempt that made what is current."""
        reply = self.server.api("GET", f"apps/metadata/prod/{name.replace('-', '/')}")["data"]
        mark: str = reply["custom_metadata"]["rotation:current"]
        return re.findall("[0-9a-f]{32}", mark)[0]

    def stream(self, name: str) -> str:
        entry = load(self.directory / "rotation.yaml").secret(name)
        assert entry is not None
        return entry.stream

    def plant(self, name: str, attempt: str) -> str:
        """A value where that attempt stages."""
        path, body = (
            f"{self.stream(name)}/{attempt}",
            {"options": {"cas": 0}, "data": self.value(name)},
        )
        self.server.api("POST", f"rotation-pending/data/{path}", body)
        return path

    @contextmanager
    def planted(self, name: str) -> Iterator[None]:
        path = self.plant(name, "f" * 32)
        yield
        self.server.api("DELETE", f"rotation-pending/metadata/{path}")

    def secret_ids(self, name: str) -> list[str]:
        """Accessors of those that live."""
        if "login" not in name:
            return []
        path = f"auth/approle/role/{name.partition('-')[0]}/secret-id"
        try:
            accessors: list[str] = self.server.api("LIST", path)["data"]["keys"]
        except Refused:  # Vault has no list with nothing in it
            return []
        return accessors

    def policy(self, name: str) -> str:
        """The text of a policy, by the stack's name for it."""
        text: str = self.stack.named("Policy", f"vault-{name}").inputs["policy"]
        return text

    @contextmanager
    def narrowed(self, name: str, text: str) -> Iterator[None]:
        """As if the stack had written another policy there."""
        path = f"sys/policies/acl/{self.stack.named('Policy', f'vault-{name}').inputs['name']}"
        self.server.api("PUT", path, {"policy": text})
        try:
            yield
        finally:
            self.server.api("PUT", path, {"policy": self.policy(name)})

    @contextmanager
    def nobody_takes(self, under: str) -> Iterator[None]:
        """Without that set's token role."""
        path = f"auth/token/roles/{self.roles[under]}"
        role = self.server.api("GET", path)["data"]
        self.server.api("DELETE", path)
        try:
            yield
        finally:
            self.server.api("POST", path, role)

    def token_of(self, under: str) -> str:
        """As the runner gets it, or a person: a login, then the set's token role."""
        login = self.operator if under == PermissionSet.CLAIM else self.log_in()
        made = self.server.api("POST", f"auth/token/create/{self.roles[under]}", {}, token=login)
        return str(made["auth"]["client_token"])

    @property
    def operator(self) -> str:
        return (self.directory / "operator").read_text()

    def log_in(self) -> str:
        """As the runner."""
        login = {"role_id": "runner", "secret_id": (self.directory / "secret-id").read_text()}
        reply = self.server.api("POST", "auth/approle/login", login, token="")
        return str(reply["auth"]["client_token"])

    def refuses(self, under: str, operation: str, path: str) -> bool:
        """Whether Vault denies that set the call."""
        if under not in self._tokens:
            self._tokens[under] = self.token_of(under)
        try:
            self.server.api(METHODS[operation], path, {}, token=self._tokens[under])
        except Refused as refused:
            return refused.status == 403
        return False

    def audited(self) -> int:
        return len((self.directory / "audit.log").read_text().splitlines())

    def calls(self, since: int = 0) -> list[Call]:
        """What was asked with the sets' tokens, by the audit device that the stack declared."""
        lines = (self.directory / "audit.log").read_text().splitlines()[since:]
        holders = {f"rotation-{self.installation}-{under}": under for under in self.roles}
        return list(asked(lines, holders))

    def grants(self) -> Iterator[tuple[str, str, str]]:
        """Set, path, capability, as the stack wrote them."""
        for under in self.roles:
            yield from ((under, *each) for each in granted(self.policy(under)))

    @property
    def installation(self) -> str:
        return str(self.stack.outputs["bindings"]["installation"])


@contextmanager
def installed(directory: Path) -> Iterator[Installation]:
    (own := directory / "runner").mkdir()
    passwords = {name: as_file(own, name, token_urlsafe(12)) for name in (RUNNER, EMERGENCY)}
    with running(directory / "server") as server, postgres_server() as postgres:
        yield Installation(own, server, prepared(postgres, passwords))


def live(made: Installation) -> None:
    """Every plan, of every issuer: the first, a routine one, those that go back, a repair, an
    emergency, and the end."""
    for name in ISSUERS:
        made.begin(name)
        with made.used(name):
            made.rotation("rotate", name, "--wait")
            if name not in IN_PLACE:
                _go_back(made, name)
            if name in SUSPENDS:  # elsewhere what was contained does not come back
                _cancel(made, name)
            _repair(made, name)
            for _ in range(2):  # the second one finds the mark of the first
                made.rotation(
                    "emergency", name, "-y", "--reason", "a drill", expected=(0, 8, 11, 12)
                )
                made.rotation("run", "--wait", expected=(0, 11, 12))
    for name in ISSUERS:
        # Who cannot suspend or remove the one user of a static role leaves its end to a person.
        over = (11, 12) if name in IN_PLACE else (0,)
        made.rotation("retire", name, "--gap", "a drill", "-y", "--wait", expected=over)
        if name in IN_PLACE:
            made.rotation("abandon", name, "-y")


def _go_back(made: Installation, name: str) -> None:
    """After the promotion, and before it."""
    made.write(destroy="by-hand")
    made.rotation("rotate", name, "--wait", expected=(11,))
    made.rotation("rollback", name, "-y", "--wait")
    made.write()
    made.rotation("freeze", "--reason", "a drill")
    made.rotation("rotate", name, expected=(0, 8, 12))
    with made.planted(name):  # which of two was staged last is in their metadata
        made.rotation("doctor", name, "--login", expected=(0, 1, 11, 12))
    made.rotation("rollback", name, "-y", "--wait")
    made.rotation("freeze", "--lift")


def _cancel(made: Installation, name: str) -> None:
    """An emergency that was none, and got no further than the containment."""
    with made.nobody_takes("mint"):
        made.rotation("emergency", name, "-y", "--reason", "a drill", expected=(12,))
    made.rotation("emergency", "cancel", name, "-y", expected=(0, 11))


def _repair(made: Installation, name: str) -> None:
    """A staged copy of what is current, as a rotation that was cut short leaves it."""
    made.plant(name, made.current(name))
    made.rotation("doctor", name, "--login", "--repair", "-y")
