"""Which resource an operation is about, and the condition keys that AWS offers with it."""

from __future__ import annotations

from typing import Any

from providers.aws.testing.identity import Principal
from providers.aws.testing.state import Call, State
from providers.aws.testing.wire import Parameters

_WITHOUT_RESOURCE = frozenset({"ListSecrets", "GetRandomPassword", "BatchGetSecretValue"})

_SECRET_KEYS = {
    "secretsmanager:SecretId": "SecretId",
    "secretsmanager:VersionId": "VersionId",
    "secretsmanager:VersionStage": "VersionStage",
    "secretsmanager:RecoveryWindowInDays": "RecoveryWindowInDays",
    "secretsmanager:ForceDeleteWithoutRecovery": "ForceDeleteWithoutRecovery",
    "secretsmanager:Name": "Name",
    "secretsmanager:KmsKeyId": "KmsKeyId",
}
_STS_KEYS = {
    "sts:RoleSessionName": "RoleSessionName",
    "sts:ExternalId": "ExternalId",
    "sts:SourceIdentity": "SourceIdentity",
}


def resource_of(state: State, call: Call) -> tuple[str, dict[str, Any]]:
    """The ARN that a policy would have to name, and the context of the request."""
    finder = {"iam": _iam, "sts": _sts, "secretsmanager": _secret, "cloudtrail": _trail}[
        call.service
    ]
    resource, context = finder(state, call)
    return resource, _global_keys(state, call) | context


def _global_keys(state: State, call: Call) -> dict[str, Any]:
    principal: Principal = call.principal
    keys: dict[str, Any] = {
        "aws:PrincipalArn": principal.role_arn or principal.arn,
        "aws:PrincipalAccount": state.account,
        "aws:ResourceAccount": state.account,
        "aws:RequestedRegion": call.region,
        "aws:CurrentTime": f"{state.clock.now():%Y-%m-%dT%H:%M:%SZ}",
        "aws:EpochTime": int(state.clock.time()),
        # Loopback stands for TLS here; a policy that asks for TLS must not fail on it.
        "aws:SecureTransport": "true",
        "aws:userid": principal.unique_id,
    }
    if principal.user_name is not None:
        keys["aws:username"] = principal.user_name
    if principal.issued_at is not None:
        keys["aws:TokenIssueTime"] = f"{principal.issued_at:%Y-%m-%dT%H:%M:%SZ}"
        keys["aws:MultiFactorAuthPresent"] = str(principal.with_mfa).lower()
    tags = call.parameters.get("Tags")
    if tags:
        keys |= {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
        keys["aws:TagKeys"] = [tag["Key"] for tag in tags]
    elif "TagKeys" in call.parameters:
        keys["aws:TagKeys"] = call.parameters["TagKeys"]
    return keys


def _secret(state: State, call: Call) -> tuple[str, dict[str, Any]]:
    context = _present(call.parameters, _SECRET_KEYS)
    if call.operation in _WITHOUT_RESOURCE:
        return "*", context
    name = str(call.parameters.get("SecretId", call.parameters.get("Name", "*")))
    secret = state.shelf.peek(call.region, name, state.clock.now())
    if secret is None:
        prefix = f"arn:aws:secretsmanager:{call.region}:{state.account}:secret:"
        return (name if name.startswith("arn:") else f"{prefix}{name}"), context
    return secret.arn, context | _tags(secret.tags, "secretsmanager")


def _iam(state: State, call: Call) -> tuple[str, dict[str, Any]]:
    parameters = call.parameters
    prefix = f"arn:aws:iam::{state.account}:"
    context: dict[str, Any] = {}
    if "PolicyArn" in parameters:
        context["iam:PolicyARN"] = parameters["PolicyArn"]
    if "PermissionsBoundary" in parameters:
        context["iam:PermissionsBoundary"] = parameters["PermissionsBoundary"]
    path = parameters.get("Path", "/")
    if "RoleName" in parameters:
        role = state.iam.roles.get(parameters["RoleName"])
        if role is None:
            return f"{prefix}role{path}{parameters['RoleName']}", context
        return role.arn, context | _tags(role.tags, "iam")
    if "PolicySourceArn" in parameters:
        return str(parameters["PolicySourceArn"]), context
    name = _user_name(state, call)
    if name is not None:
        user = state.iam.users.get(name)
        if user is None:
            return f"{prefix}user{path}{name}", context
        tags = state.iam.tagger.list_tags_for_resource(user.arn)["Tags"]
        return user.arn, context | _tags(tags, "iam")
    if "GroupName" in parameters:
        return f"{prefix}group{path}{parameters['GroupName']}", context
    if "PolicyName" in parameters:
        return f"{prefix}policy{path}{parameters['PolicyName']}", context
    return parameters.get("PolicyArn", "*"), context


def _user_name(state: State, call: Call) -> str | None:
    if "UserName" in call.parameters:
        return str(call.parameters["UserName"])
    if call.operation == "GetAccessKeyLastUsed":
        key = state.iam.access_keys.get(call.parameters["AccessKeyId"])
        return key.user_name if key else None
    acts_on_caller = call.operation == "GetUser" or call.operation.endswith(
        ("AccessKey", "AccessKeys")
    )
    return call.principal.user_name if acts_on_caller else None


def _sts(_: State, call: Call) -> tuple[str, dict[str, Any]]:
    return call.parameters.get("RoleArn", "*"), _present(call.parameters, _STS_KEYS)


def _trail(_: State, call: Call) -> tuple[str, dict[str, Any]]:
    return str(call.parameters.get("TrailName", call.parameters.get("Name", "*"))), {}


def _present(parameters: Parameters, keys: dict[str, str]) -> dict[str, Any]:
    return {key: parameters[name] for key, name in keys.items() if name in parameters}


def _tags(tags: list[dict[str, str]] | None, service: str) -> dict[str, Any]:
    return {
        f"{prefix}:ResourceTag/{tag['Key']}": tag["Value"]
        for tag in tags or []
        for prefix in ("aws", service)
    }
