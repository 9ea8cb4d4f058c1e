"""A valid configuration: one snapshot, which never changes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rotation.calendar import Freeze, Schedule
from rotation.config.approving import Approvals, Demands
from rotation.config.findings import Finding
from rotation.config.model import Document, Reviews, Secret
from rotation.config.reading import shape
from rotation.config.routes import Alerts
from rotation.config.rules import Resolved, Surroundings, resolve
from rotation.config.times import AGE_LIMITS
from rotation.config.watching import Health, Heartbeat
from rotation.options import ConnectionOptions
from rotation.plugins.registry import Plugin
from rotation.types import Specification, stream_of


class Exempt(NamedTuple):
    """An exception from the age limit of an environment, limit_s, until a time."""

    owner: str
    reason: str
    until: datetime
    limit_s: int

    def __str__(self) -> str:
        return f"longer life until {self.until:%Y-%m-%d} ({self.owner}): {self.reason}"


class ConfiguredSecret(NamedTuple):
    """A configured secret. It is small, because there may be a hundred thousand: what is rarely
    needed is read again from `text`, its own JSON.

    place: its secret in the store. turns: what its rotations replace, where the identity does not
    say it. connection: the one that its rotations load most. until: the end of a pause. by: who
    answers for the pause. period_s: the age at which it is due.
    """

    id: str
    identity: str
    issuer: str
    place: str
    connection: str
    class_name: str
    owner: str
    application: str
    environment: str
    state: str
    until: datetime | None
    reason: str | None
    schedule: Schedule
    max_age_s: int
    margin_s: int
    period_s: int
    file: str
    line: int
    text: bytes
    exception: Exempt | None = None
    turns: tuple[str, ...] = ()
    by: str | None = None

    def exempt_at(self, now: datetime) -> Exempt | None:
        """The exception, if it still holds."""
        return self.exception if self.exception and now < self.exception.until else None

    def paused_at(self, now: datetime) -> str | None:
        """Who paused it and why, if the pause still holds."""
        if self.state != "paused" or self.until is None or now >= self.until:
            return None
        return f"paused by {self.by}: {self.reason}" if self.by else f"paused: {self.reason}"

    def over_s(self, now: datetime) -> int:
        """By how much its life is shorter now that its exception has ended."""
        over = self.exception is not None and self.exempt_at(now) is None
        return self.max_age_s - self.exception.limit_s if over and self.exception else 0

    @property
    def stream(self) -> str:
        """The key of its stream in the journal."""
        return stream_of(self.issuer, self.identity)


def connection_of(secret: Secret) -> str:
    """The connection that a rotation loads: the issuer's, else the store's."""
    return secret.issuer.options.connection or secret.store.options.connection or ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Configuration:
    """warnings: findings that are no errors. renamed: former name -> id. digest: SHA-256 of all its
    files. concurrency: how many rotations work at once on one connection. head: the main file without
    its secrets, as it was read."""

    path: Path
    installation: str
    journal: Path
    seal_key: Path | None
    commands: Path | None
    file_roots: tuple[Path, ...]
    freezes: tuple[Freeze, ...]
    concurrency: int
    look_every_s: int
    warnings: tuple[Finding, ...]
    further_warnings: int
    digest: str
    surroundings: Surroundings
    entries: Mapping[str, ConfiguredSecret] = field(repr=False)
    renamed: Mapping[str, str] = field(default_factory=dict)
    alerts: Alerts = field(default_factory=Alerts)
    approvals: Approvals | None = None
    health: Health | None = None
    heartbeat: Heartbeat | None = None
    reviews: Reviews | None = None
    head: Document = field(kw_only=True, repr=False)

    @property
    def connections(self) -> Mapping[str, Plugin[ConnectionOptions]]:
        return self.surroundings.connections

    def secret(self, name: str) -> ConfiguredSecret | None:
        """The secret of that id, or of that former id."""
        return self.entries.get(self.renamed.get(name, name))

    def secrets(self) -> Iterator[ConfiguredSecret]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def replaces_by_itself(self, entry: ConfiguredSecret) -> bool:
        return self.surroundings.classes[entry.class_name].replace == "by-itself"

    @property
    def allowed_signers(self) -> Path:
        """Of `approvals`, where there are any."""
        assert self.approvals is not None, "asked only where somebody may approve"
        return self.path.absolute().parent / self.approvals.allowed_signers

    def demands(self, entry: ConfiguredSecret) -> Demands | None:
        return self.surroundings.classes[entry.class_name].approvals

    def specification(self, entry: ConfiguredSecret) -> Specification:
        """Everything that a rotation of that secret keeps to the end."""
        secret = shape(Secret).read(json.loads(entry.text))
        return specification(resolve(secret, self.surroundings), self.surroundings)


def _exempt(secret: Secret) -> Exempt | None:
    exception = secret.exception
    if exception is None:
        return None
    return Exempt(
        exception.owner,
        exception.reason,
        _midnight(exception.until),
        AGE_LIMITS[secret.environment],
    )


def entry_of(resolved: Resolved, *, file: str, line: int, text: bytes) -> ConfiguredSecret:
    secret, timing = resolved.secret, resolved.timing
    return ConfiguredSecret(
        id=secret.id,
        identity=resolved.identity,
        issuer=secret.issuer.type,
        place=resolved.place,
        turns=resolved.turns,
        connection=connection_of(secret),
        class_name=secret.class_,
        owner=secret.owner,
        application=secret.application,
        environment=secret.environment,
        state=secret.state,
        until=None if secret.until is None else _midnight(secret.until),
        reason=secret.reason,
        schedule=resolved.schedule,
        max_age_s=timing.max_age,
        margin_s=timing.margin,
        period_s=timing.period,
        file=file,
        line=line,
        text=text,
        exception=_exempt(secret),
        by=secret.by,
    )


def specification(resolved: Resolved, context: Surroundings) -> Specification:
    secret, policy, timing = resolved.secret, resolved.policy, resolved.timing
    issuers = context.connections.get(secret.issuer.options.connection or "")
    return Specification(
        secret=secret.id,
        identity=resolved.identity,
        store=secret.store.specification(),
        issuer=secret.issuer.specification(),
        probe=None if secret.probe is None else secret.probe.specification(),
        consumers=secret.consumers,
        fields=dict(resolved.fields),
        composed=dict(secret.composed),
        accept_stale=secret.accept_stale,
        keep_foreign=secret.foreign_fields == "keep" and secret.value is None,
        exclusive=secret.exclusive,
        destroy_by_hand=resolved.by_hand,
        settle_s=0 if issuers is None else issuers.options.settle_s,
        grace_s=timing.grace,
        quiet_s=policy.quiet_s,
        soak_s=timing.soak,
        regions=secret.store.options.replicas,
    )


def _midnight(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)
