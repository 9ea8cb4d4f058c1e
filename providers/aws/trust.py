"""Who may assume each of the runner's roles."""

from collections.abc import Iterable, Iterator
from typing import Any

from providers.aws.names import external_id
from providers.aws.stack import Stack
from rotation.types import PermissionSet


def trust(stack: Stack, under: str) -> dict[str, Any]:
    settings = stack.settings
    known = {"StringEquals": {"sts:ExternalId": external_id(stack.scope)}}
    statements = []
    if under != PermissionSet.CLAIM:
        statements.append(_may_assume("TheRunner", [settings.runner], known))
    if under not in (PermissionSet.REVOKE, PermissionSet.CONTAIN):
        # `create` and `adopt` run as the operator: with claim, and with everything else that they
        # do.
        users = [each for each in settings.operators if ":user/" in each]
        statements += _people("Operator", users, set(settings.operators) - set(users), known)
    if under in (PermissionSet.CONTAIN, PermissionSet.OBSERVE):
        statements += _people("OnCall", settings.emergency_users, settings.emergency_roles, {})
    return {"Version": "2012-10-17", "Statement": statements or [_nobody()]}


def _people(
    who: str, users: Iterable[str], roles: Iterable[str], also: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """A user with MFA, or a person from the sign-in provider. That one checks MFA, which AWS cannot
    see, and names the person by a source identity."""
    if users:
        mfa = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
        yield _may_assume(f"{who}WithMfa", users, {**also, **mfa})
    if roles:
        named = {"Null": {"aws:SourceIdentity": "false"}}
        federated = _may_assume(f"{who}SignedIn", roles, {**also, **named})
        federated["Action"] = ["sts:AssumeRole", "sts:SetSourceIdentity"]
        yield federated


def _may_assume(sid: str, principals: Any, condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": sorted(principals)},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }


def _nobody() -> dict[str, Any]:
    """A trust policy must have a statement. Only people assume this role, and none is named."""
    return {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}
