"""Everything of one AWS connection, in the order in which it depends on each other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws_keys import Keys
from infra.aws_roles import Roles, external_id, role_arns
from infra.aws_stores import Stores, Surroundings, Users
from infra.aws_watch import Trail, Watch
from infra.documents import Documents
from infra.settings import Settings, refused
from providers.aws.alarms import IAM_REGION
from providers.aws.iam import regions_of
from providers.aws.options import ConnectionOptions, SecretsManagerOptions
from rotation.interfaces import Scope

STACK_TAG = "rotation:stack"

_SERVICES = (
    "cloudtrail",
    "cloudwatch",
    "events",
    "iam",
    "kms",
    "s3",
    "secretsmanager",
    "sns",
    "sts",
)


def declare(scope: Scope, settings: Settings, states: Mapping[str, str]) -> dict[str, Any]:
    """Returns what the runner has to know of it."""
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    provider = _provider(scope.connection, scope.options)
    _assert_account(scope, provider)
    roles = role_arns(scope)
    _assert_roles(scope, roles)
    around = Surroundings(
        scope=replace(scope, options=replace(scope.options, roles=roles)),
        settings=settings,
        states=states,
        roles=roles,
        stack=stack,
    )
    below = pulumi.ResourceOptions(provider=provider)
    regions = regions_of(scope)
    keys = _keys(around, regions, below)
    stores = Stores(around, keys, _existing(around, provider), below)
    Users(around, below)
    key: pulumi.Input[str] = keys.arn if keys else scope.options.kms_key
    Roles(around, Documents(around.scope, key, stores.arns), below)
    Watch(around, keys, regions, below)
    if settings.trail:
        Trail(around, below)
    return {"roles": roles, "external_id": external_id(scope), "kms_key": key}


def _provider(name: str, options: ConnectionOptions) -> aws.Provider:
    """Refuses by itself any other account than the declared one. An endpoint of this machine is
    for tries; it is no AWS and knows no account check of the provider's."""
    local = options.endpoint is not None
    endpoints = [
        aws.ProviderEndpointArgs(**dict.fromkeys(_SERVICES, options.endpoint))
    ] if local else None  # fmt: skip
    return aws.Provider(
        f"aws-{name}",
        region=options.region,
        profile=options.profile,
        shared_credentials_files=[options.credentials_file] if options.credentials_file else None,
        allowed_account_ids=None if local else [options.account],
        custom_ca_bundle=options.ca_bundle,
        http_proxy=options.proxy,
        https_proxy=options.proxy,
        endpoints=endpoints,
        s3_use_path_style=local or None,
        skip_metadata_api_check=local or None,
        skip_requesting_account_id=local or None,
        skip_credentials_validation=local or None,
    )


def _assert_account(scope: Scope, provider: aws.Provider) -> None:
    """Without credentials this call fails, in the provider's own words, before anything else."""
    told = aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider))
    if told.account_id != scope.options.account:
        raise refused(
            f"connection {scope.connection} is account {scope.options.account}, but these "
            f"credentials are of another one"
        )


def _assert_roles(scope: Scope, roles: Mapping[str, str]) -> None:
    for under, arn in scope.options.roles.items():
        if roles.get(under) != arn:
            raise refused(
                f"connection {scope.connection} names a role of its own for {under}; leave `roles:` "
                "out, `bindings:` tells the runner those that this stack makes"
            )


def _existing(around: Surroundings, provider: aws.Provider) -> dict[str, str]:
    """Name -> ARN of the secrets that are there and that this stack did not make. One that is
    neither adopted nor ours would fail in the middle of an apply."""
    stored = {
        part.options.name: part
        for part in around.scope.parts
        if isinstance(part.options, SecretsManagerOptions)
    }
    if not stored:
        return {}
    asked = pulumi.InvokeOptions(provider=provider)
    there = aws.secretsmanager.get_secrets(opts=asked)
    ours = aws.secretsmanager.get_secrets(
        filters=[
            aws.secretsmanager.GetSecretsFilterArgs(name="tag-key", values=[STACK_TAG]),
            aws.secretsmanager.GetSecretsFilterArgs(name="tag-value", values=[around.stack]),
        ],
        opts=asked,
    )
    found = dict(zip(there.names, there.arns, strict=True))
    foreign = {name for name in found if name in stored} - set(ours.names)
    surprising = sorted(name for name in foreign if not around.adopts(stored[name]))
    missing = sorted(
        part.secret for name, part in stored.items() if around.adopts(part) and name not in found
    )
    if surprising or missing:
        raise refused(
            *(f"secret {name} exists already: rotation:adopt takes it in" for name in surprising),
            *(f"rotation:adopt names {name}, but there is no such secret" for name in missing),
        )
    return {name: arn for name, arn in found.items() if name in foreign}


def _keys(
    around: Surroundings, regions: tuple[str, ...], below: pulumi.ResourceOptions
) -> Keys | None:
    """None where the configuration names a key that is there already."""
    if around.scope.options.kms_key is not None:
        return None
    others = [region for region in dict.fromkeys((*regions, IAM_REGION)) if region != regions[0]]
    tags = {"rotation:owner": around.scope.installation, STACK_TAG: around.stack}
    return Keys(around.scope, others, tags, below)
