"""Secrets without a value, and the users whose keys are rotated. Never a version, never a key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from infra.names import renamed
from providers.aws.arns import path
from providers.aws.names import policy_name
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from providers.aws.resource_policies import ceiling, policy_of_secret
from providers.aws.stack import Stack
from rotation.interfaces import Part
from rotation.permissions.naming import place


class Surroundings(Stack):
    """What the components of one connection share."""

    def keeping(
        self, parent: pulumi.Resource, part: Part, existing: str | None, *own: str
    ) -> pulumi.ResourceOptions:
        """What is alive is protected, and stays if its line is removed all the same. What exists
        already is taken in as it is. Only what is retired may go."""
        alive = self.is_alive(part)
        return pulumi.ResourceOptions(
            parent=parent,
            protect=alive,
            retain_on_delete=alive,
            import_=existing,
            aliases=renamed(part),
            ignore_changes=list(own) if self.adopts(part) else None,
        )


@dataclass(frozen=True, kw_only=True)
class StoresArgs:
    """keys: by region, where the connection has none of its own. existing: name -> ARN of the
    secrets that are taken in."""

    context: Surroundings
    keys: Mapping[str, pulumi.Input[str]]
    existing: Mapping[str, str] = field(default_factory=dict)


class Stores(pulumi.ComponentResource):
    """The secrets of one connection, by name."""

    def __init__(self, name: str, args: StoresArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Stores", name, None, opts)
        self._context, self._keys = args.context, args.keys
        self.arns: dict[str, pulumi.Output[str]] = {}
        for part in args.context.scope.parts:
            if isinstance(part.options, SecretsManagerOptions):
                self._secret(part, part.options, args.existing)
        self.register_outputs({"arns": self.arns})

    def _secret(
        self, part: Part, options: SecretsManagerOptions, existing: Mapping[str, str]
    ) -> None:
        keys, context = self._keys, self._context
        secret = aws.secretsmanager.Secret(
            part.secret,
            name=options.name,
            description=f"{part.secret}: {part.application}, {part.environment}",
            kms_key_id=context.scope.options.kms_key or keys[context.scope.options.region],
            replicas=[
                aws.secretsmanager.SecretReplicaArgs(
                    region=region, kms_key_id=keys.get(region)
                )
                for region in options.replicas
            ],
            recovery_window_in_days=30,
            tags=context.tags(part),
            opts=context.keeping(
                self, part, existing.get(options.name) if context.adopts(part) else None,
                "description", "kmsKeyId", "recoveryWindowInDays", "replicas", "tags",
            ),
        )  # fmt: skip
        if not context.adopts(part):  # a denial could cut off its present readers
            aws.secretsmanager.SecretPolicy(
                part.secret,
                secret_arn=secret.arn,
                block_public_policy=True,
                policy=secret.arn.apply(
                    lambda arn: json.dumps(policy_of_secret(context, part, arn))
                ),
                opts=pulumi.ResourceOptions(parent=secret, aliases=renamed(part)),
            )
        self.arns[options.name] = secret.arn


@dataclass(frozen=True, kw_only=True)
class UsersArgs:
    context: Surroundings


class Users(pulumi.ComponentResource):
    """The IAM users whose access keys are rotated. They get no permission here."""

    def __init__(self, name: str, args: UsersArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Users", name, None, opts)
        context, scope = args.context, args.context.scope
        parts = [part for part in scope.parts if isinstance(part.options, AccessKeyOptions)]
        ceiling: pulumi.Input[str] = context.settings.user_boundary
        if parts and not ceiling:
            ceiling = self._ceiling(context)
        for part in parts:
            aws.iam.User(
                part.secret,
                name=part.options.user,
                path=part.options.path,
                permissions_boundary=ceiling,
                force_destroy=False,
                tags=context.tags(part),
                opts=context.keeping(
                    self, part, part.options.user if context.adopts(part) else None,
                    "path", "permissionsBoundary", "tags",
                ),
            )  # fmt: skip
        self.register_outputs({})

    def _ceiling(self, context: Surroundings) -> pulumi.Output[str]:
        scope = context.scope
        made = aws.iam.Policy(
            f"{place(scope)}-user-ceiling",
            name=policy_name(scope, "user-ceiling"),
            path=path(scope),
            description="boundary of rotated users, unless the stack is told one of your own",
            policy=json.dumps(ceiling()),
            tags=context.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made.arn
