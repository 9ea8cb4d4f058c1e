"""`pulumi preview` and `pulumi up` as a person types them: the real engine, a real Vault, and rotations
between one `up` and the next. Where the provider's plugin is missing, a stand-in makes its calls."""

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
from tests.infra.engine import STACK, Engine, missing
from tests.real.vault_server import running

MISSING = missing()
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(1800),
]

LIMITS = ("--policy-pack", "infra/pack")

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


BOTH = (token, login)


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


def created(told: str) -> int:
    return int(re.findall(r"\+ (\d+) (?:to create|created)", told)[-1])


def test_from_the_first_preview_to_the_last_line(team: Team) -> None:
    engine = team.engine
    previewed = created(engine.preview(*LIMITS))
    assert created(engine.up(*LIMITS)) == previewed > 30
    engine.up("--expect-no-changes", *LIMITS)

    team.takes_over()
    secret_id = team.server.api("POST", "auth/apps/role/shop/secret-id", {})["data"]["secret_id"]
    role_id = team.server.api("GET", "auth/apps/role/shop/role-id")["data"]["role_id"]
    by_hand = {"data": {"role_id": role_id, "secret_id": secret_id}, "options": {"cas": 0}}
    team.server.api("POST", "teams/web/data/shop/login", by_hand)
    team.writes(token(), login(), login="operator")
    team.rotation("create", "cart-token", "--wait")
    team.rotation("adopt", "shop-login", "-y")
    team.writes(token(), login())
    values = {text for path in ("cart/token", "shop/login") for text in team.value(path).values()}
    team.rotation("rotate", "cart-token", "shop-login", "--wait")
    engine.up("--expect-no-changes", *LIMITS)

    values |= {text for path in ("cart/token", "shop/login") for text in team.value(path).values()}
    values -= {role_id}  # public
    given = (team.directory / "secret-id").read_text()
    state = engine.state
    assert not [text for text in (*values, given, team.server.root) if text in state]


@pytest.mark.parametrize("goes", ["cart-token", "shop-login"])
def test_a_secret_leaves_by_retire_alone(team: Team, goes: str) -> None:
    engine = team.engine
    engine.up()
    left = [each for each in (token(), login()) if f"id: {goes}" not in each]
    retired = [each() if f"id: {goes}" not in each() else each("state: retired") for each in BOTH]
    team.writes(*left)
    assert re.search(f"{goes}.*cannot be deleted", engine.preview(fails=True))
    team.writes(*retired)
    engine.up()
    team.writes(*left)
    engine.up()
    assert "teams/web/" in team.server.api("GET", "sys/mounts")["data"]


def test_so_does_the_last(team: Team) -> None:
    engine = team.engine
    engine.up()
    team.writes(*(each("state: retired") for each in BOTH))
    engine.up()
    team.writes("  []\n")
    engine.up()
    engine.up("--expect-no-changes")
    assert "teams/web/" in team.server.api("GET", "sys/mounts")["data"]


def test_a_new_name_replaces_nothing(team: Team) -> None:
    engine = team.engine
    engine.up()
    renamed = [token().replace("id: cart-token", "id: basket-token\n    was: cart-token")]
    renamed += [login().replace("id: shop-login", "id: market-login\n    was: shop-login")]
    team.writes(*renamed)
    engine.up("--expect-no-changes")


def test_what_exists_is_taken_in_as_it_is(team: Team) -> None:
    mount = {"type": "kv", "options": {"version": "2"}, "description": "made by hand"}
    team.server.api("POST", "sys/mounts/teams/web", mount)
    team.engine.does("config", "set", "--path", "adopt[0]", "teams/web", "--stack", STACK)
    team.engine.up()
    team.engine.up("--expect-no-changes")
    there = team.server.api("GET", "sys/mounts")["data"]["teams/web/"]
    assert there["description"] == "made by hand"


def test_a_mount_that_is_there_is_never_half_an_apply(team: Team) -> None:
    team.server.api("POST", "sys/mounts/teams/web", {"type": "kv", "options": {"version": "2"}})
    told = team.engine.up(fails=True)
    assert "mount teams/web exists already" in told
    assert "made by rotation" not in json.dumps(team.server.api("GET", "sys/mounts"))


MOMENTS = {
    "vault:index/mount:|vault:index/a|vault:identity/entity:": "vault:identity/entity:Entity",
    "vault:identity/entityAlias:": "vault:identity/entityAlias:EntityAlias",
}
"""What is being made when a run dies -> one of those that have to be taken in."""


@pytest.mark.parametrize("during", MOMENTS)
def test_a_run_that_was_killed_goes_on(team: Team, during: str) -> None:
    engine = team.engine
    team.server.mount_kv("theirs")
    theirs = team.server.api("GET", "sys/mounts")["data"]["theirs/"]
    engine.killed(during)
    assert f"taken in: {MOMENTS[during]}" in engine.goes_on()
    engine.up()
    engine.up("--expect-no-changes")
    assert team.server.api("GET", "sys/mounts")["data"]["theirs/"] == theirs
