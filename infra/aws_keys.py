"""The key that encrypts an installation's secrets, in every region where one of them is."""

import json
from collections.abc import Iterable

import pulumi
import pulumi_aws as aws

from providers.aws.arns import partition
from providers.aws.iam import regions_of
from providers.aws.names import ALIAS_MAX
from providers.aws.resource_policies import policy_of_key
from rotation.interfaces import Scope
from rotation.policy.naming import fitting, place


class Keys(pulumi.ComponentResource):
    """One multi-region key, rotated by AWS. Its policy leaves use to IAM, through the store only.
    what: it is for, where that is not the secrets."""

    def __init__(
        self, scope: Scope, regions: Iterable[str], tags: dict[str, str],
        opts: pulumi.ResourceOptions, *what: str,
    ) -> None:  # fmt: skip
        super().__init__("rotation:aws:Keys", "-".join((place(scope), *what)), None, opts)
        name = scope.called(place(scope), *what)
        kept = () if what else regions_of(scope)
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
        self._copies = {
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
            for region in regions
        }
        aws.kms.Alias(
            name,
            name=fitting(f"alias/{name}", ALIAS_MAX, "the key"),
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn: pulumi.Output[str] = key.arn
        self.register_outputs({"arn": self.arn})

    def in_region(self, region: str) -> pulumi.Output[str]:
        """Only once it is there."""
        return self._copies[region].arn if region in self._copies else self.arn
