"""A stack in a real Vault, brought up by Pulumi's own engine."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from providers.vault.testing.server import VaultServer
from rotation.cli.app import program
from tests.infra.account import as_file
from tests.infra.engine import Engine, missing
from tests.real.vault_server import running

MISSING = missing()
HEAD = """
{own}
bindings: rotation.infra.json
connections:
  safe:
    type: vault
    address: {server.address}
    cluster: {server.cluster}
    auth_mount: machines
    {login}
secrets:
"""


LOGINS = {
    "runner": "role: runner\n    login_file: {directory}/secret-id",
    "operator": "auth: token\n    login_file: {directory}/operator",
}


SECRET = """
  - id: {id}
    {more}
    application: {application}
    environment: staging
    owner: team
    class: development
    store: {{type: vault-kv2, connection: safe, mount: teams/web, path: {application}/{path}}}
    issuer: {issuer}
    {probe}
    consumers: [{{id: app, type: store-reader, refresh: 1s, accept_elapsed: true}}]
    destroy: unattended
"""


TOKEN = "{type: generated, kind: token, prefix: web_, unverified: true}"
LOGIN = "{type: vault-approle, connection: safe, mount: apps, role: shop, uses: 100000}"
PROBE = "probe: {type: vault-login, connection: safe, mount: apps}"


def token(more: str = "state: active") -> str:
    return SECRET.format(
        id="cart-token", more=more, application="cart", path="token", issuer=TOKEN, probe=""
    )


def login(more: str = "state: active") -> str:
    return SECRET.format(
        id="shop-login", more=more, application="shop", path="login", issuer=LOGIN, probe=PROBE
    )


@dataclass
class Team:
    """Who owns the file, the stack and the runner."""

    directory: Path
    server: VaultServer
    engine: Engine

    def __post_init__(self) -> None:
        self.rotation("init", "--journal", str(self.directory / "journal.db"))
        written = (self.directory / "rotation.yaml").read_text()
        self._own = written.partition("\n# connections")[0]
        self._login = "rotation-" + re.findall("[0-9a-f]{12}", written)[0]

    def writes(self, *secrets: str, login: str = "runner") -> None:
        head = HEAD.format(
            own=self._own,
            server=self.server,
            login=LOGINS[login].format(directory=self.directory),
        )
        as_file(self.directory, "rotation.yaml", head + "".join(secrets))

    def takes_over(self) -> None:
        """What a person does once, after the first `up`."""
        as_file(self.directory, "rotation.infra.json", json.dumps(self.engine.bindings))
        path = f"auth/machines/role/{self._login}/secret-id"
        given = self.server.api("POST", path, {})["data"]["secret_id"]
        as_file(self.directory, "secret-id", given)
        operator = self.server.token(f"{self._login}-operator", no_default_policy=False)
        as_file(self.directory, "operator", operator)

    def rotation(self, *words: str) -> str:
        given = ["-c", str(self.directory / "rotation.yaml"), *words]
        done = CliRunner().invoke(program, given, catch_exceptions=False)
        assert done.exit_code == 0, f"{words}: {done.exit_code}\n{done.output}"
        return done.output

    def value(self, path: str) -> dict[str, str]:
        data = self.server.api("GET", f"teams/web/data/{path}")["data"]["data"]
        return {str(name): str(text) for name, text in data.items()}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    for name in ("own", "stack"):
        (tmp_path / name).mkdir(mode=0o700)
    with running(tmp_path / "server") as server:
        surroundings = {"VAULT_TOKEN": server.root, "VAULT_ADDR": server.address}
        engine = Engine(tmp_path / "stack", surroundings)
        made = Team(tmp_path / "own", server, engine)
        made.writes(token(), login())
        engine.begin(
            configuration=str(made.directory / "rotation.yaml"),
            environment="staging",
            auditFile=str(tmp_path / "declared.log"),
        )
        yield made
