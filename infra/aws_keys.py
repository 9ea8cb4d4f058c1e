"""The key that encrypts an installation's secrets, in every region where one of them is."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from providers.aws.arns import partition
from providers.aws.names import ALIAS_MAX
from providers.aws.resource_policies import policy_of_key
from providers.aws.stack import Stack
from rotation.permissions.naming import place, require_length


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """what: they are for, where that is not the secrets."""

    stack: Stack
    what: tuple[str, ...] = ()


class Keys(pulumi.ComponentResource):
    """One multi-region key, rotated by AWS. Its policy leaves use to IAM, through the store only.
    arns: by region; a copy's is known once it is there."""

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Keys", name, None, opts)
        scope, what, tags = args.stack.scope, args.what, args.stack.own_tags
        name = scope.called(place(scope), *what)
        kept = () if what else args.stack.kept
        policy = json.dumps(policy_of_key(scope.options.account, partition(scope.options.region)))
        key = aws.kms.Key(
            name,
            description=(
                f"{''.join(what) or 'secrets'} of rotation {scope.installation}, "
                f"connection {place(scope)}"
            ),
            enable_key_rotation=True,
            multi_region=True,
            deletion_window_in_days=30,
            policy=policy,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, protect=bool(kept)),
        )
        copies = {
            region: aws.kms.ReplicaKey(
                f"{name}-{region}",
                primary_key_arn=key.arn,
                region=region,
                deletion_window_in_days=30,
                policy=policy,
                tags=tags,
                # One that encrypts no secret may go with the alarms that it is for.
                opts=pulumi.ResourceOptions(parent=self, protect=region in kept),
            )
            for region in args.stack.key_copies
        }
        aws.kms.Alias(
            name,
            name=require_length(f"alias/{name}", ALIAS_MAX, "the key"),
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arns: dict[str, pulumi.Output[str]] = {
            scope.options.region: key.arn,
            **{region: copy.arn for region, copy in copies.items()},
        }
        self.register_outputs({"arns": self.arns})
