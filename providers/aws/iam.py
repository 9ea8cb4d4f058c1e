"""The grants of one connection as IAM documents: a role per permission set, and further holders.

There are two forms. *Exact*: every secret and user by name. *By path and tag*, where exact names
would come near IAM's limits: their common path if they have one, and per environment the tags of
the applications. Whatever makes the resources has to set those tags (`infra/` does).

The boundary is one document for all roles: names, else the common path, else actions and tags. No
role can exceed it, whatever is attached to the role; its own documents say which secrets it has.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Protocol

from providers.aws import arns
from providers.aws.limits import boundary_denials, reader_denials, role_denials
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import BREAK_GLASS, CONNECTION, GRANTS, Grant, Grants
from providers.aws.statements import (
    DOCUMENT_MAX,
    DOCUMENTS_MAX,
    Condition,
    Statement,
    Values,
    assert_taken,
    documents,
    merged,
    text,
)
from rotation.errors import UsageError
from rotation.interfaces import Call, Need, Part, PolicyDocument, Scope
from rotation.permissions.naming import place
from rotation.permissions.resources import Stacked
from rotation.types import PermissionSet


class Form(Protocol):
    """How the resources of a kind are named."""

    def __call__(
        self, scope: Scope, resource: str, parts: Iterable[Part], *, replicas: bool
    ) -> tuple[str, ...]: ...


# The documents' limit per holder: where exact names take more, resources are named by path and tag.
MOST = int(0.8 * DOCUMENTS_MAX)

# The sets whose steps log in with what is rotated.
LOGINS = (PermissionSet.VERIFY, PermissionSet.PROVE)

OWNER, APPLICATION, ENVIRONMENT = "rotation:owner", "rotation:application", "rotation:environment"


class IamRenderer:
    """Writes what the runner's roles, the boundary, the base credentials and the readers get."""

    def grants(self) -> Mapping[str, Grants]:
        return GRANTS

    def stack(self) -> Stacked:
        from providers.aws.resources import AwsStack  # noqa: PLC0415 -- which renders with this

        return AwsStack()

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        """One holder after the other: the sets, `base`, `boundary`,
        `read-<application>-<environment>`."""
        return [
            *(each for under in PermissionSet for each in _of_set(scope, under)),
            *_of_base(scope),
            _boundary(scope),
            *_of_readers(scope),
        ]

    def calls(self, scope: Scope) -> Iterator[Call]:
        """The base credentials assume each set's role, and a rotated credential asks who it is."""
        for under in PermissionSet:
            needs = [need for need in scope.needs if need.under is under]
            if needs and under in scope.options.roles:
                role = scope.options.roles[under]
                yield Call(under=under, secret=needs[0].part.secret, call="sts:AssumeRole", on=role)
        for need in scope.needs:
            for name in _named(scope, need):
                yield Call(
                    under=need.under, secret=need.part.secret, call=need.grant.action, on=name
                )
        for part in scope.parts:
            for under in LOGINS if part.type == "aws-sts" else ():
                yield Call(under=under, secret=part.secret, call="sts:GetCallerIdentity", on="*")


def _named(scope: Scope, need: Need) -> tuple[str, ...]:
    names = _each(scope, need.grant.resource, [need.part], replicas=need.grant.replicas)
    if need.grant.resource != "key":
        return names
    return arns.key_arns(scope.options, _regions(scope, names))


def _of_set(scope: Scope, under: PermissionSet) -> Iterator[PolicyDocument]:
    needs = [need for need in scope.needs if need.under is under]
    if not needs:
        return
    if under is PermissionSet.CONTAIN:
        needs += [
            replace(need, grant=Grant(action=action, resource="user", premade=True))
            for need in needs
            if isinstance(need.part.options, AccessKeyOptions)
            for action in BREAK_GLASS
        ]
    denials = list(role_denials(need.grant for need in needs))
    yield from _fitting(
        str(under),
        lambda: [*_exact(scope, needs), *denials],
        lambda: [*_tagged(scope, needs), *denials],
    )


def _fitting(
    holder: str, exact: Callable[[], list[Statement]], tagged: Callable[[], list[Statement]]
) -> Iterator[PolicyDocument]:
    texts, remark = documents(exact()), ""
    if len(texts) > MOST:
        remark = f"by path and tag: exact names take {len(texts)} documents, more than {MOST}"
        texts = documents(tagged())
    assert_taken(texts, holder)
    for number, each in enumerate(texts, 1):
        name = holder if number == 1 else f"{holder}-{number}"
        yield PolicyDocument(name=name, holder=holder, text=each, remark=remark)


def _of_base(scope: Scope) -> Iterator[PolicyDocument]:
    """Where roles are named, the base credentials only assume them."""
    options: ConnectionOptions = scope.options
    if options.roles:
        actions = tuple(grant.action for grant in CONNECTION)
        roles = tuple(sorted(set(options.roles.values())))
        yield PolicyDocument(
            name="base", holder="base", text=text([Statement(actions=actions, resources=roles)])
        )


def _boundary(scope: Scope) -> PolicyDocument:
    """No role of the runner can ever do more than all of them need together."""
    denials, written = list(boundary_denials(scope.options, regions_of(scope))), ""
    for ceiling, remark in _ceilings(scope):
        written = text([*ceiling, *denials])
        if len(written) <= DOCUMENT_MAX:
            return PolicyDocument(name="boundary", holder="boundary", text=written, remark=remark)
    raise UsageError(
        "policy.too-large",
        f"the boundary needs {len(written)} characters; IAM takes {DOCUMENT_MAX}",
        "split the installation, e.g. one per environment",
    )


def _ceilings(scope: Scope) -> Iterator[tuple[Iterable[Statement], str]]:
    """The possible boundaries, the narrowest first."""
    yield _ceiling(scope, _each), ""
    if all(_has_path(scope, kind, needs) for kind, needs in _by_kind(scope.needs).items()):
        yield _ceiling(scope, _below), "by path: exact names do not fit"
    else:
        yield _by_tag(scope), "by action and tag: exact names do not fit, and have no common path"


def _has_path(scope: Scope, kind: str, needs: Iterable[Need]) -> bool:
    below = _below(scope, kind, [need.part for need in needs], replicas=False)
    return not any(name.endswith(("user/*", "secret:*")) for name in below)


def _by_tag(scope: Scope) -> Iterator[Statement]:
    """Resources that are tagged as another installation's or environment's are out of reach, and
    only what we claimed is written. An adopted resource has no tag before it is claimed."""
    owner = {f"aws:ResourceTag/{OWNER}": scope.installation}
    environments = tuple(sorted({part.environment for part in scope.parts}))
    here: Mapping[str, Values] = {f"aws:ResourceTag/{ENVIRONMENT}": environments}
    for kind, needs in _by_kind(scope.needs).items():
        names = _below(scope, kind, [need.part for need in needs], replicas=True)
        if kind == "key":
            yield from _with_key(scope, _actions(kind, needs), names)
            continue
        anyhow = {need.grant.action for need in needs if not need.grant.claimed}
        written = tuple(sorted({need.grant.action for need in needs} - anyhow))
        free = tuple(each for each in _actions(kind, needs) if each not in written)
        unless_said: Condition = {"StringEqualsIfExists": {**owner, **here}}
        claimed: Condition = {"StringEquals": owner, "StringEqualsIfExists": here}
        yield Statement(actions=free, resources=names, condition=unless_said)
        if written:
            yield Statement(actions=written, resources=names, condition=claimed)


def _ceiling(scope: Scope, form: Form) -> Iterator[Statement]:
    """Every action of every set, on every resource of its kind."""
    for kind, needs in _by_kind(scope.needs).items():
        names = form(scope, kind, [need.part for need in needs], replicas=True)
        actions = _actions(kind, needs)
        if kind == "key":
            yield from _with_key(scope, actions, names)
        else:
            yield Statement(actions=actions, resources=names)


def _actions(kind: str, needs: Iterable[Need]) -> tuple[str, ...]:
    """Including those that an operator may use in an emergency."""
    needed = {need.grant.action for need in needs}
    return tuple(sorted(needed | set(BREAK_GLASS) if kind == "user" else needed))


def _by_kind(needs: Iterable[Need]) -> dict[str, list[Need]]:
    found: dict[str, list[Need]] = {}
    for need in needs:
        found.setdefault(need.grant.resource, []).append(need)
    return found


def _of_readers(scope: Scope) -> Iterator[PolicyDocument]:
    """Consumers read what is current or was before, never what is pending."""
    stored = [part for part in scope.parts if isinstance(part.options, SecretsManagerOptions)]
    stored.sort(key=_owner_of)
    for (application, environment), group in groupby(stored, _owner_of):
        parts = list(group)
        tags = {f"aws:ResourceTag/{APPLICATION}": application,
                f"aws:ResourceTag/{ENVIRONMENT}": environment}  # fmt: skip
        yield from _fitting(
            f"read-{application}-{environment}",
            partial(_reading, scope, _each(scope, "secret", parts, replicas=True), {}),
            partial(_reading, scope, _below(scope, "secret", parts, replicas=True), tags),
        )


def _reading(scope: Scope, names: tuple[str, ...], tags: Mapping[str, str]) -> list[Statement]:
    own: dict[str, Mapping[str, str | tuple[str, ...]]] = {"StringEquals": tags} if tags else {}
    current = {"secretsmanager:VersionStage": ("AWSCURRENT", "AWSPREVIOUS")}
    return [
        Statement(
            actions=("secretsmanager:GetSecretValue",),
            resources=names,
            condition={**own, "StringEqualsIfExists": current},
        ),
        Statement(actions=("secretsmanager:DescribeSecret",), resources=names, condition=own),
        *_with_key(scope, ("kms:Decrypt",), names),
        *reader_denials(names),
    ]


def _owner_of(part: Part) -> tuple[str, str]:
    return part.application, part.environment


# ------------------------------------------------------------------------------ the two forms


def _exact(scope: Scope, needs: Iterable[Need]) -> list[Statement]:
    return merged(
        each
        for grant, parts in _by_grant(needs).items()
        for each in _statements(
            scope, grant, _each(scope, grant.resource, parts, replicas=grant.replicas), {}
        )
    )


def _tagged(scope: Scope, needs: Iterable[Need]) -> list[Statement]:
    """A statement per environment: both tags must match as a pair."""
    statements = []
    for grant, parts in _by_grant(needs).items():
        parts.sort(key=lambda part: part.environment)
        for environment, group in groupby(parts, lambda part: part.environment):
            mine = list(group)
            tags: Mapping[str, str | tuple[str, ...]] = {
                f"aws:ResourceTag/{ENVIRONMENT}": environment,
                f"aws:ResourceTag/{APPLICATION}": tuple(sorted({p.application for p in mine})),
            }
            below = _below(scope, grant.resource, mine, replicas=grant.replicas)
            statements += _statements(scope, grant, below, tags)
    return merged(statements)


def _by_grant(needs: Iterable[Need]) -> dict[Grant, list[Part]]:
    found: dict[Grant, list[Part]] = {}
    for need in needs:
        found.setdefault(need.grant, []).append(need.part)
    return found


def _statements(
    scope: Scope, grant: Grant, names: tuple[str, ...], tags: Mapping[str, str | tuple[str, ...]]
) -> list[Statement]:
    if grant.resource == "key":
        return _with_key(scope, (grant.action,), names)
    equal = dict(tags)
    if grant.labels:
        equal["secretsmanager:VersionStage"] = grant.labels
    if grant.claimed:
        equal[f"aws:ResourceTag/{OWNER}"] = scope.installation
    condition: dict[str, Mapping[str, str | tuple[str, ...]]] = {}
    if equal:
        condition["StringEquals"] = equal
    if grant.premade:
        allowed = tuple(premade(scope, name) for name in PREMADE)
        condition["ArnEquals"] = {"iam:PolicyARN": allowed}
    if grant.tag_keys:
        condition["ForAllValues:StringEquals"] = {"aws:TagKeys": grant.tag_keys}
        condition["Null"] = {"aws:TagKeys": "false"}  # an empty list of keys would match any tags
    return [Statement(actions=(grant.action,), resources=names, condition=condition)]


def _with_key(scope: Scope, actions: tuple[str, ...], secrets: Sequence[str]) -> list[Statement]:
    """Use of the key, only through Secrets Manager and only for these secrets."""
    regions = _regions(scope, secrets)
    keys = arns.key_arns(scope.options, regions)
    services = tuple(
        f"secretsmanager.{region}.amazonaws.com" for region in (scope.options.region, *regions)
    )
    condition: Condition = {
        "StringEquals": {"kms:ViaService": services},
        "StringLike": {"kms:EncryptionContext:SecretARN": tuple(secrets)},
    }
    return [Statement(actions=actions, resources=keys, condition=condition)] if keys else []


def _regions(scope: Scope, secrets: Iterable[str]) -> list[str]:
    """The regions of those secrets, except the connection's own."""
    return sorted({name.split(":")[3] for name in secrets} - {scope.options.region})


def _each(scope: Scope, resource: str, parts: Iterable[Part], *, replicas: bool) -> tuple[str, ...]:
    options: ConnectionOptions = scope.options
    if resource.startswith("arn:"):
        return (resource,)
    if resource == "user":
        return tuple(sorted({arns.user_arn(options, part.options) for part in parts}))
    return tuple(
        sorted(
            {
                arn
                for part in parts
                for arn in arns.secret_arns(options, part.options, scope.known, replicas=replicas)
            }
        )
    )


def _below(
    scope: Scope, resource: str, parts: Iterable[Part], *, replicas: bool
) -> tuple[str, ...]:
    options: ConnectionOptions = scope.options
    plugins = [part.options for part in parts]
    if resource.startswith("arn:"):
        return (resource,)
    if resource == "user":
        return (arns.users_below(options, plugins),)
    return arns.secrets_below(options, plugins, replicas=replicas)


def regions_of(scope: Scope) -> tuple[str, ...]:
    """The connection's own region, and those that its secrets are copied to."""
    stored = (part.options for part in scope.parts)
    replicas = {
        region
        for options in stored
        if isinstance(options, SecretsManagerOptions)
        for region in options.replicas
    }
    return (scope.options.region, *sorted(replicas - {scope.options.region}))


PREMADE = ("quarantine", "revoke-sessions")


def premade(scope: Scope, name: str) -> str:
    """The ARN of a policy for the emergency role that is made in advance."""
    called = scope.called(place(scope), name)
    return arns.account_arn(scope.options, f"policy{arns.path(scope)}{called}")
