"""What is wrong about Vault is said at preview, before a single resource is declared."""

from pathlib import Path

import pulumi
import pytest

from tests.infra.settings import KV, VAULT, secret, written
from tests.infra.stack import Cloud, up

OURS = "made by rotation 4b1d0c77e2a9"


def refused(directory: Path, cloud: Cloud | None = None, adopt: str = "[]") -> str:
    cloud = cloud or Cloud()
    with pytest.raises(pulumi.RunError) as error:
        up(written(directory, secret(KV, "token")), {**VAULT, "adopt": adopt}, cloud)
    assert set(cloud.made) <= {"pulumi:providers:vault"}
    return str(error.value)


@pytest.mark.parametrize("path", ["apps", "rotation-pending", "auth/approle"])
def test_a_mount_that_exists(tmp_path: Path, path: str) -> None:
    said = refused(tmp_path, Cloud(mounts={path: "of somebody else"}))
    assert f"mount {path} exists already: rotation:adopt takes it in" in said


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


def test_a_policys_name_too_long(tmp_path: Path) -> None:
    environment = "e" * 50
    made = secret(KV, "token", application="a" * 60, environment=environment)
    with pytest.raises(pulumi.RunError, match=r"a policy would be called .* 128 are allowed"):
        up(written(tmp_path, made), {**VAULT, "environment": environment})
