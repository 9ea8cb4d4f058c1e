"""How the secrets stand, as families of metrics. Pure: from rows and counts to families.

Only names and numbers: no value, no reason in free text. The number of series grows with the
secrets alone; what depends on a step, a connection or a reason has as many as there are of those.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

OVERDUE = timedelta(days=1)
"""As the alert `overdue`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """One secret. state: its word in `rotation status`."""

    secret: str
    owner: str
    environment: str
    state: str
    age: timedelta | None
    max_age: timedelta
    due_at: datetime | None
    held: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The whole installation at one moment. alerts: those that are not over, by severity and whether
    somebody has them; undelivered: how many wait, by route; stopped: codes of what stops every
    secret; breakers: the groups whose breaker is open."""

    at: datetime
    rows: Sequence[SecretRow]
    states: Sequence[str]
    alerts: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    undelivered: Mapping[str, int] = field(default_factory=dict)
    stopped: Sequence[str] = ()
    breakers: Sequence[str] = ()


STOPS = ("installation.frozen", "installation.read-only")
SEVERITIES = ("page", "warn", "info")


def families(standing: Standing) -> Iterator[Metric]:
    yield from _per_secret(standing.rows)
    yield from _of_all(standing)
    taken = GaugeMetricFamily(
        "rotation_standing_timestamp_seconds", "When the journal was read for these figures."
    )
    taken.add_metric((), standing.at.timestamp())
    yield taken


def _per_secret(rows: Sequence[SecretRow]) -> Iterator[Metric]:
    names = ("secret", "owner", "environment")
    age = GaugeMetricFamily(
        "rotation_secret_age_seconds", "Age of the current credential.", labels=names
    )
    most = GaugeMetricFamily(
        "rotation_secret_max_age_seconds", "Age that its class allows.", labels=names
    )
    due = GaugeMetricFamily(
        "rotation_secret_due_timestamp_seconds", "When it is due, if time decides.", labels=names
    )
    state = GaugeMetricFamily(
        "rotation_secret_state", "1: its state in `rotation status`.", labels=(*names, "state")
    )
    for row in rows:
        labels = (text(row.secret), text(row.owner), text(row.environment))
        if row.age is not None:
            age.add_metric(labels, row.age.total_seconds())
        if row.max_age:
            most.add_metric(labels, row.max_age.total_seconds())
        if row.due_at is not None:
            due.add_metric(labels, row.due_at.timestamp())
        state.add_metric((*labels, row.state), 1)
    yield from (age, most, due, state)


def _of_all(standing: Standing) -> Iterator[Metric]:
    rows = standing.rows
    counted = Counter(row.state for row in rows)
    held = Counter(row.held for row in rows if row.held is not None)
    late = sum(
        row.state == "due" and row.due_at is not None and standing.at - row.due_at >= OVERDUE
        for row in rows
    )
    states = {(word,): counted[word] for word in dict.fromkeys(standing.states)}
    alerts = {(name, word): standing.alerts.get((name, acked), 0)
              for name in SEVERITIES for acked, word in ((False, "no"), (True, "yes"))}  # fmt: skip
    stopped = {(code,): int(code in standing.stopped) for code in STOPS}
    yield _gauge("secrets", "Secrets by their state in `rotation status`.", ["state"], states)
    yield _gauge("secrets_overdue", "Secrets that have been due for a day.", [], {(): late})
    yield _gauge("held", "Held rotations by reason.", ["reason"],
                 {(text(reason),): count for reason, count in held.items()})  # fmt: skip
    yield _gauge("alerts", "Alerts that are not over.", ["severity", "acknowledged"], alerts)
    yield _gauge("alerts_undelivered", "Messages that wait for a route that does not get through.",
                 ["route"], {(text(route),): n for route, n in standing.undelivered.items()})  # fmt: skip
    yield _gauge("stopped", "1: it stops every secret.", ["reason"], stopped)
    yield _gauge("breakers_open", "Breakers that are open.", [], {(): len(standing.breakers)})
    yield _gauge("breaker_open", "1: the breaker of this class on this connection is open.", ["group"],
                 {(text(group),): 1 for group in standing.breakers})  # fmt: skip


def _gauge(name: str, help_: str, labels: Iterable[str], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"rotation_{name}", help_, labels=tuple(labels))
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def text(name: str) -> str:
    """As a label's value: UTF-8, whatever the journal has. The exposition escapes the rest."""
    return name.encode("utf-8", "replace").decode("utf-8")
