"""Every credential as a reviewer asks about it: whose it is, what it may do, how old it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rotation.operations.fleet import Health, Rank, Spills, standing
from rotation.operations.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One secret. scope: what its credential is at the issuer, which is all that it may do."""

    secret: str
    application: str
    environment: str
    owner: str
    class_name: str
    issuer: str
    scope: str
    place: str
    consumers: tuple[str, ...]
    current: str | None
    created: datetime | None
    rotated: datetime | None
    expires: datetime | None
    age_s: int | None
    max_age_s: int
    due: datetime | None
    # The words of `status`, the most urgent first.
    states: tuple[str, ...]
    by_hand: bool
    connections: frozenset[str]
    stream: str
    open_plan: str | None = None

    @property
    def is_too_old(self) -> bool:
        return self.age_s is not None and self.age_s > self.max_age_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Something that a person allowed, against the rule, until a time."""

    secret: str
    what: str
    owner: str
    reason: str
    until: datetime | None


def lines(here: Installation, now: datetime, spills: Spills) -> Iterator[Line]:
    """Of every configured secret that is not retired, in the order of the configuration."""
    found = {health.secret: health for health in standing(here, (), now, spills)}
    for entry in here.configuration.secrets():
        if entry.state != "retired":
            yield _line(here, found[entry.id])


def _line(here: Installation, health: Health) -> Line:
    entry = here.entry(health.secret)
    spec, row = here.configuration.specification(entry), health.row
    plugins = (spec.store, spec.issuer, spec.probe)
    ranks = sorted(health.ranks)
    return Line(
        secret=entry.id,
        application=entry.application,
        environment=entry.environment,
        owner=entry.owner,
        class_name=entry.class_name,
        issuer=entry.issuer,
        scope=entry.identity,
        place=entry.place,
        consumers=tuple(consumer.id for consumer in spec.consumers),
        current=None if row is None else row.handle,
        created=None if row is None else row.created,
        rotated=None if row is None else row.last_success_at,
        expires=None if row is None else row.expires,
        age_s=None if health.age is None else int(health.age.total_seconds()),
        max_age_s=entry.max_age_s,
        due=health.due_at,
        states=tuple(rank.word for rank in ranks) or (Rank.FINE.word,),
        by_hand=spec.destroy_by_hand,
        connections=frozenset(
            str(name) for each in plugins if each and (name := each.options.get("connection"))
        ),
        stream=entry.stream,
        open_plan=None if row is None else row.plan,
    )


def exceptions(here: Installation, now: datetime) -> Iterator[Allowance]:
    """What is allowed to be longer than its class says, and what is paused: each with its end."""
    for entry in here.configuration.secrets():
        if (exempt := entry.exempt_at(now)) is not None:
            yield Allowance(
                secret=entry.id, what="longer life", owner=exempt.owner, reason=exempt.reason,
                until=exempt.until,
            )  # fmt: skip
        if entry.paused_at(now) is not None:
            yield Allowance(
                secret=entry.id, what="paused", owner=entry.by or entry.owner,
                reason=entry.reason or "", until=entry.until,
            )  # fmt: skip
