"""What is wrong about Vault is said at preview, before a single resource is declared."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.infra.settings import AWS, KV, VAULT, secret, written
from tests.infra.stack import CLUSTER, Cloud, RefusedByProvider, up

OURS = "made by rotation 4b1d0c77e2a9, stack rotation/prod"
ENTITY = "01234567-89ab-cdef-0123-456789abcdef"
OTHER = CLUSTER.replace("0", "1")
GENERATED = "{{type: generated, kind: token, prefix: tok_, unverified: true}}"
APP_ROLE = KV.replace(
    GENERATED,
    "{{type: vault-approle, connection: vault, role: Billing, mount: apps-login, "
    "unverified: cidr-bound}}",
)
STATIC = KV.replace(
    GENERATED,
    "{{type: vault-database-static, connection: vault, role: billing, in_place: true}}\n"
    "    probe: {{type: postgres-login, connection: db, query: select 1}}",
)
ROLE = "auth/apps-login/role/billing"


def refused(directory: Path, cloud: Cloud | None = None, adopt: str = "[]", shape: str = KV) -> str:
    cloud = cloud or Cloud()
    with pytest.raises(pulumi.RunError) as error:
        up(written(directory, secret(shape, "token")), {**VAULT, "adopt": adopt}, cloud)
    assert set(cloud.made) <= {"pulumi:providers:vault"}
    return str(error.value)


@pytest.mark.parametrize("path", ["apps", "rotation-pending", "auth/approle"])
def test_a_mount_that_exists(tmp_path: Path, path: str) -> None:
    said = refused(tmp_path, Cloud(mounts={path: "of somebody else"}))
    assert f"mount {path} exists already: rotation:adopt takes it in" in said


@pytest.mark.parametrize("adopt", ["[]", '["apps"]'])
def test_a_mount_that_another_stack_of_the_installation_made(tmp_path: Path, adopt: str) -> None:
    """Its policies and token roles have the names of ours, and would be written over."""
    there = Cloud(mounts={"apps": OURS.replace("/prod", "/copy")})
    said = refused(tmp_path, there, adopt=adopt)
    assert "mount apps exists already: stack rotation/copy made it for installation 4b1d" in said


def test_every_mount_that_exists_is_said_at_once(tmp_path: Path) -> None:
    assert refused(tmp_path, Cloud(mounts={"apps": "", "auth/approle": ""})).count("\n  - ") == 2


def test_a_mount_to_be_adopted_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no such mount" in refused(tmp_path, adopt='["apps"]')


def test_what_an_earlier_run_made_is_no_surprise(tmp_path: Path) -> None:
    file = written(tmp_path, secret(KV, "token"))
    first = up(file, VAULT)
    made = {
        f"{prefix}{each.inputs['path']}": each.inputs["description"]
        for kind, prefix in (("Mount", ""), ("AuthBackend", "auth/"))
        for each in first.of(kind)
    }
    assert made == dict.fromkeys(("apps", "rotation-pending", "auth/approle"), OURS)
    assert len(up(file, VAULT, Cloud(mounts=made)).resources) == len(first.resources)


def test_a_namespace_of_the_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "team-a/")
    said = refused(tmp_path)
    assert "is in no namespace, but VAULT_NAMESPACE says team-a" in said


def test_nothing_of_aws_is_declared_where_vault_is_wrong(tmp_path: Path) -> None:
    file, cloud = written(tmp_path, secret(), secret(KV, "token")), Cloud(mounts={"apps": ""})
    with pytest.raises(pulumi.RunError, match="mount apps exists already"):
        up(file, {**AWS, **VAULT}, cloud)
    assert set(cloud.made) <= {"pulumi:providers:vault", "pulumi:providers:aws"}


def test_a_policys_name_too_long(tmp_path: Path) -> None:
    environment = "e" * 50
    made = secret(KV, "token", application="a" * 60, environment=environment)
    with pytest.raises(pulumi.RunError, match=r"a policy would be called .* 128 are allowed"):
        up(written(tmp_path, made), {**VAULT, "environment": environment})


def test_another_cluster_at_that_address(tmp_path: Path) -> None:
    cloud = Cloud(vault={"sys/health": {"cluster_id": OTHER}}, mounts={"apps": ""})
    said = refused(tmp_path, cloud)
    assert f"connection vault is cluster {CLUSTER}, but at https://vault.example.com:8200" in said
    assert f"is cluster {OTHER}" in said
    assert "apps" not in said, "what another cluster holds is nobody's business"


def test_a_login_that_may_not_look(tmp_path: Path) -> None:
    class Blind(Cloud):
        def _vault(self, path: str) -> Any:
            if path == "sys/mounts":
                raise RefusedByProvider
            return super()._vault(path)

    said = refused(tmp_path, Blind())
    assert "does not let this login read sys/mounts" in said
    assert "vendor" not in said


def test_an_app_role_that_exists(tmp_path: Path) -> None:
    cloud = Cloud(mounts={"auth/apps-login": OURS}, vault={ROLE: {"token_policies": ["theirs"]}})
    said = refused(tmp_path, cloud, shape=APP_ROLE)
    assert "AppRole billing at auth/apps-login exists already: token in rotation:adopt" in said


def test_an_app_role_to_be_adopted_that_is_not_there(tmp_path: Path) -> None:
    said = refused(tmp_path, adopt='["token"]', shape=APP_ROLE)
    assert "adopt names token, but there is no AppRole billing at auth/apps-login" in said


def test_an_app_role_of_ours_is_no_surprise_and_an_adopted_one_is_left_alone(
    tmp_path: Path,
) -> None:
    file = written(tmp_path, secret(APP_ROLE, "token"))
    first = up(file, VAULT)
    assert not first.wrong
    assert {each.inputs["path"] for each in first.of("AuthBackend")} == {"approle", "apps-login"}
    made = first.named("AuthBackendRole", "token").inputs
    there = {
        "mounts": {"auth/apps-login": OURS, "auth/approle": OURS},
        "vault": {ROLE: {"token_policies": made["tokenPolicies"]}},
    }
    assert len(up(file, VAULT, Cloud(**there)).resources) == len(first.resources)
    there["vault"][f"{ROLE}/role-id"] = {"role_id": "theirs"}
    cloud = Cloud(**there, entities={"theirs": ENTITY})
    adopted = up(file, {**VAULT, "adopt": '["token"]'}, cloud)
    for kind in ("AuthBackendRole", "Entity", "EntityAlias"):
        assert "token" not in {each.name for each in adopted.of(kind)}
    contain = adopted.named("Policy", "vault-contain").inputs["policy"]
    assert f'path "identity/entity/id/{ENTITY}"' in contain


def test_an_adopted_app_role_that_nobody_logged_in_with(tmp_path: Path) -> None:
    """Its entity is made by its first login, and the emergency's policy has to name it."""
    reply = {ROLE: {"token_policies": ["theirs"]}, f"{ROLE}/role-id": {"role_id": "theirs"}}
    cloud = Cloud(mounts={"auth/apps-login": OURS}, vault=reply)
    said = refused(tmp_path, cloud, adopt='["token"]', shape=APP_ROLE)
    assert "knows no logins of the adopted AppRole" in said
    assert "log in with the role once" in said


def test_a_mount_of_app_roles_with_nothing_in_it(tmp_path: Path) -> None:
    file = written(tmp_path, secret(APP_ROLE, "token"))
    assert up(file, VAULT, Cloud(mounts={"auth/apps-login": OURS})).named(
        "AuthBackendRole", "token"
    )


@pytest.mark.parametrize(
    ("mounts", "vault"), [({}, {}), ({"database": "theirs"}, {"database/static-roles/orders": {}})]
)
def test_a_static_role_that_nobody_made(tmp_path: Path, mounts: Any, vault: Any) -> None:
    said = refused_with_database(tmp_path, Cloud(mounts=mounts, vault=vault))
    assert "token: there is no static role billing at database, and the stack makes none" in said


def test_a_static_role_that_an_operator_made(tmp_path: Path) -> None:
    cloud = Cloud(mounts={"database": "theirs"}, vault={"database/static-roles/billing": {}})
    stack = up(with_database(tmp_path), VAULT, cloud)
    assert not stack.wrong
    assert "database/rotate-role/billing" in stack.named("Policy", "vault-mint").inputs["policy"]
    assert not [each for each in stack.resources if "database" in each.token]


def with_database(directory: Path) -> Path:
    file = written(directory, secret(STATIC, "token"))
    database = (
        "  db: {type: postgres, host: 127.0.0.1, database: app, user: rotation,\n"
        '       system_identifier: "7361538120944532901", password_file: /run/db}\nsecrets:'
    )
    file.write_text(file.read_text().replace("secrets:", database, 1))
    return file


def refused_with_database(directory: Path, cloud: Cloud) -> str:
    with pytest.raises(pulumi.RunError) as error:
        up(with_database(directory), VAULT, cloud)
    assert cloud.made == ["pulumi:providers:vault"]
    return str(error.value)


@pytest.mark.parametrize(
    ("address", "cluster"), [("vault.example.com", OTHER), ("other.example.com", CLUSTER)]
)
def test_two_connections_to_one_vault(tmp_path: Path, address: str, cluster: str) -> None:
    file = written(tmp_path, secret(KV, "token"))
    second = (
        f'  second: {{type: vault, address: "https://{address}:8200", role: other,\n'
        f"           cluster: {cluster}, login_file: /run/secret-id}}\nsecrets:"
    )
    file.write_text(file.read_text().replace("secrets:", second, 1))
    with pytest.raises(pulumi.RunError, match="connections vault and second are one Vault"):
        up(file, VAULT, cloud := Cloud())
    assert cloud.made == []


def test_a_namespace_holds_everything_but_the_audit_device(tmp_path: Path) -> None:
    """As far as mocks show: namespaces are Vault Enterprise's."""
    file = written(tmp_path, secret(KV, "token"))
    file.write_text(file.read_text().replace("role: runner", "namespace: team-a, role: runner"))
    cloud = Cloud(vault={"sys/health": {"cluster_id": OTHER}})  # not asked: of the root alone
    stack = up(file, VAULT, cloud)
    [provider] = [each for each in stack.resources if each.token == "pulumi:providers:vault"]
    assert provider.inputs["namespace"] == "team-a"
    assert stack.of("Mount")
    assert not stack.of("Audit")
    assert up(written(tmp_path, secret(KV, "token")), VAULT).of("Audit")
