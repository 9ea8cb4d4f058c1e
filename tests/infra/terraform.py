"""The Terraform that is printed, beside the stack that Pulumi makes."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner
from pulumi.runtime import mocks

from rotation.cli.app import program
from tests.infra.settings import ACCOUNT
from tests.infra.stack import KEY_ID, SUFFIX, Registered, Stack, _computed, up

TYPES = {
    "aws_cloudtrail": "Trail",
    "aws_cloudwatch_event_rule": "EventRule",
    "aws_cloudwatch_event_target": "EventTarget",
    "aws_cloudwatch_metric_alarm": "MetricAlarm",
    "aws_iam_policy": "Policy",
    "aws_iam_role": "Role",
    "aws_iam_role_policy_attachment": "RolePolicyAttachment",
    "aws_iam_user": "User",
    "aws_iam_user_policy_attachment": "UserPolicyAttachment",
    "aws_kms_alias": "Alias",
    "aws_kms_key": "Key",
    "aws_kms_replica_key": "ReplicaKey",
    "aws_s3_bucket": "Bucket",
    "aws_s3_bucket_object_lock_configuration": "BucketObjectLockConfiguration",
    "aws_s3_bucket_policy": "BucketPolicy",
    "aws_s3_bucket_public_access_block": "BucketPublicAccessBlock",
    "aws_s3_bucket_server_side_encryption_configuration": (
        "BucketServerSideEncryptionConfiguration"
    ),
    "aws_s3_bucket_versioning": "BucketVersioning",
    "aws_secretsmanager_secret": "Secret",
    "aws_secretsmanager_secret_policy": "SecretPolicy",
    "aws_sns_topic": "Topic",
    "aws_sns_topic_policy": "TopicPolicy",
    "aws_sns_topic_subscription": "TopicSubscription",
    "vault_approle_auth_backend_role": "appRole:AuthBackendRole",
    "vault_audit": "Audit",
    "vault_auth_backend": "AuthBackend",
    "vault_generic_endpoint": "Endpoint",
    "vault_identity_entity": "Entity",
    "vault_identity_entity_alias": "EntityAlias",
    "vault_kv_secret_backend_v2": "SecretBackendV2",
    "vault_mount": "Mount",
    "vault_policy": "Policy",
    "vault_token_auth_backend_role": "tokenauth:AuthBackendRole",
}


RENAMED = {
    ("Secret", "replicas"): "replica",
    ("BucketServerSideEncryptionConfiguration", "rules"): "rule",
    ("MetricAlarm", "name"): "alarm_name",
    ("TopicSubscription", "topic"): "topic_arn",
}
"""Where Pulumi has another word than Terraform."""


KEPT = {"Audit", "Bucket", "Entity", "Key", "ReplicaKey", "Secret", "Trail", "User"}
"""Whose own protection is meant; Pulumi hands it on to what hangs on them."""


META = {"provider", "lifecycle", "depends_on"}


def printed(directory: Path, settings: dict[str, str], *words: str, family: str = "aws") -> str:
    reply = {
        re.sub("[A-Z]", lambda each: f"_{each[0].lower()}", key): _plain(value)
        for key, value in settings.items()
        if key != "environment"
    }
    stack = directory / "stack.yaml"
    stack.write_text(yaml.safe_dump(reply))
    (directory / "commands").mkdir(exist_ok=True)
    given = ["-c", str(directory / "rotation.yaml"), "policy", family, "--stack", str(stack)]
    done = CliRunner().invoke(program, [*given, *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def _plain(text: str) -> Any:
    return json.loads(text) if text[:1] == "[" or text in ("true", "false") else text


def assert_same(file: Path, given: dict[str, str], family: str) -> None:
    declared = up(file, given)
    reply = json.loads(printed(file.parent, given, "--terraform", family=family))
    found = {
        (TYPES[kind], name): block
        for kind, blocks in reply["resource"].items()
        for name, block in blocks.items()
    }
    resources = {_address(each): each for each in declared.resources if _is_made(each)}
    assert set(found) == set(resources)
    for (kind, name), block in found.items():
        theirs = _inputs(kind, resources[kind, name])
        ours = {key: each for key, each in block.items() if key not in META}
        assert _known(ours, reply["resource"], declared) == theirs, (kind, name)
        if kind in KEPT:
            kept = "prevent_destroy" in block.get("lifecycle", {})
            assert kept == resources[kind, name].protect, (kind, name)
    bindings = reply["output"][f"bindings_{family}"]["value"]
    assert _known(bindings, reply["resource"], declared) == declared.outputs["bindings"]


def _is_made(resource: Registered) -> bool:
    return resource.token.startswith(("aws:", "vault:"))


def _address(resource: Registered) -> tuple[str, str]:
    from rotation.permissions.terraform import label  # noqa: PLC0415

    module, kind = re.split("[:/]", resource.token)[1::2]
    named = f"{module}:{kind}" if kind == "AuthBackendRole" else kind
    return named, label(resource.name)


def _inputs(kind: str, resource: Registered) -> dict[str, Any]:
    """In Terraform's words."""
    return {
        RENAMED.get((kind, key), _snake(key)): _meant(_snaked(value))
        for key, value in resource.inputs.items()
        if value not in (None, []) and key != "tagsAll"
    }


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda each: f"_{each[0].lower()}", name)


def _snaked(value: Any) -> Any:
    """Names of properties, not those of tags and dimensions, which hold texts alone."""
    if isinstance(value, list):
        return [_snaked(each) for each in value]
    if isinstance(value, dict) and not any(":" in key or key == "RuleName" for key in value):
        return {_snake(key): _snaked(each) for key, each in value.items()}
    return value


def _meant(value: Any) -> Any:
    if isinstance(value, float):
        return int(value)
    if isinstance(value, str) and value.startswith("{"):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: _meant(each) for key, each in value.items()}
    return [_meant(each) for each in value] if isinstance(value, list) else value


def _known(value: Any, blocks: dict[str, Any], declared: Stack) -> Any:
    """With every reference as the mocks answer it, and whose stack it is."""

    def answer(found: re.Match[str]) -> str:
        kind, name, attribute = found.groups()
        block = blocks[kind][name]
        if attribute in block:
            return str(_known(block[attribute], blocks, declared))
        reply = {**declared_as(kind, name), "keyId": KEY_ID}
        found_there = {_snake(key): each for key, each in reply.items()}
        return str({"id": f"{name}-id", **found_there}[attribute])

    def declared_as(kind: str, name: str) -> dict[str, Any]:
        [resource] = [
            each
            for each in declared.resources
            if _is_made(each) and _address(each) == (TYPES[kind], name)
        ]
        args = mocks.MockResourceArgs(
            typ=resource.token, name=resource.name, inputs=dict(resource.inputs),
            provider="", resource_id="", custom=True,
        )  # fmt: skip
        return _computed(args, ACCOUNT)

    text = re.sub(r"\$\{(\w+)\.([\w-]+)\.(\w+)\}", answer, json.dumps(value))
    text = text.replace("-??????", SUFFIX).replace('"rotation:stack": "terraform"',
                                                   '"rotation:stack": "rotation/prod"')  # fmt: skip
    text = text.replace("stack terraform", "stack rotation/prod")
    return _meant(json.loads(text))
