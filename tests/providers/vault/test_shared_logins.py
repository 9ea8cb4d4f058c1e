"""Entries that have one database user between them, by different ways: told before anything is
made, on a real Vault and a real PostgreSQL."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.real.postgres_server import PostgresServer, postgres_server
from tests.support.static_roles import LONG, StaticRole, role

__all__ = ["role"]
MAIN = "from rotation.cli import main; main()"
RUNNER, RUNNER_PASSWORD = "runner_1", "EXAMPLE-of-the-tests"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """Of its own, for it is set up as a whole: the roles of the set-up are the server's."""
    with postgres_server() as server:
        yield server


class Installation:
    """Entries whose values lie in KV version 2, each at a path of its own name."""

    def __init__(self, root: Path, role: StaticRole, mounts: tuple[str, str]) -> None:
        self.root, self.role = root, role
        self.vault, self.server = role.vault, role.postgres
        self.mount, self.staging = mounts
        self.file = root / "rotation.yaml"
        (root / "token").write_text(self.vault.root)
        (root / "password").write_text(RUNNER_PASSWORD)
        self.succeeds("init", "--journal", str(root / "journal" / "journal.db"))
        self.head = self.file.read_text() + self.connections()
        self.entries: dict[str, str] = {}

    def connections(self) -> str:
        return f"""
connections:
  vault:
    type: vault
    address: {self.vault.address}
    cluster: {self.vault.cluster}
    auth: token
    login_file: {self.root / "token"}
  pg: {self.server_as("127.0.0.1")}
  same: {self.server_as("localhost")}
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
secrets:
"""

    def server_as(self, host: str) -> str:
        return (
            f"{{type: postgres, host: {host}, port: {self.server.port}, database: postgres, "
            f'system_identifier: "{self.server.system_identifier}", user: {RUNNER}, '
            f"password_file: {self.root / 'password'}}}"
        )

    def has(self, name: str, issuer: str, value: dict[str, str], connection: str = "pg") -> None:
        path = f"{self.mount}/data/{name}"
        self.vault.api("POST", path, {"options": {"cas": 0}, "data": value})
        user = f", user: {value['username']}" if "in_place: true, user" in issuer else ""
        fields = "" if not user else "\n    fields: {password: password}"
        self.entries[name] = f"""
  - id: {name}
    application: {name}
    environment: test
    owner: team
    class: quick
    store: {{type: vault-kv2, connection: vault, mount: {self.mount}, path: {name}, staging: {self.staging}}}
    issuer: {issuer}{fields}
    probe: {{type: postgres-login, connection: {connection}, query: "select 1"{user}}}
    consumers:
      - {{id: reader, type: store-reader, refresh: 1s, accept_elapsed: true}}
"""
        self.write()

    def write(self) -> None:
        self.file.write_text(self.head + "".join(self.entries.values()))

    def without(self, name: str) -> None:
        del self.entries[name]
        self.write()

    def static(self, name: str, connection: str = "pg", mount: str | None = None) -> None:
        """A static role that is there, and what Vault has of it."""
        mount = mount or self.role.mount
        creds = self.vault.api("GET", f"{mount}/static-creds/{name}")["data"]
        value = {key: creds[key] for key in ("username", "password")}
        issuer = "vault-database-static, connection: vault"
        issuer = f"{{type: {issuer}, mount: {mount}, role: {name}, in_place: true}}"
        self.has(name, issuer, value, connection)

    def in_place(self, name: str) -> None:
        """The same user, by the server itself."""
        creds = self.vault.api("GET", f"{self.role.mount}/static-creds/{self.role.name}")["data"]
        user = self.role.name
        issuer = f"{{type: postgres-login, connection: pg, in_place: true, user: {user}}}"
        self.has(name, issuer, {"username": user, "password": creds["password"]})
        self.set_up()

    def group(self, group: str, login: str, password: str) -> None:
        issuer = f"{{type: postgres-login, connection: pg, group: {group}}}"
        self.has(group, issuer, {"username": login, "password": password})
        self.set_up()

    def set_up(self) -> None:
        printed = self.succeeds("policy", "postgres", "--connection", "pg")
        self.server.run("\n".join(x for x in printed.splitlines() if not x.startswith("\\")))
        self.server.run(f"alter role {RUNNER} password '{RUNNER_PASSWORD}'")

    def rotation(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [sys.executable, "-c", MAIN, "-c", str(self.file), *words],
            capture_output=True, text=True, check=False, timeout=60, env=environment,
        )  # fmt: skip

    def succeeds(self, *words: str) -> str:
        done = self.rotation(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def adopts(self, name: str) -> None:
        self.succeeds("adopt", name, "--yes", "--wait")

    def is_held(self, *words: str, beside: str) -> None:
        done = self.rotation(*words)
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 11, said
        assert "held.shared-login" in said
        assert f"{beside} logs in as the same user" in said

    def value(self, name: str) -> dict[str, str]:
        return self.vault.api("GET", f"{self.mount}/data/{name}")["data"]["data"]

    def is_let_in(self, name: str) -> bool:
        value = self.value(name)
        try:
            self.server.connect(value["username"], value["password"]).close()
        except psycopg.OperationalError:
            return False
        return True

    def another_role(self, name: str) -> None:
        """Of the same user; to make it replaces the password."""
        body = {"db_name": "postgres", "username": self.role.name, "rotation_period": LONG}
        config = f"{self.role.mount}/config/postgres"
        self.vault.api("POST", config, {"allowed_roles": "*"})
        self.vault.api("POST", f"{self.role.mount}/static-roles/{name}", body)


@pytest.fixture
def at(tmp_path: Path, role: StaticRole, mounts: tuple[str, str]) -> Installation:
    root = tmp_path / "installation"
    root.mkdir(mode=0o700)
    return Installation(root, role, mounts)


def test_two_static_roles_of_one_user(at: Installation):
    at.static(at.role.name)
    at.adopts(at.role.name)
    at.another_role("second")
    at.static("second")
    at.succeeds("config", "check")  # no file says it
    at.is_held("adopt", "second", "--yes", "--wait", beside=at.role.name)
    assert "held.shared-login" in at.rotation("reconcile", "second").stdout


@pytest.mark.parametrize("probed_at", ["pg", "same"])
def test_a_static_role_and_an_entry_of_the_server_itself(at: Installation, probed_at: str):
    """Whichever is first, and by whatever name the server is reached."""
    at.static(at.role.name, probed_at)
    at.adopts(at.role.name)
    at.in_place("mail")
    at.succeeds("config", "check")
    before = at.role.rotated()
    at.is_held("adopt", "mail", "--yes", "--wait", beside=at.role.name)
    at.is_held("rotate", at.role.name, "--wait", beside="mail")
    assert at.role.rotated() == before
    assert at.is_let_in(at.role.name)
    assert at.is_let_in("mail")


def test_one_of_them_goes_and_the_other_goes_on(at: Installation):
    at.static(at.role.name)
    at.adopts(at.role.name)
    at.in_place("mail")
    at.is_held("rotate", at.role.name, "--wait", beside="mail")
    at.without("mail")
    at.succeeds("resume", at.role.name, "--wait")
    assert at.is_let_in(at.role.name)
    assert "held.shared-login" not in at.rotation("doctor", at.role.name).stdout


def test_a_login_that_is_in_two_groups(at: Installation):
    """Each would switch it off when its own successor is there."""
    name = at.role.name.replace("-", "_")
    groups, login = (f"{name}_orders", f"{name}_audit"), f"{name}_old"
    for group in groups:
        at.server.run(f"create role {group} nologin")
    at.server.run(f"create role {login} login password 'EXAMPLE' in role {', '.join(groups)}")
    at.group(groups[0], login, "EXAMPLE")
    at.adopts(groups[0])
    at.group(groups[1], login, "EXAMPLE")
    at.is_held("adopt", groups[1], "--yes", "--wait", beside=groups[0])


def test_it_is_no_false_alarm_to_adopt_twice_or_by_two_runners(at: Installation):
    at.static(at.role.name)
    at.adopts(at.role.name)
    at.adopts(at.role.name)
    at.succeeds("rotate", at.role.name, "--wait")
    at.succeeds("rotate", at.role.name, "--wait", "--here")
    assert at.is_let_in(at.role.name)


def test_who_is_a_member_of_a_group_beside_its_logins_is_nobody_elses(at: Installation):
    """It is listed, and never worked on: an entry of its own may have it."""
    group = f"{at.role.name}_group".replace("-", "_")
    at.server.run(f'create role {group} nologin; grant {group} to "{at.role.name}"')
    at.server.run(f"create role {group}_old login password 'EXAMPLE' in role {group}")
    at.group(group, f"{group}_old", "EXAMPLE")
    at.adopts(group)
    at.static(at.role.name)
    at.adopts(at.role.name)
    at.succeeds("rotate", at.role.name, "--wait")


def test_it_is_recorded_by_names_and_without_a_secret(at: Installation):
    at.static(at.role.name)
    at.adopts(at.role.name)
    text = at.succeeds("journal", "export")
    [found] = [
        entry["facts"]["logins"]
        for entry in map(json.loads, text.splitlines())
        if entry.get("facts", {}).get("logins")
    ][:1]
    assert found == [
        f"postgres/{at.server.system_identifier}/{at.role.name}",
        f"vault-database/{at.vault.cluster}/{at.role.mount}/postgres/{at.role.name}",
    ]
