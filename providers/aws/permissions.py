"""Which calls each permission set makes, as data: what roles and policies are compiled from.

Exactly the calls of the adapters, no more: a test records what they send and compares.
`sts:GetCallerIdentity` is not here, for it needs no permission and cannot be denied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rotation.types import PermissionSet

Resource = str
"""`user`, `secret`, `key`, `role`: what the action is limited to, the IAM user, the secret (its replicas
included), the customer managed KMS key of the secret, the connection's roles; else the ARN of what a
plugin from elsewhere works on."""

When = Literal["always", "foreign-fields", "customer-key", "pushed-consumer"]
"""Where nothing of the kind is configured, the grant is not needed and must not be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """labels: the only values of `secretsmanager:VersionStage`; empty: IAM cannot tell, or need
    not. tag_keys: the only values of `aws:TagKeys`. claimed: only while the resource's tag says
    that it is ours. replicas: also where the secret is replicated to. premade: only the policies
    that were made beforehand for an emergency."""

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
        # PutSecretValue knows no condition on labels: that it stages only is code, and tested.
        PermissionSet.MINT: (_PUT, _read("AWSCURRENT", when="foreign-fields"), _ENCRYPT, _DECRYPT),
        PermissionSet.VERIFY: (
            _read("AWSPENDING", "AWSCURRENT", replicas=True),
            replace(_DECRYPT, replicas=True),
        ),
        # When AWS refuses to move a label, a read shows whether it is there already or was moved.
        PermissionSet.PROMOTE: (
            _move("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", claimed=True),
            _DESCRIBE,
        ),
        PermissionSet.DELIVER: (_read("AWSCURRENT", when="pushed-consumer"), _DECRYPT),
        # The version being proved may have lost its last label, and then no label can be named.
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

CONNECTION = (
    Grant(action="sts:AssumeRole", resource="role"),
    Grant(action="iam:SimulatePrincipalPolicy", resource="role"),
)
"""What the base credentials need, and nothing else, where a connection names roles. `doctor` asks
what each role can do before anything depends on it."""

BREAK_GLASS = ("iam:AttachUserPolicy", "iam:DetachUserPolicy")
"""For a person in an emergency, no step uses it: the emergency role may attach and detach the
pre-made policies, and no other."""
