"""The policy pack: our own stack passes, and each rule refuses what it is for."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy import EnforcementLevel

from infra.pack.rules import RULES
from tests.infra.pack import complaints
from tests.infra.settings import ACCOUNT, AWS, IAM, KV, VAULT, secret, written
from tests.infra.stack import KEY_ID, Cloud, Registered, up

OWN_KEY = f', kms_key: "arn:aws:kms:eu-central-1:{ACCOUNT}:key/{KEY_ID}"'
WIDE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
SECRET, USER, ROLE = (
    "aws:secretsmanager/secret:Secret", "aws:iam/user:User", "aws:iam/role:Role",
)  # fmt: skip


def document(**statement: Any) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def as_the_engine_reports(each: Registered) -> dict[str, Any]:
    """Of what it ignores, it gives the pack what is there; here, nothing is."""
    return {name: value for name, value in each.inputs.items() if name not in each.ignored}


@pytest.mark.parametrize("more", ["", OWN_KEY])
def test_our_own_stacks_pass(tmp_path: Path, more: str) -> None:
    file = written(tmp_path, secret(IAM), secret(KV, "billing-token"), more=more)
    for each in up(file, {**AWS, **VAULT}).resources:
        assert complaints(each.token, as_the_engine_reports(each), each.ignored) == {}, each.name


def test_what_is_adopted_passes_with_a_warning(tmp_path: Path) -> None:
    there = Cloud(secrets={"prod/billing-iam": False}, users={"/rotated/billing-iam": False})
    stack = up(written(tmp_path, secret(IAM)), {**AWS, "adopt": '["billing-iam"]'}, there)
    said = {
        f"{each.token.rpartition(':')[2]} {each.name}": reply
        for each in stack.resources
        if (reply := complaints(each.token, as_the_engine_reports(each), each.ignored))
    }
    assert said == {
        f"{kind} billing-iam": {
            "adopted": [f"it: adopted without a {what} of its own, and left so"]
        }
        for kind, what in (("Secret", "key"), ("User", "boundary"))
    }
    [warning] = [each for each in RULES if each.name == "adopted"]
    assert warning.enforcement_level is EnforcementLevel.ADVISORY


@pytest.mark.parametrize(
    ("rule", "kind", "properties"),
    [
        ("no-credential", "aws:iam/accessKey:AccessKey", {"user": "app"}),
        ("no-credential", "aws:secretsmanager/secretVersion:SecretVersion", {"secretId": "x"}),
        ("no-credential", "vault:appRole/authBackendRoleSecretId:AuthBackendRoleSecretId", {}),
        ("no-credential", "vault:kv/secretV2:SecretV2", {"mount": "apps"}),
        ("no-credential", "aws:ssm/parameter:Parameter", {"value": "hvs." + "a" * 24}),
        ("no-second-rotator", "aws:secretsmanager/secretRotation:SecretRotation", {}),
        ("encrypted", SECRET, {"name": "prod/app"}),
        ("encrypted", "aws:kms/key:Key", {"enableKeyRotation": False}),
        ("encrypted", "aws:sns/topic:Topic", {"name": "alarms"}),
        ("bounded", USER, {"name": "app"}),
        ("bounded", ROLE, {"name": "r", "permissionsBoundary": "b", "managedPolicyArns": ["p"]}),
        ("stays", USER, {"permissionsBoundary": "b", "forceDestroy": True}),
        ("stays", SECRET, {"kmsKeyId": "k", "recoveryWindowInDays": 0}),
        ("narrow", "aws:iam/policy:Policy", document(**WIDE)),
        ("narrow", "aws:iam/policy:Policy", document(**{**WIDE, "Action": "s3:*"})),
        ("narrow", "aws:sns/topicPolicy:TopicPolicy",
         document(Effect="Allow", Principal="*", Action="sns:Publish", Resource="arn:t")),
    ],
)  # fmt: skip
def test_each_rule_refuses_what_it_is_for(rule: str, kind: str, properties: dict[str, Any]) -> None:
    assert list(complaints(kind, properties)) == [rule]


def test_the_value_that_looks_like_a_secret_is_not_repeated() -> None:
    value = "hvs." + "b" * 24
    [said] = complaints("aws:ssm/parameter:Parameter", {"value": value})["no-credential"]
    assert value not in said
