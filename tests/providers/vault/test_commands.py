"""The commands that are installed, as processes, on a configuration that names Vault alone."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.vault_server import VaultServer

MAIN = "from rotation.cli import main; main()"


@dataclass
class Installation:
    root: Path
    vault: VaultServer
    name: str
    mount: str
    staging: str

    def __post_init__(self) -> None:
        self.root.mkdir(mode=0o700)
        self.file = self.root / "rotation.yaml"
        self.path = f"auth/{self.name}/role/billing"
        self.vault.api("POST", f"sys/auth/{self.name}", {"type": "approle"})
        self.vault.api("POST", self.path, {"token_ttl": "5m"})
        self.succeeds("init", "--journal", str(self.root / "journal" / "journal.db"))
        (self.root / "token").write_text(self.vault.root)
        self.file.write_text(f"{self.file.read_text()}{self.configuration()}")

    def configuration(self) -> str:
        return f"""
connections:
  vault:
    type: vault
    address: {self.vault.address}
    cluster: {self.vault.cluster}
    auth: token
    login_file: {self.root / "token"}
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
secrets:
  - id: billing
    application: billing
    environment: test
    owner: team
    class: quick
    store: {{type: vault-kv2, connection: vault, mount: {self.mount}, path: billing, staging: {self.staging}}}
    issuer: {{type: vault-approle, connection: vault, mount: {self.name}, role: billing}}
    probe: {{type: vault-login, connection: vault, mount: {self.name}}}
    consumers:
      - {{id: reader, type: store-reader, refresh: 1s, accept_elapsed: true}}
"""

    def rotation(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [sys.executable, "-c", MAIN, "-c", str(self.file), *words],
            capture_output=True, text=True, check=False, timeout=50, env=environment,
        )  # fmt: skip

    def succeeds(self, *words: str) -> str:
        done = self.rotation(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def current(self) -> dict[str, str]:
        return self.vault.api("GET", f"{self.mount}/data/billing")["data"]["data"]

    def is_let_in(self) -> bool:
        body = {name: self.current()[name] for name in ("role_id", "secret_id")}
        return "auth" in self.vault.api("POST", f"auth/{self.name}/login", body, token="")


@pytest.fixture
def installation(vault: VaultServer, mounts, fresh_name: str, tmp_path: Path) -> Installation:
    return Installation(tmp_path / "installation", vault, f"approle-{fresh_name}", *mounts)


def test_the_first_credential_of_an_empty_path(installation: Installation):
    installation.succeeds("config", "check")
    installation.succeeds("create", "billing", "--wait")
    assert installation.is_let_in()
    assert "healthy" in installation.succeeds("doctor", "billing")


def test_a_secret_that_is_in_use_is_adopted_and_rotated(installation: Installation):
    vault = installation.vault
    role_id = vault.api("GET", f"{installation.path}/role-id")["data"]["role_id"]
    secret_id = vault.api("POST", f"{installation.path}/secret-id")["data"]["secret_id"]
    value = {"role_id": role_id, "secret_id": secret_id, "note": "somebody else's"}
    body = {"options": {"cas": 0}, "data": value}
    vault.api("POST", f"{installation.mount}/data/billing", body)
    installation.succeeds("adopt", "billing", "--yes", "--wait")
    # Where the issuer cannot suspend, a person lets the old one go: that is exit 11.
    assert installation.rotation("rotate", "billing").returncode == 11
    new = installation.current()
    assert new["secret_id"] != secret_id
    assert new["note"] == "somebody else's"
    assert installation.is_let_in()
    reply = json.loads(installation.rotation("status", "billing", "-o", "json").stdout)
    assert secret_id not in json.dumps(reply)
    assert new["secret_id"] not in json.dumps(reply)


def test_a_lockout_is_a_caution_and_no_fault(installation: Installation):
    installation.succeeds("create", "billing", "--wait")
    reply = installation.succeeds("doctor", "billing")
    assert "! billing, in an emergency: Vault's user lockout is on" in reply
    assert (
        f"next: let an operator say `vault auth tune -user-lockout-disable=true {installation.name}/`"
        in " ".join(reply.split())
    )
    [caution] = [
        check
        for check in json.loads(installation.succeeds("doctor", "billing", "-o", "json"))["checks"]
        if check["code"] == "vault.user-lockout"
    ]
    assert caution["ok"] is True
    body = {"user_lockout_config": {"lockout_disable": True}}
    installation.vault.api("POST", f"sys/auth/{installation.name}/tune", body)
    assert "in an emergency" not in installation.succeeds("doctor", "billing")


def test_policies_are_printed_for_what_is_configured(installation: Installation):
    text = installation.succeeds("policy", "vault")
    assert f"{installation.mount}/data/billing" in text
    assert f"{installation.staging}/data/vault-approle-" in text


@pytest.mark.usefixtures("lone_vault")
def test_a_sealed_vault_is_told_as_one(installation: Installation):
    installation.vault.seal()
    try:
        done = installation.rotation("doctor", "billing")
    finally:
        installation.vault.unseal()
    assert done.returncode != 0
    assert "because Vault is sealed" in done.stdout + done.stderr
