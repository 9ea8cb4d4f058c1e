"""Strict AWS in the form that the scenario needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from providers.aws.testing import ADMIN, StrictControl, spawn_strict_aws
from rotation.demo.environment import (
    APPLICATIONS,
    BILLING,
    DAYS_OLD,
    ORDERS,
    PARTNER,
    SERVICES,
    Number,
    Version,
    Words,
)
from rotation.demo.workspace import Workspace

USER = "billing"
STORED = {name: f"demo/{application}" for name, application in APPLICATIONS.items()}
PROPAGATION_S = 0.3
LATENCY_MS = 20.0

BILLING_MADE = f"""
issuer: {{type: aws-iam-access-key, connection: demo, user: {USER}}}
fields: {{access_key_id: AWS_ACCESS_KEY_ID, secret_access_key: AWS_SECRET_ACCESS_KEY}}
probe: {{type: aws-sts, connection: demo}}
"""


@dataclass
class OnAws:
    """Asks the oracle for everything, which is not part of the product."""

    aws: StrictControl
    words: Words
    consumer: str = "providers.aws.demo.consumer"
    claimant: Sequence[str] = ()

    def access(self, name: str) -> dict[str, str]:
        return {"endpoint": self.aws.endpoint, "source": STORED[name]}

    def versions(self, name: str) -> list[Version]:
        labelled = self.aws.oracle.versions(STORED[name])
        in_order = sorted(labelled, key=lambda version: "AWSCURRENT" not in labelled[version])
        read = (self.aws.oracle.value(STORED[name], version) or "{}" for version in in_order)
        field = {BILLING: "AWS_SECRET_ACCESS_KEY", **SERVICES}[name]
        return [
            Version(name, value[field], value.get("AWS_ACCESS_KEY_ID", ""))
            for value in map(json.loads, read)
            if field in value
        ]

    def accepts(self, version: Version) -> bool:
        return bool(self.aws.oracle.accepts(version.public, version.value))

    def issued(self) -> int:
        return len(self.aws.oracle.keys(USER))

    def staged(self) -> int:
        return sum("AWSPENDING" in self.aws.oracle.labels(stored) for stored in STORED.values())

    def contained_at(self, public: str, since: float) -> float | None:
        calls = self.aws.oracle.calls("iam:UpdateAccessKey")
        times = [call["at"] for call in calls if call["parameters"]["AccessKeyId"] == public]
        return min((at for at in times if at >= since), default=None)

    def runner_was_killed(self) -> None:
        """Its sessions end by themselves, and cannot be listed."""

    def numbers(self) -> Iterable[Number]:
        return ()


def prepare(workspace: Workspace) -> OnAws:
    """Starts strict AWS with two of the three secrets, 100 days old."""
    aws = workspace.stack.enter_context(spawn_strict_aws(latency_ms=LATENCY_MS))
    _furnish(workspace, aws)
    credentials = workspace.private(
        "runner-credentials",
        f"[demo]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n",
    )
    workspace.configured(
        connection=f"""
type: aws
account: "123456789012"
region: eu-central-1
endpoint: {aws.endpoint}       # strict AWS; real ones are found by region
credentials_file: {credentials}
profile: demo
settle: 1s                          # real AWS: 30s
report_lag: 0s                      # real AWS: 4h
""",
        store="type: aws-secrets-manager, connection: demo, name: demo/{application}",
        billing=BILLING_MADE,
    )
    _claim_empty(workspace, aws)
    return OnAws(aws, _words(aws))


def _furnish(workspace: Workspace, aws: StrictControl) -> None:
    """Makes what a person is supposed to have made a hundred days ago."""
    aws.client("iam").create_user(UserName=USER)
    for stored in STORED.values():
        aws.client("secretsmanager").create_secret(Name=stored)
    aws.clock.advance(-DAYS_OLD * 86_400)
    key = aws.out_of_band.create_key(USER)
    billing = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    aws.out_of_band.put_secret(STORED[BILLING], json.dumps(billing))
    aws.out_of_band.put_secret(STORED[PARTNER], json.dumps(workspace.made_by_hand()))
    aws.clock.advance(DAYS_OLD * 86_400)
    aws.conditions.propagation(PROPAGATION_S)


def _claim_empty(workspace: Workspace, aws: StrictControl) -> None:
    """The stack that makes an empty secret writes its claim; for a used secret `adopt` does."""
    written = re.search(
        r'^installation: "(\w+)"', workspace.configuration.read_text(), re.MULTILINE
    )
    assert written is not None, "`rotation init` writes the installation's id"
    aws.out_of_band.tag_secret(STORED[ORDERS], {"rotation:owner": written[1]})


def _words(aws: StrictControl) -> Words:
    return Words(
        vendor="AWS",
        about="A strict AWS",
        details=(f"{aws.endpoint}, a process of its own: signatures, quotas, propagation",),
        credential="key",
        due=f"two secrets are {DAYS_OLD} days old, 90 are allowed",
        leak="pasted into a public chat",
        containing="Containing comes first: the application is without a key until its successor "
        "is there. What that costs is counted, and told below.",
        other=("rotation demo --vault", "the same on a real Vault of this machine"),
    )
