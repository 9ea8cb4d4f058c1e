"""Everything of one AWS connection, in the order in which it depends on each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws_existing import Account
from infra.aws_keys import Keys, KeysArgs
from infra.aws_roles import Roles, RolesArgs
from infra.aws_stores import Stores, StoresArgs, Surroundings, Users, UsersArgs
from infra.aws_trail import assert_heard
from infra.aws_watch import Trail, TrailArgs, Watch, WatchArgs
from infra.documents import foreseen
from infra.names import this_stack
from infra.settings import Settings, refused
from providers.aws.alarms import LOOKS, alarms
from providers.aws.names import bucket_name, event_rule_name, external_id, policy_name
from providers.aws.options import ConnectionOptions
from providers.aws.resources import AwsStack
from providers.aws.stack import obstacles, with_stack_settings
from rotation.interfaces import Scope
from rotation.permissions.naming import place

_SERVICES = (
    "cloudtrail",
    "cloudwatch",
    "events",
    "iam",
    "kms",
    "resourcegroupstaggingapi",
    "s3",
    "secretsmanager",
    "sns",
    "sts",
)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A connection that was looked at: nothing stands in the way of declaring it. existing: name ->
    ARN of the secrets that are taken in."""

    context: Surroundings
    provider: aws.Provider
    existing: Mapping[str, str]


def context(scope: Scope, settings: Settings, states: Mapping[str, str]) -> Surroundings:
    """What every part of one connection is made from. Raises RunError where there can be no stack,
    and UsageError where a name is too long."""
    if found := list(obstacles(scope, settings)):
        raise refused(*found)
    scope = with_stack_settings(scope, settings)
    made = Surroundings(
        scope=scope,
        settings=settings,
        states=states,
        roles=scope.options.roles,
        stack=this_stack(),
    )
    _assert_names(made)
    return made


def ready(scope: Scope, settings: Settings, states: Mapping[str, str]) -> Ready:
    """Everything that can be refused is refused here, of every connection, before a resource of
    any is declared: what is declared meanwhile, `pulumi up` would make."""
    surroundings = context(scope, settings, states)
    provider = provider_of(surroundings)
    account = Account(surroundings, provider)
    account.assert_meant()
    assert_heard(surroundings)
    for remark in AwsStack().made(scope, settings, states).remarks:
        pulumi.log.info(f"connection {scope.connection}: {remark}")
    return Ready(context=surroundings, provider=provider, existing=account.to_take_in())


def declare(ready: Ready) -> dict[str, Any]:
    """Returns what the runner has to know of it, and what other stacks may."""
    context, below = ready.context, pulumi.ResourceOptions(provider=ready.provider)
    scope, name = context.scope, place(context.scope)
    own: str | None = scope.options.kms_key
    keys: Mapping[str, pulumi.Output[str]] = {}
    if own is None:
        keys = Keys(name, KeysArgs(stack=context), below).arns
    stores = Stores(name, StoresArgs(context=context, keys=keys, existing=ready.existing), below)
    Users(name, UsersArgs(context=context), below)
    key: pulumi.Input[str] = own or keys[scope.options.region]
    Roles(name, RolesArgs(context=context, key=key, secrets=stores.arns), below)
    topics: Mapping[str, pulumi.Input[str]] = {}
    if context.settings.alarms:
        # The policy of a key that is there already lets no alarm through, and is not ours to change.
        if own is not None and context.makes_topics:
            keys = Keys(f"{name}-alarms", KeysArgs(stack=context, what=("alarms",)), below).arns
        topics = Watch(name, WatchArgs(context=context, keys=keys), below).topics
    if context.settings.trail:
        Trail(name, TrailArgs(context=context), below)
    bindings = {
        "roles": dict(context.roles), "external_id": external_id(scope), "kms_key": key,
        "runner": scope.options.runner, "deployer": scope.options.deployer,
    }  # fmt: skip
    return {"bindings": bindings, "topics": topics, "secrets": stores.arns}


def _assert_names(context: Surroundings) -> None:
    """Each name that is made of others is asked for once, for it may be too long."""
    scope = context.scope
    for document in foreseen(scope):
        policy_name(scope, document.name)
    for alarm in alarms(scope):
        event_rule_name(scope, alarm.name)
    event_rule_name(scope, LOOKS)
    if context.makes_trail and not context.settings.trail_bucket:
        bucket_name(scope)


def provider_of(context: Surroundings) -> aws.Provider:
    """Refuses by itself any other account than the declared one. An endpoint of this machine is
    for tries; it is no AWS and knows no account check of the provider's."""
    options: ConnectionOptions = context.scope.options
    local = options.endpoint is not None
    endpoints = [
        aws.ProviderEndpointArgs(**dict.fromkeys(_SERVICES, options.endpoint))
    ] if local else None  # fmt: skip
    return aws.Provider(
        f"aws-{place(context.scope)}",
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
