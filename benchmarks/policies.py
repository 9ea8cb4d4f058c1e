"""`rotation policy aws` over a whole account, and all that a stack makes of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fleet import ACCOUNT, INSTALLATION
from benchmarks.inventory import REGION
from benchmarks.processes import rotation, spend
from benchmarks.report import Figure

SECONDS = 5.0
SECRETS, APPLICATIONS, ENVIRONMENTS = 2_000, 20, ("production", "test")
QUICK = 10


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """In quick mode over a tenth of the secrets, and then nothing is promised."""
    directory.mkdir(mode=0o700)
    count = SECRETS // QUICK if quick else SECRETS
    configuration, stack = directory / "rotation.yaml", directory / "stack.yaml"
    _write(configuration, _configuration(count))
    _write(stack, _stack())
    words = rotation("-c", str(configuration), "policy", "aws")
    for named, more in (("", []), (" --stack", ["--stack", str(stack)])):
        spent = spend([*words, *more])
        if spent.code != 0:
            raise RuntimeError(f"`rotation policy aws{named}` ended: {spent.code}")
        yield Figure(
            f"policy aws{named}, {count:,} secrets of {APPLICATIONS} applications "
            f"in {len(ENVIRONMENTS)} environments",
            spent.seconds,
            "s",
            None if quick else SECONDS,
            f"{spent.cpu:.2f} s of the processor, {spent.megabytes:.0f} MB",
        )


def _write(path: Path, content: dict[str, Any]) -> None:
    path.touch(mode=0o600)
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))


def _configuration(count: int) -> dict[str, Any]:
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-{'1' * 32}"
    main = {"type": "aws", "account": ACCOUNT, "region": REGION, "kms_key": key}
    return {
        "installation": INSTALLATION,
        "connections": {"main": main},
        "secrets": [_secret(number) for number in range(count)],
    }


def _secret(number: int) -> dict[str, Any]:
    """Names have no beginning in common, and each secret a replica."""
    application = f"{chr(ord('a') + number % APPLICATIONS)}-service"
    environment = ENVIRONMENTS[number // APPLICATIONS % len(ENVIRONMENTS)]
    name = f"{application}-{environment}-db-{number}"
    store = {"type": "aws-secrets-manager", "connection": "main", "name": name}
    return {
        "id": name,
        "application": application,
        "environment": environment,
        "owner": "team",
        "store": {**store, "replicas": ["eu-west-1"]},
        "issuer": {"type": "aws-iam-access-key", "connection": "main", "user": name},
        "fields": {"access_key_id": "id", "secret_access_key": "secret"},
        "probe": {"type": "aws-sts", "connection": "main"},
        "consumers": [{"id": name, "type": "store-reader", "refresh": "5m"}],
    }


def _stack() -> dict[str, Any]:
    role = f"arn:aws:iam::{ACCOUNT}:role"
    return {
        "runner": f"{role}/runner",
        "deployer": f"{role}/deployer",
        "emergency_roles": [f"{role}/on-call"],
    }
