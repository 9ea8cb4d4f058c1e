"""Secrets without a value, and the users whose keys are rotated. Never a version, never a key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.aws_keys import Keys
from infra.names import POLICY_MAX, fitting, renamed
from infra.settings import Settings
from providers.aws.alarms import IAM_REGION
from providers.aws.iam import regions_of
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from rotation.interfaces import Part, Scope

Tags = dict[str, str]

STACK_TAG = "rotation:stack"

_READING_SETS = ("mint", "verify", "deliver", "prove")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the components of one connection share. roles: by permission set, their ARNs."""

    scope: Scope
    settings: Settings
    states: Mapping[str, str]
    roles: Mapping[str, str]
    stack: str

    @property
    def own_tags(self) -> Tags:
        """Whose it is, of all that is made: a second stack of the installation sees it."""
        owner = {"rotation:owner": self.scope.installation, STACK_TAG: self.stack}
        return {**dict(self.settings.tags), **owner}

    @property
    def watched(self) -> tuple[str, ...]:
        """Regions of rules: where the secrets are, and where IAM's events are."""
        return tuple(sorted({*regions_of(self.scope), IAM_REGION})) if self.settings.alarms else ()

    def tags(self, part: Part) -> Tags:
        return {
            **self.own_tags,
            "rotation:application": part.application,
            "rotation:environment": part.environment,
            "rotation:id": part.secret,
        }

    def adopts(self, part: Part) -> bool:
        return part.secret in self.settings.adopt

    def keeping(
        self, parent: pulumi.Resource, part: Part, existing: str | None, *own: str
    ) -> pulumi.ResourceOptions:
        """What is alive is protected, and stays if its line is removed all the same. What exists
        already is taken in as it is. Only what is retired may go."""
        alive = self.states[part.secret] != "retired"
        return pulumi.ResourceOptions(
            parent=parent,
            protect=alive,
            retain_on_delete=alive,
            import_=existing,
            aliases=renamed(part),
            ignore_changes=list(own) if self.adopts(part) else None,
        )


class Stores(pulumi.ComponentResource):
    """The secrets of one connection, by name."""

    def __init__(
        self, around: Surroundings, keys: Keys | None, existing: Mapping[str, str],
        opts: pulumi.ResourceOptions,
    ) -> None:  # fmt: skip
        super().__init__("rotation:aws:Stores", around.scope.connection, None, opts)
        self._around, self._keys = around, keys
        self.arns: dict[str, pulumi.Output[str]] = {}
        for part in around.scope.parts:
            if isinstance(part.options, SecretsManagerOptions):
                self._secret(part, part.options, existing)
        self.register_outputs({"arns": self.arns})

    def _secret(
        self, part: Part, options: SecretsManagerOptions, existing: Mapping[str, str]
    ) -> None:
        keys, around = self._keys, self._around
        secret = aws.secretsmanager.Secret(
            part.secret,
            name=options.name,
            description=f"{part.secret}: {part.application}, {part.environment}",
            kms_key_id=keys.arn if keys else around.scope.options.kms_key,
            replicas=[
                aws.secretsmanager.SecretReplicaArgs(
                    region=region, kms_key_id=keys.in_region(region) if keys else None
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
                policy=secret.arn.apply(lambda arn: json.dumps(_policy(around, part, arn))),
                opts=pulumi.ResourceOptions(parent=secret, aliases=renamed(part)),
            )
        self.arns[options.name] = secret.arn


def _policy(around: Surroundings, part: Part, arn: str) -> dict[str, Any]:
    """Denials only: nothing is granted here that no role's own policy grants."""
    readers = [arn for name, arn in around.settings.readers if name == part.application]
    ours = [around.roles[each] for each in _READING_SETS if each in around.roles]
    taggers = [
        around.settings.deployer,
        *(around.roles[s] for s in ("claim",) if s in around.roles),
    ]
    statements = [
        _denial(
            "NobodyElsesAccount", arn, "secretsmanager:*",
            {"StringNotEqualsIfExists": {"aws:PrincipalAccount": _accounts(around, readers)},
             "Bool": {"aws:PrincipalIsAWSService": "false"}},
        ),
        _denial(
            "OnlyClaimAndDeployerTag", arn,
            ["secretsmanager:TagResource", "secretsmanager:UntagResource"],
            {"ForAnyValue:StringLike": {"aws:TagKeys": "rotation:*"},
             "ArnNotEquals": {"aws:PrincipalArn": taggers}},
        ),
    ]  # fmt: skip
    if readers:
        statements.append(
            _denial(
                "OnlyWhoIsNamedReads", arn, "secretsmanager:GetSecretValue",
                {"ArnNotEquals": {"aws:PrincipalArn": sorted([*ours, *readers])}},
            )
        )  # fmt: skip
    return {"Version": "2012-10-17", "Statement": statements}


def _accounts(around: Surroundings, readers: list[str]) -> list[str]:
    return sorted({around.scope.options.account, *(arn.split(":")[4] for arn in readers)})


def _denial(
    sid: str, arn: str, actions: str | list[str], condition: dict[str, Any]
) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": actions,
        "Resource": arn,
        "Condition": condition,
    }


class Users(pulumi.ComponentResource):
    """The IAM users whose access keys are rotated. They get no permission here."""

    def __init__(self, around: Surroundings, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Users", around.scope.connection, None, opts)
        scope = around.scope
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
        """A new user can log in and nothing else, until the team names a boundary of its own."""
        scope = around.scope
        name = scope.called(scope.connection, "user-ceiling")
        statement = {
            "Sid": "NothingButToSayWhoItIs",
            "Effect": "Deny",
            "NotAction": "sts:GetCallerIdentity",
            "Resource": "*",
        }
        made = aws.iam.Policy(
            f"{scope.connection}-user-ceiling",
            name=fitting(name, POLICY_MAX, "the users' boundary"),
            path=f"/rotation/{scope.installation}/",
            description="boundary of rotated users; name your own in rotation:userBoundary",
            policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            tags=around.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return made.arn
