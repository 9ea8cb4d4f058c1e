"""The policy pack: our own stack passes, and each rule refuses what it is for."""

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy import PolicyResourceOptions, ResourceValidationArgs

from infra.pack.rules import RULES
from tests.infra.settings import AWS, IAM, KV, VAULT, secret, written
from tests.infra.stack import up

WIDE = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
SECRET, USER, ROLE = (
    "aws:secretsmanager/secret:Secret", "aws:iam/user:User", "aws:iam/role:Role",
)  # fmt: skip


def complaints(kind: str, properties: dict[str, Any]) -> dict[str, list[str]]:
    """Rule -> what it says."""
    options = PolicyResourceOptions(False, [], False, [], [], None, [])
    args = ResourceValidationArgs(kind, properties, f"urn::{kind}", "it", options, None)
    found: dict[str, list[str]] = {}
    for rule in RULES:
        rule.validate(args, lambda text, *_, r=rule: found.setdefault(r.name, []).append(text))
    return found


def document(**statement: Any) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def test_our_own_stacks_pass(tmp_path: Path) -> None:
    stack = up(written(tmp_path, secret(IAM), secret(KV, "billing-token")), {**AWS, **VAULT})
    for each in stack.resources:
        assert complaints(each.token, dict(each.inputs)) == {}, each.name


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
