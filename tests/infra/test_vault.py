"""The stack's Vault half, made in a real Vault: rotations under the declared login and token roles
alone, and the same calls elsewhere refused."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pulumi.runtime import mocks

from providers.vault.testing.server import Refused, VaultServer
from rotation.cli.app import program
from rotation.types import PermissionSet
from tests.infra.account import as_file
from tests.infra.stack import Cloud, up
from tests.real.vault_server import running

pytestmark = pytest.mark.timeout(300)

CONFIGURATION = """
{head}
bindings: rotation.infra.json
commands: commands
connections:
  vault:
    type: vault
    address: {address}
    cluster: {cluster}
    role: runner
    login_file: {directory}/secret-id
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
secrets:
  - id: billing-token
    application: billing
    environment: production
    owner: team
    class: quick
    store: {{type: vault-kv2, connection: vault, mount: apps, path: prod/billing/token}}
    issuer: {{type: generated, kind: token, prefix: bil_, unverified: true}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
    destroy: unattended
  - id: billing-login
    application: billing
    environment: production
    owner: team
    class: quick
    store: {{type: vault-kv2, connection: vault, mount: apps, path: prod/billing/login}}
    issuer: {{type: vault-approle, connection: vault, role: billing}}
    probe: {{type: vault-login, connection: vault}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
    destroy: unattended
"""

NAMES = ("billing-token", "billing-login")


class MadeVault(Cloud):
    """Mocks whose mounts, policies and roles really exist afterwards."""

    def __init__(self, server: VaultServer) -> None:
        super().__init__()
        self._server = server

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        name, state = super().new_resource(args)
        make = getattr(self, "_" + args.typ.rpartition("/")[2].partition(":")[0].lower(), None)
        if args.typ.startswith("vault:tokenauth"):
            self._tokenrole(args.inputs)
        elif args.custom and make is not None:
            make(args.inputs)
        return name, state

    def _mount(self, given: Mapping[str, Any]) -> None:
        self._server.mount_kv(given["path"])

    def _secretbackendv2(self, given: Mapping[str, Any]) -> None:
        body = {"cas_required": given["casRequired"], "max_versions": int(given["maxVersions"])}
        self._server.api("POST", f"{given['mount']}/config", body)

    def _policy(self, given: Mapping[str, Any]) -> None:
        self._server.api("PUT", f"sys/policies/acl/{given['name']}", {"policy": given["policy"]})

    def _authbackend(self, given: Mapping[str, Any]) -> None:
        self._server.api("POST", f"sys/auth/{given['path']}", {"type": given["type"]})

    def _authbackendrole(self, given: Mapping[str, Any]) -> None:
        path = f"auth/{given['backend']}/role/{given['roleName']}"
        self._server.api("POST", path, _snake(given, "backend", "roleName", "roleId"))
        if "roleId" in given:
            self._server.api("POST", f"{path}/role-id", {"role_id": given["roleId"]})

    def _tokenrole(self, given: Mapping[str, Any]) -> None:
        path = f"auth/token/roles/{given['roleName']}"
        self._server.api("POST", path, _snake(given, "roleName"))


def _snake(given: Mapping[str, Any], *without: str) -> dict[str, Any]:
    """As Vault calls it; whole numbers as such."""
    return {
        re.sub("[A-Z]", lambda m: "_" + m[0].lower(), key): int(v) if isinstance(v, float) else v
        for key, v in given.items()
        if key not in without
    }


class Installation:
    """The stack in a real Vault, and the runner's own file."""

    def __init__(self, directory: Path, server: VaultServer) -> None:
        self.directory, self.server = directory, server
        directory.chmod(0o700)
        (directory / "commands").mkdir(mode=0o700)
        as_file(directory / "commands", "give", "#!/bin/sh\nexec cat >/dev/null\n", 0o700)
        self.rotation("init", "--journal", str(directory / "journal.db"))
        head = (directory / "rotation.yaml").read_text().partition("\n# connections")[0]
        text = CONFIGURATION.format(
            head=head, address=server.address, cluster=server.cluster, directory=directory
        )
        file = as_file(directory, "rotation.yaml", text)
        settings = {"environment": "production", "runnerCidrs": '["127.0.0.0/8"]'}
        self.stack = up(file, settings, MadeVault(server))
        as_file(directory, "rotation.infra.json", json.dumps(self.stack.outputs["bindings"]))
        role = next(r for r in self.stack.of("AuthBackendRole") if "roleId" in r.inputs)
        path = f"auth/approle/role/{role.inputs['roleName']}/secret-id"
        given = server.api("POST", path, {})["data"]["secret_id"]
        as_file(directory, "secret-id", given)

    def rotation(self, *words: str, expected: tuple[int, ...] = (0,)) -> str:
        given = ["-c", str(self.directory / "rotation.yaml"), *words]
        done = CliRunner().invoke(program, given, catch_exceptions=False)
        assert done.exit_code in expected, (words, done.exit_code, done.output)
        return done.output

    def value(self, name: str) -> dict[str, Any]:
        path = f"apps/data/prod/billing/{name.partition('-')[2]}"
        data: dict[str, Any] = self.server.api("GET", path)["data"]
        return data["data"]

    def token_of(self, under: str) -> str:
        """As the runner gets it: a login, then the set's token role."""
        login = {"role_id": "runner", "secret_id": (self.directory / "secret-id").read_text()}
        told = self.server.api("POST", "auth/approle/login", login, token="")
        role = self.stack.outputs["bindings"]["connections"]["vault"]["roles"][under]
        made = self.server.api(
            "POST", f"auth/token/create/{role}", {}, token=told["auth"]["client_token"]
        )
        return str(made["auth"]["client_token"])

    def refuses(self, under: str, method: str, path: str) -> bool:
        try:
            self.server.api(method, path, {"data": {}}, token=self.token_of(under))
        except Refused as refused:
            return refused.status == 403
        return False


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("vault")) as server:
        made = Installation(tmp_path_factory.mktemp("enforced"), server)
        for name in NAMES:
            made.rotation("create", name, "--wait")
        yield made


@pytest.mark.parametrize("name", NAMES)
def test_rotations_run_under_the_declared_roles_alone(lived: Installation, name: str) -> None:
    before = lived.value(name)
    lived.rotation("rotate", name, "--wait")
    after = lived.value(name)
    assert after != before
    lived.rotation("emergency", name, "-y", "--reason", "a drill", expected=(0, 8, 11))
    lived.rotation("run", "--wait", expected=(0, 11))
    assert lived.value(name) not in (before, after)


def test_doctor_finds_nothing_missing(lived: Installation) -> None:
    told = json.loads(lived.rotation("doctor", "-o", "json", expected=(0, 1)))
    assert not [c for c in told["checks"] if c["code"] == "doctor.permission"], told
    assert [c for c in told["checks"] if c["subject"] == "permissions of vault" and c["ok"]]


def test_doctor_names_what_was_narrowed_afterwards(lived: Installation) -> None:
    name = next(r.inputs["name"] for r in lived.stack.of("Policy") if r.name == "vault-revoke")
    whole = lived.stack.named("Policy", "vault-revoke").inputs["policy"]
    path = f"sys/policies/acl/{name}"
    lived.server.api("PUT", path, {"policy": whole.replace('"update"', '"deny"')})
    try:
        told = json.loads(lived.rotation("doctor", "-o", "json", expected=(3,)))
    finally:
        lived.server.api("PUT", path, {"policy": whole})
    missing = [c["finding"] for c in told["checks"] if c["code"] == "doctor.permission"]
    assert "may not update on apps/destroy/prod/billing/token" in missing
    assert {c["subject"].split()[1] for c in told["checks"] if c["finding"] in missing} == {
        "revoke"
    }


@pytest.mark.parametrize("under", list(PermissionSet))
def test_no_set_reaches_another_applications_secret(lived: Installation, under: str) -> None:
    for method, path in (
        ("GET", "apps/data/prod/payroll/token"),
        ("GET", "apps/metadata/prod/payroll/token"),
        ("POST", "apps/data/prod/payroll/token"),
        ("POST", "apps/destroy/prod/payroll/token"),
        ("POST", "rotation-pending/data/generated-ffffffffffffffffffff/00"),
        ("GET", "apps/data/test/billing/token"),
    ):
        assert lived.refuses(under, method, path), (under, method, path)


def test_only_the_sets_that_read_read(lived: Installation) -> None:
    for under in ("observe", "mint", "revoke", "contain", "claim"):
        assert lived.refuses(under, "GET", "apps/data/prod/billing/token"), under


def test_a_consumer_reads_what_is_live_and_nothing_staged(lived: Installation) -> None:
    policy = next(r.inputs["name"] for r in lived.stack.of("Policy") if "read-billing" in r.name)
    token = lived.server.token(policy)
    assert lived.server.api("GET", "apps/data/prod/billing/token", token=token)["data"]
    with pytest.raises(Refused):
        lived.server.api("GET", "rotation-pending/metadata/?list=true", token=token)
