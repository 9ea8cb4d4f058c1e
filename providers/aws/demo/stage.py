"""The stage of the show on AWS: strict AWS, toy services, applications, a runner."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from providers.aws.testing import ADMIN, StrictControl, spawn_strict_aws
from rotation.demo.place import Place
from rotation.demo.program import Heard, Program
from rotation.demo.toy import Toy, toy_services

BILLING, ORDERS, PARTNER = "billing-iam", "orders-db", "partner-token"
USER = "billing"
STORED = {BILLING: "demo/billing/aws", ORDERS: "demo/orders/db", PARTNER: "demo/partner/token"}
REFRESH_S = 1
DAYS_OLD = 100
PROPAGATION_S = 0.3
LATENCY_MS = 20.0


@dataclass(kw_only=True)
class Stage(Place):
    """handed: where secrets are meant to be."""

    aws: StrictControl
    toy: Toy

    @property
    def handed(self) -> Path:
        return self.root / "applications" / "orders-password"

    def uses(self, name: str, kind: str, heard: Heard) -> Program:
        orders = {
            "name": name, "kind": kind, "endpoint": self.aws.endpoint, "port": self.toy.port,
            "secret": STORED[name], "refresh_s": REFRESH_S,
            "file": str(self.handed) if name == ORDERS else None,
        }  # fmt: skip
        return self.application("providers.aws.demo.consumer", name, json.dumps(orders), heard)

    def current_key(self) -> str:
        """The id of the key that readers of the store get now."""
        value = json.loads(self.aws.oracle.value(STORED[BILLING]) or "{}")
        return str(value["AWS_ACCESS_KEY_ID"])

    def suspended_at(self, key: str) -> float:
        """When strict AWS was first told to switch this key off."""
        calls = self.aws.oracle.calls("iam:UpdateAccessKey")
        times = [call["at"] for call in calls if call["parameters"]["AccessKeyId"] == key]
        return float(min(times))


@contextmanager
def stage(root: Path) -> Iterator[Stage]:
    """Strict AWS and the toy services are up, the three secrets are there, 100 days old."""
    with ExitStack() as stack:
        place = Place(root=root, stack=stack)
        place.lay_out("applications")
        aws = stack.enter_context(spawn_strict_aws(latency_ms=LATENCY_MS))
        toy = stack.enter_context(toy_services(place.captured))
        ready = Stage(root=root, stack=stack, aws=aws, toy=toy)
        _furnish(ready)
        _write_files(ready)
        yield ready


def _furnish(here: Stage) -> None:
    """What was there before us: made by a person, a hundred days ago."""
    aws = here.aws
    aws.client("iam").create_user(UserName=USER)
    for stored in STORED.values():
        aws.client("secretsmanager").create_secret(Name=stored)
    aws.clock.advance(-DAYS_OLD * 86_400)
    key = aws.out_of_band.create_key(USER)
    billing = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    token = secrets.token_urlsafe(32)
    here.toy.ask(PARTNER, "accept", token, handle="made-by-hand")
    partner = {"token": token, "url": "https://partner.example/api"}
    aws.out_of_band.put_secret(STORED[BILLING], json.dumps(billing))
    aws.out_of_band.put_secret(STORED[PARTNER], json.dumps(partner))
    aws.clock.advance(DAYS_OLD * 86_400)
    aws.conditions.propagation(PROPAGATION_S)


def _write_files(here: Stage) -> None:
    credentials = here.root / "runner-credentials"
    credentials.touch(0o600)
    credentials.write_text(
        f"[demo]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    for service in (ORDERS, PARTNER):
        here.toy.install(here.commands, service)
    here.configured(_surroundings(here, credentials) + _secrets(here))
    _claim_empty(here)


def _claim_empty(here: Stage) -> None:
    """The stack that makes an empty secret writes whose it is; `adopt` does so for a used one."""
    written = re.search(r'^installation: "(\w+)"', here.configuration.read_text(), re.MULTILINE)
    assert written is not None, "`rotation init` writes the installation's id"
    here.aws.out_of_band.tag_secret(STORED[ORDERS], {"rotation:owner": written[1]})


def _surroundings(here: Stage, credentials: Path) -> str:
    return f"""
commands: {here.commands}
file_roots: [{here.handed.parent}]

connections:
  demo:
    type: aws
    account: "123456789012"
    region: eu-central-1
    endpoint: {here.aws.endpoint}       # strict AWS; real ones are found by region
    credentials_file: {credentials}
    profile: demo
    settle: 1s                          # real AWS: 30s
    report_lag: 0s                      # real AWS: 4h

classes:
  demo: {{max_age: 90d, margin: 7d, quiet: 1s, soak: 2s}}
"""


def _secrets(here: Stage) -> str:
    return f"""
secrets:
  - id: {BILLING}
    class: demo
    application: billing
    environment: demo
    owner: team-billing
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[BILLING]}}}
    issuer: {{type: aws-iam-access-key, connection: demo, user: {USER}}}
    fields: {{access_key_id: AWS_ACCESS_KEY_ID, secret_access_key: AWS_SECRET_ACCESS_KEY}}
    probe: {{type: aws-sts, connection: demo}}
    consumers:
      - {{id: billing-api, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}

  - id: {ORDERS}
    class: demo
    application: orders
    environment: demo
    owner: team-orders
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[ORDERS]}}}
    issuer: {{type: generated, kind: password}}
    fields: {{password: password}}
    probe: {{type: command, argv: [{ORDERS}]}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: orders-service, type: command, role: verifier, argv: [{ORDERS}]}}
      - {{id: orders-api, type: file, path: {here.handed}, refresh: {REFRESH_S}s, accept_elapsed: true}}

  - id: {PARTNER}
    class: demo
    application: partner
    environment: demo
    owner: team-partner
    store: {{type: aws-secrets-manager, connection: demo, name: {STORED[PARTNER]}}}
    issuer: {{type: generated, kind: token, prefix: prt_}}
    fields: {{token: token}}
    probe: {{type: command, argv: [{PARTNER}]}}
    destroy: unattended                 # a person's turn by default: it cannot be switched off first
    consumers:
      - {{id: partner-service, type: command, role: verifier, argv: [{PARTNER}]}}
      - {{id: partner-client, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}
"""
