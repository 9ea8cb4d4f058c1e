"""Users with one access key each, their secrets, and all that rotates them, on a strict AWS."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from providers.aws.options import ConnectionOptions
from providers.aws.testing import ADMIN, StrictControl
from rotation.plugins.registry import Declared, Plugin, Registry
from rotation.runtime.clock import SystemClock
from rotation.types import ConsumerSpec, PermissionSet, PluginSpec, Specification

INSTALLATION = "0123456789ab"
ACCOUNT = "123456789012"
OWNER = {"rotation:owner": INSTALLATION}
KEYS = {"access_key_id": "id", "secret_access_key": "secret"}


@dataclass
class Clock:
    """The machine's time and what was skipped of it: waits cost nothing, neither here nor there."""

    control: StrictControl | None = None
    skipped: timedelta = timedelta()

    def now(self) -> datetime:
        return SystemClock().now() + self.skipped

    def skip_to(self, until: datetime) -> None:
        left = until - self.now()
        if left > timedelta():
            self.skipped += left
            if self.control is not None:
                self.control.clock.advance(left.total_seconds())


@dataclass(frozen=True, kw_only=True)
class Configured:
    """What the registry needs of a configuration."""

    connections: Declared
    installation: str = INSTALLATION
    file_roots: tuple[Path, ...] = ()
    commands: Path | None = None


def stream(name: str) -> str:
    return f"aws-iam-access-key-{name}"


@dataclass(frozen=True, kw_only=True)
class Times:
    """Of a specification, in seconds."""

    settle: int = 0
    grace: int = 0
    quiet: int = 0
    soak: int = 0
    refresh: int = 0


def seed(control: StrictControl, names: Sequence[str], *, empty: bool = False) -> None:
    """For each name an IAM user with one key, and a secret of ours that holds it."""
    iam = control.client("iam")
    secrets_manager = control.client("secretsmanager")
    tags = [{"Key": key, "Value": value} for key, value in OWNER.items()]
    for name in names:
        iam.create_user(UserName=name)
        made: dict[str, str] = {"Name": name}
        if not empty:
            key = iam.create_access_key(UserName=name)["AccessKey"]
            value = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
            made["SecretString"] = json.dumps(value)
        secrets_manager.create_secret(Tags=tags, **made)


@dataclass(kw_only=True)
class Fleet:
    """What rotates them."""

    control: StrictControl
    registry: Registry
    clock: Clock


def specification(
    name: str, *, elapsed: bool = True, times: Times = Times(), exclusive: bool = False
) -> Specification:
    """One user, one secret, one application that reads the store. elapsed: time is the evidence
    that it moved; else it is the issuer's report of use."""
    options = {"connection": "main"}
    return Specification(
        secret=name,
        identity=f"aws-iam/{ACCOUNT}/{name}",
        store=PluginSpec(type="aws-secrets-manager", options={**options, "name": name}),
        issuer=PluginSpec(type="aws-iam-access-key", options={**options, "user": name}),
        probe=PluginSpec(type="aws-sts", options={**options}),
        consumers=(
            ConsumerSpec(
                id="application",
                plugin=PluginSpec(type="store-reader", options={"refresh_s": 1}),
                pushed=False,
                confirms=False,
                refresh_s=times.refresh,
                accept_elapsed=elapsed,
            ),
        ),
        fields=KEYS,
        keep_foreign=False,
        exclusive=exclusive,
        settle_s=times.settle,
        grace_s=times.grace,
        quiet_s=times.quiet,
        soak_s=times.soak,
    )


ROLES = {str(under): f"arn:aws:iam::{ACCOUNT}:role/{under}" for under in PermissionSet}


def seed_roles(control: StrictControl) -> None:
    """One for each permission set."""
    iam = control.client("iam")
    for under in ROLES:
        iam.create_role(RoleName=under, AssumeRolePolicyDocument="{}")


def connection_options(
    control: StrictControl, directory: Path, sessions: str | None = None
) -> ConnectionOptions:
    """sessions: of a role for each permission set; None: base credentials do everything."""
    credentials = directory / "credentials"
    credentials.write_text(
        f"[default]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    return ConnectionOptions(
        account=ACCOUNT,
        region=control.region,
        endpoint=control.endpoint,
        credentials_file=str(credentials),
        roles={} if sessions is None else ROLES,
        sessions=sessions or "narrow",
        settle_s=0,
        report_lag_s=0,
    )


@contextmanager
def fleet(control: StrictControl, directory: Path, sessions: str | None = None) -> Iterator[Fleet]:
    clock = Clock(control)
    connection = Plugin("aws", connection_options(control, directory, sessions))
    registry = Registry(Configured(connections={"main": connection}), clock)
    yield Fleet(control=control, registry=registry, clock=clock)
    registry.close()
