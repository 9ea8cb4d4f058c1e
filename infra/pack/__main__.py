"""The policy pack: `pulumi preview --policy-pack infra/pack`."""

from pulumi_policy import PolicyPack

from infra.pack.rules import RULES

PolicyPack("rotation", policies=RULES)
