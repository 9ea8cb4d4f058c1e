"""Environments, regions and installations beside each other in one account and one Vault: no name is
of two of them, so no stack can fail, or write over something, because another one is there."""

from collections import Counter
from pathlib import Path

import pytest

from tests.infra.settings import ACCOUNT, AWS, IAM, KV, VAULT, secret, written
from tests.infra.stack import Stack, up

FIRST = "4b1d0c77e2a9"
NAMED = {
    "Alias": "name", "AuthBackendRole": "roleName", "Audit": "path", "Bucket": "bucket",
    "Entity": "name", "EventRule": "name", "MetricAlarm": "name", "Policy": "name", "Role": "name",
    "Secret": "name", "Topic": "name", "Trail": "name", "User": "name",
}  # fmt: skip
"""What has a name that it is known by, and where its inputs have it."""

APP_ROLE = KV.replace(
    "{{type: generated, kind: token, prefix: tok_, unverified: true}}",
    "{{type: vault-approle, connection: vault, mount: apps-login, role: {id}, uses: 9999}}\n"
    "    probe: {{type: vault-login, connection: vault, mount: apps-login}}",
)


def names(stack: Stack, home: str) -> Counter[tuple[str, str, str]]:
    """Family and kind, region and name, of everything that a service knows by a name of ours."""
    return Counter(
        (each.token, each.inputs.get("region", home), each.inputs[name])
        for kind, name in NAMED.items()
        for each in stack.of(kind)
        if name in each.inputs  # a role at a mount has another kind of name
    )


def stack_of(
    directory: Path,
    installation: str,
    environment: str = "production",
    region: str = "eu-central-1",
) -> Counter[tuple[str, str, str]]:
    """Only its secrets, users and AppRoles have names of a person's choice."""
    directory.mkdir()
    ids = [f"{kind}-{directory.name}" for kind in ("iam", "login")]
    shapes = zip((IAM.replace("eu-west-1", "eu-north-1"), APP_ROLE), ids, strict=True)
    file = written(
        directory, *(secret(shape, name, environment=environment) for shape, name in shapes)
    )
    file.write_text(file.read_text().replace(FIRST, installation).replace("eu-central-1", region))
    return names(up(file, {**AWS, **VAULT, "environment": environment}), region)


def test_no_two_stacks_have_a_name_in_common(tmp_path: Path) -> None:
    stacks = [
        stack_of(tmp_path / "first", FIRST),
        stack_of(tmp_path / "test", "111111111111", environment="test"),
        stack_of(tmp_path / "west", "222222222222", region="eu-west-1"),
        stack_of(tmp_path / "other", "333333333333"),
    ]
    assert all(len(each) > 60 for each in stacks)
    found = sum(stacks, Counter[tuple[str, str, str]]())
    assert [name for name, times in found.items() if times > 1] == []


def test_two_regions_of_an_account_in_one_file(tmp_path: Path) -> None:
    west = IAM.replace("connection: main", "connection: west").replace("eu-west-1", "eu-north-1")
    file = written(tmp_path, secret(), secret(west, "west-iam"))
    connection = f'  west: {{type: aws, account: "{ACCOUNT}", region: eu-west-2}}\nsecrets:'
    file.write_text(file.read_text().replace("secrets:", connection))
    stack = up(file, AWS)
    assert [name for name, times in names(stack, "eu-central-1").items() if times > 1] == []
    declared = Counter((each.token, each.name) for each in stack.resources)
    assert [name for name, times in declared.items() if times > 1] == []


@pytest.mark.parametrize("family", ["aws", "vault"])
def test_every_name_that_is_made_has_the_installation(tmp_path: Path, family: str) -> None:
    shape, settings = (IAM, AWS) if family == "aws" else (APP_ROLE, VAULT)
    stack = up(written(tmp_path, secret(shape, "chosen")), settings)
    made = [name for _, _, name in names(stack, "") if "chosen" not in name]
    assert made
    assert [name for name in made if f"rotation-{FIRST}" not in name] == []
