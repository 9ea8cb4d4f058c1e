"""What is denied whatever else is granted, because a resource's own policy could allow it."""

from collections.abc import Iterable, Iterator, Sequence

from providers.aws.options import ConnectionOptions
from providers.aws.permissions import BREAK_GLASS, Grant
from providers.aws.statements import Statement

_READS = ("secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue")

# An identity that may change tags, policies or trust can give itself everything else.
_SCOPE = (
    "iam:AddUserToGroup",
    "iam:AttachRolePolicy",
    "iam:CreateLoginProfile",
    "iam:CreateUser",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteUserPermissionsBoundary",
    "iam:PassRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:TagUser",
    "iam:UntagUser",
    "iam:UpdateAssumeRolePolicy",
)
_STORE = (
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:ReplicateSecretToRegions",
    "secretsmanager:RotateSecret",
    "secretsmanager:UntagResource",
)
_SURROUNDINGS = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "kms:CreateGrant",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)


def role_denials(grants: Iterable[Grant]) -> Iterator[Statement]:
    """A set that needs no value must not be able to read one."""
    if "secretsmanager:GetSecretValue" not in {grant.action for grant in grants}:
        yield Statement(actions=_READS, resources=("*",), effect="Deny", sid="NeverReads")


def reader_denials(names: tuple[str, ...]) -> Iterator[Statement]:
    """A call that names a version names no label, so a condition on labels would not apply."""
    yield Statement(
        actions=("secretsmanager:GetSecretValue",),
        resources=names,
        condition={"Null": {"secretsmanager:VersionId": "false"}},
        effect="Deny",
        sid="NeverByVersion",
    )


def boundary_denials(options: ConnectionOptions, regions: Sequence[str]) -> Iterator[Statement]:
    everything = ("*",)
    yield Statement(
        actions=(*_SCOPE, *_STORE, *_SURROUNDINGS),
        resources=everything,
        effect="Deny",
        sid="NeverWidens",
    )
    yield Statement(
        actions=("secretsmanager:TagResource",),
        resources=everything,
        condition=_unless(options.roles.get("claim")),
        effect="Deny",
        sid="OnlyClaimTags",
    )
    yield Statement(
        actions=BREAK_GLASS,
        resources=everything,
        condition=_unless(options.roles.get("contain")),
        effect="Deny",
        sid="OnlyContainAttaches",
    )
    yield Statement(
        actions=("iam:*", "sts:*"),
        all_but=True,
        resources=everything,
        condition={"StringNotEquals": {"aws:RequestedRegion": tuple(regions)}},
        effect="Deny",
        sid="OnlyItsRegions",
    )
    yield Statement(
        actions=everything,
        resources=everything,
        condition={"StringNotEqualsIfExists": {"aws:ResourceAccount": options.account}},
        effect="Deny",
        sid="OnlyItsAccount",
    )


def _unless(role: str | None) -> dict[str, dict[str, str]]:
    return {} if role is None else {"ArnNotEquals": {"aws:PrincipalArn": role}}
