"""A stack's settings and its configuration, as tests begin with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
RUNNER, DEPLOYER, READER, ON_CALL = (
    f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("runner", "deployer", "billing", "on-call")
)

AWS = {
    "environment": "production",
    "runner": RUNNER,
    "deployer": DEPLOYER,
    "operators": json.dumps([f"arn:aws:iam::{ACCOUNT}:user/engineer"]),
    "emergencyUsers": json.dumps([f"arn:aws:iam::{ACCOUNT}:user/alice"]),
    "emergencyRoles": json.dumps([ON_CALL]),
    "readers": json.dumps([f"billing={READER}"]),
    "alarmEmails": json.dumps(["on-call@example.com"]),
}

VAULT = {"environment": "production", "runnerCidrs": '["10.0.0.0/8"]'}


def listed(settings: Mapping[str, str]) -> dict[str, Any]:
    """As Pulumi.STACK.yaml has them."""
    return {
        key: json.loads(value) if value.startswith("[") else value
        for key, value in settings.items()
    }


HEAD = """
installation: "4b1d0c77e2a9"
commands: commands
bindings: rotation.infra.json
connections:
  main: {{type: aws, account: "{account}", region: eu-central-1{more}}}
  vault: {{type: vault, address: "https://vault.example.com:8200", role: runner,
           cluster: 00000000-0000-0000-0000-000000000000, login_file: /run/secret-id}}
secrets:
"""

IAM = """
  - id: {id}
    application: {application}
    environment: {environment}
    owner: team
    state: {state}
    store: {{type: aws-secrets-manager, connection: main, name: prod/{id}, replicas: [eu-west-1]}}
    issuer: {{type: aws-iam-access-key, connection: main, user: {id}, path: /rotated/}}
    probe: {{type: aws-sts, connection: main}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
"""

KV = """
  - id: {id}
    application: {application}
    environment: {environment}
    owner: team
    state: {state}
    store: {{type: vault-kv2, connection: vault, mount: apps, path: prod/{id}}}
    issuer: {{type: generated, kind: token, prefix: tok_, unverified: true}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
    destroy: unattended
"""


def secret(shape: str = IAM, name: str = "billing-iam", **changes: str) -> str:
    given = {"application": "billing", "environment": "production", "state": "active", **changes}
    return shape.format(id=name, **given)


def written(directory: Path, *secrets: str, account: str = ACCOUNT, more: str = "") -> Path:
    file = directory / "rotation.yaml"
    text = HEAD.format(account=account, more=more) + "".join(secrets)
    used = {name for name in ("main", "vault") if f"connection: {name}" in "".join(secrets)}
    if "vault" not in used:
        text = text.replace(text[text.index("  vault:") : text.index("secrets:")], "")
    if "main" not in used:
        text = text.replace(text[text.index("  main:") : text.index("  vault:")], "")
    file.write_text(text)
    return file
