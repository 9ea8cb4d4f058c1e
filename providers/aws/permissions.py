"""Which calls each permission set makes, as data: roles and policies are compiled from it.

It has exactly the calls of the adapters: a test records what they send and compares.
`sts:GetCallerIdentity` is not here, because it needs no permission and cannot be denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rotation.types import PermissionSet

# What the action is limited to: `user`, the IAM user; `secret`, the secret and its replicas; `key`,
# the secret's customer managed KMS key; `role`, the connection's roles; else the ARN of what
# another distribution's plugin works on.
Resource = str

# If nothing of the kind is configured, the grant is not needed and must not be given.
When = Literal["always", "foreign-fields", "customer-key", "pushed-consumer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """labels: the only values of `secretsmanager:VersionStage`; empty: IAM cannot check it, or need
    not. tag_keys: the only values of `aws:TagKeys`. claimed: only while the resource's tag says
    that it is ours. replicas: also where the secret is replicated to. premade: only policies that
    were made in advance for an emergency."""

    action: str
    resource: Resource
    labels: tuple[str, ...] = ()
    tag_keys: tuple[str, ...] = ()
    claimed: bool = False
    replicas: bool = False
    premade: bool = False
    when: When = "always"


Grants = Mapping[PermissionSet, tuple[Grant, ...]]

_LIST = Grant(action="iam:ListAccessKeys", resource="user")
_LAST_USED = Grant(action="iam:GetAccessKeyLastUsed", resource="user")
_CREATE = Grant(action="iam:CreateAccessKey", resource="user")
_UPDATE = Grant(action="iam:UpdateAccessKey", resource="user")
_DELETE = Grant(action="iam:DeleteAccessKey", resource="user")

_DESCRIBE = Grant(action="secretsmanager:DescribeSecret", resource="secret")
_PUT = Grant(action="secretsmanager:PutSecretValue", resource="secret", claimed=True)
_DECRYPT = Grant(action="kms:Decrypt", resource="key", when="customer-key")
_ENCRYPT = Grant(action="kms:GenerateDataKey", resource="key", when="customer-key")


def _read(*labels: str, replicas: bool = False, when: When = "always") -> Grant:
    return Grant(
        action="secretsmanager:GetSecretValue",
        resource="secret",
        labels=labels,
        replicas=replicas,
        when=when,
    )


def _move(*labels: str, claimed: bool = False) -> Grant:
    return Grant(
        action="secretsmanager:UpdateSecretVersionStage",
        resource="secret",
        labels=labels,
        claimed=claimed,
    )


GRANTS: Mapping[str, Grants] = {
    "aws-iam-access-key": {
        PermissionSet.OBSERVE: (_LIST, _LAST_USED),
        PermissionSet.MINT: (_CREATE,),
        PermissionSet.REVOKE: (_UPDATE, _DELETE),
        PermissionSet.CONTAIN: (_UPDATE,),
    },
    "aws-secrets-manager": {
        PermissionSet.OBSERVE: (_DESCRIBE,),
        # PutSecretValue has no condition on labels, so only our code, and its test, ensure that it
        # stages.
        PermissionSet.MINT: (_PUT, _read("AWSCURRENT", when="foreign-fields"), _ENCRYPT, _DECRYPT),
        PermissionSet.VERIFY: (
            _read("AWSPENDING", "AWSCURRENT", replicas=True),
            replace(_DECRYPT, replicas=True),
        ),
        # When AWS refuses to move a label, a read shows whether it has moved already.
        PermissionSet.PROMOTE: (
            _move("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", claimed=True),
            _DESCRIBE,
        ),
        PermissionSet.DELIVER: (_read("AWSCURRENT", when="pushed-consumer"), _DECRYPT),
        # The version to be proved may have lost its last label, so the grant cannot name one.
        PermissionSet.PROVE: (_read(), _DECRYPT),
        PermissionSet.CONTAIN: (_move("ROTATION_COMPROMISED"), _DESCRIBE),
        PermissionSet.CLAIM: (
            Grant(
                action="secretsmanager:TagResource",
                resource="secret",
                tag_keys=("rotation:owner",),
            ),
        ),
    },
    "aws-sts": {},
}

# Everything that the base credentials need where a connection names roles. `doctor` asks what each
# role can do before anything depends on it.
CONNECTION = (
    Grant(action="sts:AssumeRole", resource="role"),
    Grant(action="iam:SimulatePrincipalPolicy", resource="role"),
)

# For an operator in an emergency; no step uses it. The emergency role may attach and detach only
# the policies that were made in advance.
BREAK_GLASS = ("iam:AttachUserPolicy", "iam:DetachUserPolicy")
