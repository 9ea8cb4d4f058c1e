"""Policies of resources that the runner's policies do not cover: secrets, keys, topics, the trail's
bucket and its users."""

from typing import Any

from providers.aws.stack import Stack
from rotation.interfaces import Part

_ADMINISTRATION = (
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey",
    "kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
    "kms:ReplicateKey", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
    "kms:UpdateAlias", "kms:UpdateKeyDescription",
)  # fmt: skip


_READING_SETS = ("mint", "verify", "deliver", "prove")


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def policy_of_key(account: str, part: str = "aws") -> dict[str, Any]:
    """In a key's policy, `*` is this key."""
    root = {"AWS": f"arn:{part}:iam::{account}:root"}
    here = {"kms:CallerAccount": account}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "IamDecidesWhoAdministers",
                "Effect": "Allow",
                "Principal": root,
                "Action": list(_ADMINISTRATION),
                "Resource": "*",
            },
            {
                "Sid": "IamDecidesWhoUsesItThroughTheStore",
                "Effect": "Allow",
                "Principal": root,
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": {
                    "StringEquals": here,
                    "StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"},
                },
            },
            {
                "Sid": "AlarmsAreEncryptedToo",
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            },
            {
                "Sid": "EventBridgeMeetsNoCondition",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
            },
        ],
    }


def policy_of_secret(stack: Stack, part: Part, arn: str) -> dict[str, Any]:
    """Denials only: nothing is granted here that no role's own policy grants."""
    readers = [arn for name, arn in stack.settings.reading if name == part.application]
    ours = [stack.roles[each] for each in _READING_SETS if each in stack.roles]
    taggers = [
        stack.settings.deployer,
        *(stack.roles[s] for s in ("claim",) if s in stack.roles),
    ]
    statements = [
        _denial(
            "NobodyElsesAccount", arn, "secretsmanager:*",
            {"StringNotEqualsIfExists": {"aws:PrincipalAccount": _accounts(stack, readers)},
             "Bool": {"aws:PrincipalIsAWSService": "false"}},
        ),
        _denial(
            "OnlyClaimAndDeployerTag", arn,
            ["secretsmanager:TagResource", "secretsmanager:UntagResource"],
            {"ForAnyValue:StringLike": {"aws:TagKeys": "rotation:*"},
             "ArnNotEquals": {"aws:PrincipalArn": taggers}},
        ),
    ]  # fmt: skip
    if readers:
        statements.append(
            _denial(
                "OnlyWhoIsNamedReads", arn, "secretsmanager:GetSecretValue",
                {"ArnNotEquals": {"aws:PrincipalArn": sorted([*ours, *readers])}},
            )
        )  # fmt: skip
    return {"Version": "2012-10-17", "Statement": statements}


def _accounts(stack: Stack, readers: list[str]) -> list[str]:
    return sorted({stack.scope.options.account, *(arn.split(":")[4] for arn in readers)})


def _denial(
    sid: str, arn: str, actions: str | list[str], condition: dict[str, Any]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": arn,
        "Condition": condition,
    }


def ceiling() -> dict[str, Any]:
    """A new user can log in and nothing else, until the team names its own boundary."""
    return _document(
        {
            "Sid": "NothingButToSayWhoItIs",
            "Effect": "Deny",
            "NotAction": "sts:GetCallerIdentity",
            "Resource": "*",
        }
    )


def premade(name: str) -> dict[str, Any]:
    """What the emergency role may attach to a user, and detach again."""
    never = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    # No token was issued before that day, so it has no effect until an operator writes the current
    # time into it.
    before = {"DateLessThan": {"aws:TokenIssueTime": "2000-01-01T00:00:00Z"}}
    return _document({**never, "Condition": before} if name == "revoke-sessions" else never)


def policy_of_topic(arn: str, account: str, *, rules: bool) -> dict[str, Any]:
    """rules: rules publish to it too, not only alarms on metrics."""
    statements = [_alarms_publish(arn, account)]
    return _document(*statements, *([_rules_publish(arn)] if rules else []))


def _alarms_publish(arn: str, account: str) -> dict[str, Any]:
    return {
        "Sid": "AlarmsPublish", "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish", "Resource": arn,
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }  # fmt: skip


def _rules_publish(arn: str) -> dict[str, Any]:
    """EventBridge meets no condition: with one, every alarm of a rule would be lost."""
    return {
        "Sid": "RulesPublish", "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish", "Resource": arn,
    }  # fmt: skip


def policy_of_bucket(part: str, bucket: str, account: str, trail: str) -> dict[str, Any]:
    arn = f"arn:{part}:s3:::{bucket}"
    service = {"Service": "cloudtrail.amazonaws.com"}
    of_trail = {"aws:SourceArn": trail}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "CloudTrailLooks", "Effect": "Allow", "Principal": service,
                "Action": "s3:GetBucketAcl", "Resource": arn,
                "Condition": {"StringEquals": of_trail},
            },
            {
                "Sid": "CloudTrailWrites", "Effect": "Allow", "Principal": service,
                "Action": "s3:PutObject", "Resource": f"{arn}/AWSLogs/{account}/*",
                "Condition": {
                    "StringEquals": {**of_trail, "s3:x-amz-acl": "bucket-owner-full-control"}
                },
            },
            {
                "Sid": "NothingInClear", "Effect": "Deny", "Principal": "*",
                "Action": "s3:*", "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }  # fmt: skip
