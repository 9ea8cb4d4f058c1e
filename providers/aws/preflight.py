"""What each role can really do, asked of IAM before anything depends on it.

IAM answers for identity policies and boundaries. It does not see policies of secrets and keys,
service control policies of the organisation, or what a session adds.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from providers.aws import arns
from providers.aws.errors import translated
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import Grant
from rotation.interfaces import Need, Scope, Shortfall
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

    from providers.aws.clients import AwsConnection

Context = Mapping[str, str | tuple[str, ...]]


def check(
    scope: Scope, connection: "AwsConnection", sets: Collection[PermissionSet]
) -> Iterator[Shortfall]:
    """One question for each grant of each secret and each label that it is limited to."""
    looks = PermissionSet.OBSERVE if PermissionSet.OBSERVE in sets else next(iter(sets))
    known = _Names(connection, looks)
    for need in scope.needs:
        role = connection.options.roles.get(need.under)
        if role is not None and need.under in sets:
            yield from _shortfalls(scope, connection, role, need, known)


class _Names:
    """Exact names of secrets: IAM compares whole names, and nobody can guess how one ends."""

    def __init__(self, connection: "AwsConnection", under: PermissionSet) -> None:
        self._connection = connection
        self._under = under
        self._known: dict[str, tuple[str, str | None]] = {}

    def of(self, secret: SecretsManagerOptions) -> tuple[str, str | None]:
        """Its ARN, and that of its key if it is a customer's own."""
        if secret.name not in self._known:
            client = self._connection.secrets_manager(self._under)
            with translated("secretsmanager:DescribeSecret", of=secret.name, repeatable=True):
                told = client.describe_secret(SecretId=secret.name)
            self._known[secret.name] = told["ARN"], told.get("KmsKeyId")
        return self._known[secret.name]


def _shortfalls(
    scope: Scope, connection: "AwsConnection", role: str, need: Need, known: _Names
) -> Iterator[Shortfall]:
    grant: Grant = need.grant
    for resource, context in _asked(scope, need, known):
        for label in grant.labels or (None,):
            named = {**context, **({"secretsmanager:VersionStage": label} if label else {})}
            if not _is_allowed(connection, role, grant.action, resource, named):
                where = f"{resource} with label {label}" if label else resource
                yield Shortfall(
                    under=need.under, secret=need.part.secret, call=grant.action, on=where
                )


def _asked(scope: Scope, need: Need, known: _Names) -> Iterator[tuple[str, Context]]:
    """The resource of the call, and what else the call would bring along."""
    grant, plugin = need.grant, need.part.options
    options: ConnectionOptions = scope.options
    if isinstance(plugin, AccessKeyOptions):
        yield arns.user_arn(options, plugin), {}
        return
    home, key = known.of(plugin)
    for region in (options.region, *(plugin.replicas if grant.replicas else ())):
        name = arns.moved(home, region)
        context: dict[str, str | tuple[str, ...]] = {"aws:RequestedRegion": region}
        if grant.claimed:
            context["aws:ResourceTag/rotation:owner"] = scope.installation
        if grant.tag_keys:
            context["aws:TagKeys"] = grant.tag_keys
        if grant.resource != "key":
            yield name, context
        elif key is not None and key.startswith("arn:"):
            context["kms:CallerAccount"] = options.account
            context["kms:ViaService"] = f"secretsmanager.{region}.amazonaws.com"
            context["kms:EncryptionContext:SecretARN"] = name
            yield arns.moved(key, region), context


def _is_allowed(
    connection: "AwsConnection", role: str, action: str, resource: str, context: Context
) -> bool:
    entries: list[ContextEntryTypeDef] = [
        {
            "ContextKeyName": key,
            "ContextKeyType": "string" if isinstance(value, str) else "stringList",
            "ContextKeyValues": [value] if isinstance(value, str) else list(value),
        }
        for key, value in context.items()
    ]
    with translated("iam:SimulatePrincipalPolicy", of=role, repeatable=True):
        told = connection.own_iam.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=entries,
        )
    return all(each["EvalDecision"] == "allowed" for each in told["EvaluationResults"])
