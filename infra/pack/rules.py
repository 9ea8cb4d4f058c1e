"""What no stack may hold: a credential, a second rotator, something in clear, a right too wide."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

Properties = dict[str, Any]
Complaints = Iterator[str]

LEFT_AS_IT_IS = "left as it is"
"""A property that the stack does not set: the engine gives what is there, and there is none."""

_CREDENTIALS = {
    "aws:iam/accessKey:AccessKey": "its secret would be in the state",
    "aws:iam/userLoginProfile:UserLoginProfile": "its password would be in the state",
    "aws:secretsmanager/secretVersion:SecretVersion": "its value would be in the state",
    "vault:appRole/authBackendRoleSecretId:AuthBackendRoleSecretId": (
        "the secret id would be in the state"
    ),
    "vault:generic/secret:Secret": "its value would be in the state",
    "vault:kv/secret:Secret": "its value would be in the state",
    "vault:kv/secretV2:SecretV2": "its value would be in the state",
    "vault:index/token:Token": "the token would be in the state",
}
_LOOKS_SECRET = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|\bhv[sb]\.[\w-]{24,}|-----BEGIN [A-Z ]*PRIVATE"
)


def _no_credential(kind: str, properties: Properties) -> Complaints:
    if kind in _CREDENTIALS:
        yield f"a credential: {_CREDENTIALS[kind]}"
    elif _LOOKS_SECRET.search(json.dumps(properties, default=str)):
        yield "a property that looks like a credential; its value is not repeated here"


def _no_second_rotator(kind: str, _: Properties) -> Complaints:
    if kind == "aws:secretsmanager/secretRotation:SecretRotation":
        yield "two rotators of one secret race for AWSPENDING"
    if kind == "vault:aws/secretBackendStaticRole:SecretBackendStaticRole":
        yield "Vault would remove the keys that this installation makes"


def _encrypted(kind: str, properties: Properties) -> Complaints:
    if kind == "aws:secretsmanager/secret:Secret" and not properties.get("kmsKeyId"):
        yield "no customer managed key: anybody of the account who may read it can decrypt it"
    if kind == "aws:kms/key:Key" and not properties.get("enableKeyRotation"):
        yield "a key that AWS does not rotate"
    # The alarm on failed deliveries must not depend on the key that made them fail.
    fallback = str(properties.get("name", "")).endswith("-undelivered")
    if kind == "aws:sns/topic:Topic" and not properties.get("kmsMasterKeyId") and not fallback:
        yield "alarms in clear"


def _bounded(kind: str, properties: Properties) -> Complaints:
    if kind in ("aws:iam/user:User", "aws:iam/role:Role"):
        if not properties.get("permissionsBoundary"):
            yield "no permissions boundary"
        if properties.get("managedPolicyArns") or properties.get("inlinePolicies"):
            yield "policies inside the role itself undo those that are attached"


def _adopted(kind: str, properties: Properties) -> Complaints:
    """Its owner decides on it, and a person should know."""
    named = {
        "aws:secretsmanager/secret:Secret": ("kmsKeyId", "key"),
        "aws:iam/user:User": ("permissionsBoundary", "boundary"),
    }
    if kind in named:
        name, called = named[kind]
        if properties.get(name) == LEFT_AS_IT_IS:
            yield f"adopted without a {called} of its own, and left so"


def _stays(_: str, properties: Properties) -> Complaints:
    if properties.get("forceDestroy"):
        yield "forceDestroy would delete what is alive"
    if properties.get("recoveryWindowInDays") == 0:
        yield "without a recovery window a deleted secret is gone at once"


def _narrow(kind: str, properties: Properties) -> Complaints:
    """A ceiling and a denial may be wide. In a key's own policy `*` is that key."""
    if kind.startswith("aws:kms/"):
        return
    for name in ("policy", "assumeRolePolicy"):
        document = _parsed(properties.get(name))
        for statement in document.get("Statement", []):
            if statement.get("Effect") == "Allow":
                yield from _too_wide(statement)


def _too_wide(statement: dict[str, Any]) -> Complaints:
    if any("*" in action for action in _listed(statement.get("Action", "*"))):
        yield "an action with a wildcard"
    wide = [name for name in _listed(statement.get("Resource", ())) if name.endswith((":*", "*:*"))]
    if wide or "*" in _listed(statement.get("Resource", ())):
        yield "every resource, where one could be named"
    principal = statement.get("Principal")
    if principal == "*" or (isinstance(principal, dict) and "*" in principal.values()):
        yield "everybody as principal"


def _parsed(text: object) -> dict[str, Any]:
    """Vault's are no JSON; what is not known yet at a preview is looked at in the update."""
    if not isinstance(text, str) or not text.startswith("{"):
        return {}
    document = json.loads(text)
    return document if isinstance(document, dict) else {}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _rule(
    name: str,
    says: str,
    look: Callable[[str, Properties], Complaints],
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        left = dict.fromkeys(args.opts.ignore_changes, LEFT_AS_IT_IS)
        for complaint in look(args.resource_type, {**left, **args.props}):
            report(f"{args.name}: {complaint}", None)

    return ResourceValidationPolicy(
        name=name, description=says, enforcement_level=level, validate=validate
    )


RULES: list[Policy] = [
    _rule("no-credential", "No credential is made or kept by a stack.", _no_credential),
    _rule("no-second-rotator", "Nobody else rotates what we rotate.", _no_second_rotator),
    _rule("encrypted", "Secrets and alarms are encrypted with a key of our own.", _encrypted),
    _rule("bounded", "Users and roles have a boundary.", _bounded),
    _rule("adopted", "What is taken in stays as it is.", _adopted, EnforcementLevel.ADVISORY),
    _rule("stays", "Nothing that is alive can be destroyed by a stack.", _stays),
    _rule("narrow", "What is allowed names its actions and resources.", _narrow),
]
