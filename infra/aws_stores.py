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
from rotation.policy.naming import place


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

    around: Surroundings
    keys: Mapping[str, pulumi.Input[str]]
    existing: Mapping[str, str] = field(default_factory=dict)


class Stores(pulumi.ComponentResource):
    """The secrets of one connection, by name."""

    def __init__(self, name: str, args: StoresArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Stores", name, None, opts)
        self._around, self._keys = args.around, args.keys
        self.arns: dict[str, pulumi.Output[str]] = {}
        for part in args.around.scope.parts:
            if isinstance(part.options, SecretsManagerOptions):
                self._secret(part, part.options, args.existing)
        self.register_outputs({"arns": self.arns})

    def _secret(
        self, part: Part, options: SecretsManagerOptions, existing: Mapping[str, str]
    ) -> None:
        keys, around = self._keys, self._around
        secret = aws.secretsmanager.Secret(
            part.secret,
            name=options.name,
            description=f"{part.secret}: {part.application}, {part.environment}",
            kms_key_id=around.scope.options.kms_key or keys[around.scope.options.region],
            replicas=[
                aws.secretsmanager.SecretReplicaArgs(
                    region=region, kms_key_id=keys.get(region)
                )
                for region in options.replicas
            ],
            recovery_window_in_days=30,
            tags=around.tags(part),
            opts=around.keeping(
                self, part, existing.get(options.name) if around.adopts(part) else None,
                "description", "kmsKeyId", "recoveryWindowInDays", "replicas", "tags",
            ),
        )  # fmt: skip
        if not around.adopts(part):  # a denial could cut off whoever reads it now
            aws.secretsmanager.SecretPolicy(
                part.secret,
                secret_arn=secret.arn,
                block_public_policy=True,
                policy=secret.arn.apply(
                    lambda arn: json.dumps(policy_of_secret(around, part, arn))
                ),
                opts=pulumi.ResourceOptions(parent=secret, aliases=renamed(part)),
            )
        self.arns[options.name] = secret.arn


@dataclass(frozen=True, kw_only=True)
class UsersArgs:
    around: Surroundings


class Users(pulumi.ComponentResource):
    """The IAM users whose access keys are rotated. They get no permission here."""

    def __init__(self, name: str, args: UsersArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Users", name, None, opts)
        around, scope = args.around, args.around.scope
        parts = [part for part in scope.parts if isinstance(part.options, AccessKeyOptions)]
        ceiling: pulumi.Input[str] = around.settings.user_boundary
        if parts and not ceiling:
            ceiling = self._ceiling(around)
        for part in parts:
            aws.iam.User(
                part.secret,
                name=part.options.user,
                path=part.options.path,
                permissions_boundary=ceiling,
                force_destroy=False,
                tags=around.tags(part),
                opts=around.keeping(
                    self, part, part.options.user if around.adopts(part) else None,
                    "path", "permissionsBoundary", "tags",
                ),
            )  # fmt: skip
        self.register_outputs({})

    def _ceiling(self, around: Surroundings) -> pulumi.Output[str]:
        scope = around.scope
        made = aws.iam.Policy(
            f"{place(scope)}-user-ceiling",
            name=policy_name(scope, "user-ceiling"),
            path=path(scope),
            description="boundary of rotated users, unless the stack is told one of your own",
            policy=json.dumps(ceiling()),
            tags=around.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made.arn
