"""What is wrong is said at preview, all of it, before a single resource is declared."""

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pytest

from tests.infra.settings import ACCOUNT, AWS, IAM, KV, VAULT, secret, written
from tests.infra.stack import PREFIX, Cloud, up

OURS, THEIRS = "rotation/prod", "rotation/copy"


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
    said = refused(written(tmp_path, secret()), AWS, cloud := Cloud(broken=True))
    assert "AWS did not say whose credentials these are: it said ExpiredToken; log in for" in said
    assert "vendor" not in said
    assert cloud.made == ["pulumi:providers:aws"], "the look comes before everything else"


@pytest.mark.parametrize(
    ("unsaid", "needed"),
    [
        ("which secrets there are", "secretsmanager:ListSecrets"),
        ("which IAM users there are", "iam:ListUsers"),
        ("whose IAM user billing-iam is", "iam:GetUser"),
        ("which roles there are", "iam:ListRoles"),
        (f"whose role {PREFIX}-mint is", "iam:GetRole"),
        ("what of this installation is in eu-central-1", "tag:GetResources"),
    ],
)
def test_credentials_that_may_not_look(tmp_path: Path, unsaid: str, needed: str) -> None:
    cloud = Cloud(
        users={"/rotated/billing-iam": True}, roles={f"{PREFIX}-mint": OURS}, unsaid=unsaid
    )
    said = refused(written(tmp_path, secret()), AWS, cloud)
    assert f"did not say {unsaid}: it said ExpiredToken; these credentials need {needed}" in said


def test_no_token_for_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(pulumi.RunError, match="no token for Vault"):
        up(written(tmp_path, secret(KV, "token")), VAULT, token="")


def test_a_secret_that_exists(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), AWS, Cloud(secrets={"prod/billing-iam": False}))
    assert "secret prod/billing-iam exists already: billing-iam in rotation:adopt takes it" in said


COPIED = "stack rotation/copy made it for installation 4b1d0c77e2a9; a file that was copied needs"


@pytest.mark.parametrize(
    "kind",
    ["events:eu-west-1:1:rule/{}-pending-read", "cloudwatch:us-east-1:1:alarm:{}-runner-denied",
     "sns:eu-central-1:1:{}", "s3:::{}-trail-1", "iam::1:policy/rotation/4b1d0c77e2a9/{}-mint"],
)  # fmt: skip
def test_what_another_stack_made_under_the_same_name(tmp_path: Path, kind: str) -> None:
    """Each is left as it is: PutRule and PutMetricAlarm write over what is there."""
    arn = "arn:aws:" + kind.format(PREFIX)
    cloud = Cloud(tagged={arn: THEIRS})
    assert f"{arn} exists: {COPIED}" in refused(written(tmp_path, secret()), AWS, cloud)
    assert cloud.made == ["pulumi:providers:aws"]
    assert not up(written(tmp_path, secret()), AWS, Cloud(tagged={arn: OURS})).wrong


def told_by_the_engine(directory: Path, resources: list[dict[str, Any]] | None) -> None:
    """A `pulumi stack export` of that state; None: none that answers."""
    exported = json.dumps({"version": 3, "deployment": {"resources": resources}})
    reply = f"cat <<'END'\n{exported}\nEND" if resources is not None else "exit 1"
    command = directory / "pulumi"
    command.write_text(f"#!/bin/sh\n{reply}\n")
    command.chmod(0o700)


BUCKET = f"{PREFIX}-trail-{ACCOUNT}"
OF_THE_BUCKET = f"arn:aws:s3:::{BUCKET}"
IN_STATE = {"type": "aws:s3/bucket:Bucket", "inputs": {"bucket": BUCKET}}


def test_a_bucket_that_a_trail_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is never deleted, so what comes back would be refused in the middle of an apply."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    told_by_the_engine(tmp_path, [{"type": "pulumi:pulumi:Stack"}])
    left = Cloud(tagged={OF_THE_BUCKET: OURS})
    said = refused(file := written(tmp_path, secret()), AWS, left)
    assert f"bucket {BUCKET} is left of an earlier trail" in said
    assert f"rotation:trailBucket: {BUCKET} goes on with it" in said
    assert left.made == ["pulumi:providers:aws"]
    for without in ({"trailBucket": BUCKET}, {"trail": "false"}):
        assert not up(file, {**AWS, **without}, Cloud(tagged={OF_THE_BUCKET: OURS})).wrong


@pytest.mark.parametrize("resources", [[IN_STATE], None])
def test_a_bucket_that_is_in_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, Any]] | None
) -> None:
    """As after an `up` that ended between the two, or where nobody tells."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    told_by_the_engine(tmp_path, resources)
    assert not up(written(tmp_path, secret()), AWS, Cloud(tagged={OF_THE_BUCKET: OURS})).wrong


def test_a_role_that_another_stack_made(tmp_path: Path) -> None:
    name = f"{PREFIX}-mint"
    said = refused(written(tmp_path, secret()), AWS, Cloud(roles={name: THEIRS}))
    assert f"role {name} exists already: {COPIED}" in said
    assert not up(written(tmp_path, secret()), AWS, Cloud(roles={name: OURS})).wrong


@pytest.mark.parametrize(
    "user",
    [
        {"/rotated/billing-iam": False},  # where ours would be, made by somebody else
        {"/people/Billing-IAM": False},  # IAM takes a name once, whatever its path and case
        {"/people/billing-iam": True},
    ],
)
def test_a_user_that_exists(tmp_path: Path, user: dict[str, bool]) -> None:
    said = refused(written(tmp_path, secret()), AWS, Cloud(users=user))
    assert "IAM user billing-iam exists already: billing-iam in rotation:adopt takes it in" in said


def test_what_is_to_be_adopted_and_is_not_there(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), {**AWS, "adopt": '["billing-iam"]'})
    for what in ("secret prod/billing-iam", "IAM user billing-iam"):
        assert f"adopt names billing-iam, but there is no such {what}" in said


def test_a_user_to_be_adopted_whose_path_is_another_one(tmp_path: Path) -> None:
    """Names in policies have the path in them: nothing could be done to it."""
    cloud = Cloud(secrets={"prod/billing-iam": False}, users={"/people/billing-iam": False})
    said = refused(written(tmp_path, secret()), {**AWS, "adopt": '["billing-iam"]'}, cloud)
    assert "IAM user billing-iam is at /people/: billing-iam needs `path: /people/`" in said


def test_something_to_be_adopted_that_nobody_knows(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret()), {**AWS, "adopt": '["biling"]'})
    assert "biling, which is no secret and no mount" in said


def test_something_to_be_adopted_by_the_name_that_it_had(tmp_path: Path) -> None:
    file = written(tmp_path, secret())
    file.write_text(file.read_text().replace("id: billing-iam", "id: new\n    was: billing-iam"))
    said = refused(file, {**AWS, "adopt": '["billing-iam"]'})
    assert "adopt names billing-iam, which is called new now" in said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (60, "the role of observe of connection {} would be called"),
        (
            28,
            "a rule would be called rotation-4b1d0c77e2a9-{}-key-made-elsewhere: 69 characters, and 64 are",
        ),
        (23, "the trail's bucket would be called rotation-4b1d0c77e2a9-{}-trail-"),
    ],
)
def test_a_name_too_long_for_its_suffix(tmp_path: Path, length: int, said: str) -> None:
    name = "m" * length
    file = written(tmp_path, secret())
    file.write_text(
        file.read_text().replace("  main:", f"  {name}:").replace(": main", f": {name}")
    )
    assert said.format(name) in refused(file, AWS, cloud := Cloud())
    assert cloud.made == [], "before anything else"


def test_a_policy_whose_name_is_too_long(tmp_path: Path) -> None:
    """By application and environment, each of which may be as long as a name may be."""
    long = {"application": "a" * 63, "environment": "e" * 63}
    said = refused(written(tmp_path, secret(**long)), {**AWS, "environment": "e" * 63,
                                                       "readers": "[]"})  # fmt: skip
    assert f"a policy would be called {PREFIX}-read-" in said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("aws:region", "eu-west-1", "aws:region is eu-west-1, and no connection of the"),
        ("aws:allowedAccountIds", '["999999999999"]', "aws:allowedAccountIds leaves out account"),
    ],
)
def test_settings_of_the_provider_that_disagree(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    assert said in refused(written(tmp_path, secret()), {**AWS, key: value})


def test_settings_of_the_provider_that_agree(tmp_path: Path) -> None:
    agreeing = {"aws:region": "eu-central-1", "aws:allowedAccountIds": f'["{ACCOUNT}"]'}
    assert not up(written(tmp_path, secret()), {**AWS, **agreeing}).wrong


def test_nothing_of_one_connection_is_declared_where_another_is_wrong(tmp_path: Path) -> None:
    other = IAM.replace("connection: main", "connection: other")
    file = written(tmp_path, secret(), secret(other, "other-iam"))
    file.write_text(
        file.read_text().replace(
            "secrets:", f'  other: {{type: aws, account: "{ACCOUNT}", region: eu-west-2}}\nsecrets:'
        )
    )
    said = refused(file, AWS, cloud := Cloud(secrets={"prod/other-iam": False}))
    assert "secret prod/other-iam exists already" in said
    assert cloud.made == ["pulumi:providers:aws"] * 2


def test_a_role_that_the_configuration_names_itself(tmp_path: Path) -> None:
    more = f", roles: {{mint: arn:aws:iam::{ACCOUNT}:role/mine}}"
    assert "names a role of its own" in refused(written(tmp_path, secret(), more=more), AWS)


@pytest.mark.parametrize(
    ("typo", "meant"), [("alarmEmail", "alarmEmails"), ("reader", "readers"), ("trial", "trail")]
)
def test_a_setting_that_nobody_reads(tmp_path: Path, typo: str, meant: str) -> None:
    """It would end a subscription, or a denial, without a word."""
    settings = {key: value for key, value in AWS.items() if key != meant} | {typo: "[]"}
    said = refused(written(tmp_path, secret()), settings, cloud := Cloud())
    assert f"rotation:{typo} is no setting of this program; rotation:{meant} is meant?" in said
    assert cloud.made == []


def test_settings_of_other_programs_are_theirs(tmp_path: Path) -> None:
    assert not up(written(tmp_path, secret()), {**AWS, "other:alarmEmail": "x"}).wrong


def test_a_configuration_that_is_not_there_or_wrong(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "none.yaml", AWS)
    file = written(tmp_path, secret(KV, "token"))
    file.write_text(file.read_text().replace("application:", "aplication:"))
    assert "rotation.yaml:" in refused(file, VAULT)


def test_everything_is_said_at_once(tmp_path: Path) -> None:
    said = refused(written(tmp_path, secret(environment="test")), {**AWS, "runner": ""})
    assert said.count("\n  - ") == 2


def test_two_connections_of_one_first_name(tmp_path: Path) -> None:
    file = written(tmp_path, secret())
    options = f'{{type: aws, was: main, account: "{ACCOUNT}", region: eu-west-1}}'
    file.write_text(file.read_text().replace("connections:", f"connections:\n  new: {options}", 1))
    assert "connections new and main would both be called main" in refused(file, AWS)
