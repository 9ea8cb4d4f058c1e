"""What is wrong is said at preview, all of it, before a single resource is declared."""

from pathlib import Path

import pulumi
import pytest

from tests.infra.settings import ACCOUNT, AWS, KV, VAULT, secret, written
from tests.infra.stack import Cloud, up


def refused(file: Path, settings: dict[str, str], cloud: Cloud | None = None) -> str:
    cloud = cloud or Cloud()
    with pytest.raises(pulumi.RunError) as error:
        up(file, settings, cloud)
    return str(error.value)


def test_a_secret_of_another_environment(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret(environment="test")), AWS)
    assert "billing-iam is of environment test, this stack builds production" in said


def test_no_emergency_door(tmp_path: Path) -> None:
    settings = {**AWS, "emergencyUsers": "[]", "emergencyRoles": "[]"}
    assert "rotation:emergencyUsers" in refused(written(tmp_path, secret()), settings)


@pytest.mark.parametrize("key", ["runner", "deployer"])
def test_a_principal_that_is_missing(tmp_path: Path, key: str) -> None:
    assert f"rotation:{key} is missing" in refused(written(tmp_path, secret()), {**AWS, key: ""})


def test_a_principal_of_another_account(tmp_path: Path) -> None:
    settings = {**AWS, "runner": "arn:aws:iam::999999999999:role/runner"}
    assert "account that no connection" in refused(written(tmp_path, secret()), settings)


def test_a_principal_with_a_wildcard(tmp_path: Path) -> None:
    settings = {**AWS, "operators": f'["arn:aws:iam::{ACCOUNT}:role/*"]'}
    assert "without a wildcard" in refused(written(tmp_path, secret()), settings)


def test_a_reader_of_no_application(tmp_path: Path) -> None:
    settings = {**AWS, "readers": f'["bilinlg=arn:aws:iam::{ACCOUNT}:role/app"]'}
    assert "bilinlg, which has no secret" in refused(written(tmp_path, secret()), settings)


def test_credentials_of_another_account(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), AWS, Cloud(account="999999999999"))
    assert f"is account {ACCOUNT}, but these credentials are of another one" in said


def test_no_credentials(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        up(written(tmp_path, secret()), AWS, cloud := Cloud(broken=True))
    assert cloud.made == ["pulumi:providers:aws"], "the look comes before everything else"


def test_no_token_for_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(pulumi.RunError, match="no token for Vault"):
        up(written(tmp_path, secret(KV, "token")), VAULT, token="")


def test_a_secret_that_exists(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), AWS, Cloud(secrets={"prod/billing-iam": False}))
    assert "secret prod/billing-iam exists already: rotation:adopt takes it in" in said


def test_a_secret_to_be_adopted_that_is_not_there(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), {**AWS, "adopt": '["billing-iam"]'})
    assert "adopt names billing-iam, but there is no such secret" in said


def test_something_to_be_adopted_that_nobody_knows(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), {**AWS, "adopt": '["biling"]'})
    assert "biling, which is no secret and no mount" in said


def test_a_name_too_long_for_its_suffix(tmp_path: Path) -> None:
    name = "m" * 60
    file = written(tmp_path, secret())
    file.write_text(
        file.read_text().replace("  main:", f"  {name}:").replace(": main", f": {name}")
    )
    assert "64 are allowed" in refused(file, AWS)


def test_a_role_that_the_configuration_names_itself(tmp_path: Path) -> None:
    more = f", roles: {{mint: arn:aws:iam::{ACCOUNT}:role/mine}}"
    assert "names a role of its own" in refused(written(tmp_path, secret(), more=more), AWS)


def test_a_configuration_that_is_not_there_or_wrong(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.yaml", AWS)
    file = written(tmp_path, secret(KV, "token"))
    file.write_text(file.read_text().replace("application:", "aplication:"))
    assert "rotation.yaml:" in refused(file, VAULT)


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret(environment="test")), {**AWS, "runner": ""})
    assert said.count("\n  - ") == 2
