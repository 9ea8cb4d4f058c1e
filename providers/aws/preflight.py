"""What each role can really do, asked of IAM before anything depends on it.

IAM answers for identity policies and boundaries. It does not consider policies of secrets and keys,
service control policies of the organisation, or what a session adds.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from providers.aws import arns
from providers.aws.errors import translated
from providers.aws.iam import APPLICATION, ENVIRONMENT, OWNER
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import Grant
from providers.aws.statements import Values
from rotation.interfaces import Call, Need, Part, Scope
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef
    from mypy_boto3_secretsmanager.type_defs import DescribeSecretResponseTypeDef

    from providers.aws.clients import AwsConnection

Context: TypeAlias = tuple[tuple[str, Values], ...]

# Resources in one request.
MOST = 50

_TAG = "aws:ResourceTag/"


@dataclass(frozen=True, slots=True)
class _Question:
    """One call of a role, and the context that it would send."""

    role: str
    action: str
    on: str
    context: Context


def check(
    scope: Scope, connection: "AwsConnection", sets: Collection[PermissionSet]
) -> Iterator[Call]:
    """Asks for each grant of each secret and each label that it is limited to; together, where role
    and context are the same. A call that uses a key names its secret, so it is asked alone."""
    looks = PermissionSet.OBSERVE if PermissionSet.OBSERVE in sets else next(iter(sets))
    known = _Names(connection, looks)
    roles = connection.options.roles
    calls = [
        (need, call)
        for need in scope.needs
        if need.under in sets and need.under in roles
        for call in _calls(scope, need, roles[need.under], known)
    ]
    allowed = set(_allowed(connection, (call for _, call in calls)))
    for need, call in calls:
        if call not in allowed:
            yield Call(under=need.under, secret=need.part.secret, call=call.action, on=_where(call))


@dataclass(frozen=True, slots=True)
class _Known:
    """keys: a customer's own, by region. tags: those that a policy may require."""

    arn: str
    keys: Mapping[str, str]
    tags: Context


class _Names:
    """Exact names of secrets, because IAM compares whole names and their ends cannot be guessed."""

    def __init__(self, connection: "AwsConnection", under: PermissionSet) -> None:
        self._connection = connection
        self._under = under
        self._known: dict[str, _Known] = {}

    def of(self, secret: SecretsManagerOptions) -> _Known:
        if secret.name not in self._known:
            client = self._connection.secrets_manager(self._under, secret)
            with translated("secretsmanager:DescribeSecret", of=secret.name, repeatable=True):
                described = client.describe_secret(SecretId=secret.name)
            tags = {each["Key"]: each["Value"] for each in described.get("Tags", ())}
            self._known[secret.name] = _Known(
                described["ARN"],
                self._keys(described),
                tuple((_TAG + tag, tags[tag]) for tag in (APPLICATION, ENVIRONMENT) if tag in tags),
            )
        return self._known[secret.name]

    def _keys(self, described: "DescribeSecretResponseTypeDef") -> dict[str, str]:
        options = self._connection.options
        named = {options.region: described.get("KmsKeyId", "")}
        named |= {
            each["Region"]: each["KmsKeyId"] for each in described.get("ReplicationStatus", ())
        }
        # The runner may not resolve an alias, and AWS's own key needs no permission.
        return {
            region: arns.key_arn(options, region, key)
            for region, key in named.items()
            if key and "alias/" not in key
        }


def _calls(scope: Scope, need: Need, role: str, known: _Names) -> Iterator[_Question]:
    grant: Grant = need.grant
    for resource, context in _asked(scope, need, known):
        for label in grant.labels or (None,):
            named = (("secretsmanager:VersionStage", label),) if label else ()
            yield _Question(role, grant.action, resource, (*context, *named))


def _where(call: _Question) -> str:
    label = dict(call.context).get("secretsmanager:VersionStage")
    return f"{call.on} with label {label}" if label else call.on


def _asked(scope: Scope, need: Need, known: _Names) -> Iterator[tuple[str, Context]]:
    """The resource of the call, and its part of the context."""
    grant, plugin = need.grant, need.part.options
    options: ConnectionOptions = scope.options
    if isinstance(plugin, AccessKeyOptions):
        yield arns.user_arn(options, plugin), _promised(need.part)
        return
    secret = known.of(plugin)
    for region in (options.region, *(plugin.replicas if grant.replicas else ())):
        name = arns.moved(secret.arn, region)
        here: Context = (("aws:RequestedRegion", region),)
        if grant.resource != "key":
            yield name, (*here, *secret.tags, *_marked(scope, grant))
        elif region in secret.keys:
            yield (
                secret.keys[region],
                (
                    *here,
                    ("kms:CallerAccount", options.account),
                    ("kms:ViaService", f"secretsmanager.{region}.amazonaws.com"),
                    ("kms:EncryptionContext:SecretARN", name),
                ),
            )


def _promised(part: Part) -> Context:
    """The runner may not read a user's tags, so these are the ones that the stack sets."""
    return ((_TAG + APPLICATION, part.application), (_TAG + ENVIRONMENT, part.environment))


def _marked(scope: Scope, grant: Grant) -> Context:
    """Assumes the claim, because `create` and `adopt` make it before anything needs it."""
    claim: Context = ((_TAG + OWNER, scope.installation),) if grant.claimed else ()
    return (*claim, ("aws:TagKeys", grant.tag_keys)) if grant.tag_keys else claim


def _allowed(connection: "AwsConnection", calls: Iterable[_Question]) -> Iterator[_Question]:
    actions: dict[tuple[str, Context, str], set[str]] = defaultdict(set)
    for call in calls:
        actions[call.role, call.context, call.on].add(call.action)
    alike: dict[tuple[str, Context, tuple[str, ...]], list[str]] = defaultdict(list)
    for (role, context, resource), asked in actions.items():
        alike[role, context, tuple(sorted(asked))].append(resource)
    for (role, context, together), resources in alike.items():
        for begin in range(0, len(resources), MOST):
            batch = resources[begin : begin + MOST]
            for action, resource in _answered(connection, role, together, batch, context):
                yield _Question(role, action, resource, context)


def _answered(
    connection: "AwsConnection",
    role: str,
    actions: Collection[str],
    resources: Collection[str],
    context: Context,
) -> Iterator[tuple[str, str]]:
    """Which of the actions is allowed on which of the resources. The top-level decision is for all
    resources together, so it counts only where no decision per resource is given."""
    asking = connection.own_iam.get_paginator("simulate_principal_policy")
    with translated("iam:SimulatePrincipalPolicy", of=role, repeatable=True):
        results = [
            result
            for page in asking.paginate(
                PolicySourceArn=role,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=list(map(_entry, context)),
            )
            for result in page["EvaluationResults"]
        ]
    for result in results:
        decisions = {
            each["EvalResourceName"]: each["EvalResourceDecision"]
            for each in result.get("ResourceSpecificResults", ())
        } or {result.get("EvalResourceName", ""): result["EvalDecision"]}
        yield from (
            (result["EvalActionName"], resource)
            for resource, decision in decisions.items()
            if decision == "allowed"
        )


def _entry(item: tuple[str, Values]) -> "ContextEntryTypeDef":
    key, value = item
    return {
        "ContextKeyName": key,
        "ContextKeyType": "string" if isinstance(value, str) else "stringList",
        "ContextKeyValues": [value] if isinstance(value, str) else list(value),
    }
