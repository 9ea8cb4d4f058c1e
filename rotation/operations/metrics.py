"""What `/metrics` of a runner says.

The standing of the secrets is read in the background and kept as text, because reading a fleet's
takes longer than a scrape may. It is never older than one tick: then it is left out, and its absence
is what alarms.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client import generate_latest as as_text
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from rotation import __version__
from rotation.errors import Permanent
from rotation.operations.alerts import raised
from rotation.operations.fleet import Health, Rank, spilled, standing
from rotation.operations.health import Loops, Pulse
from rotation.operations.installation import Installation
from rotation.operations.observed import Observed
from rotation.report.metrics import SecretRow, Standing, families
from rotation.schedule.brakes import stops
from rotation.schedule.breaker import trips
from rotation.types import contains_live_value

REFRESH_S = 30.0
STALE_S = 60.0
"""One tick of the scheduler."""
TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(kw_only=True)
class Metrics:
    """The page of one process; for all threads."""

    here: Installation
    observed: Observed
    pulse: Pulse
    loops: Loops
    ticked: Callable[[], datetime | None] = lambda: None
    beat_at: Callable[[], datetime | None] = lambda: None
    monotonic: Callable[[], float] = time.monotonic
    _standing: tuple[float, bytes] | None = None
    _moved: int = 0
    _took: float = 0.0
    _refreshing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        ProcessCollector(registry=self.observed.registry)
        self.observed.registry.register(_Live(self))

    def refresh(self) -> None:
        """Reads the journal where what is kept grows old: soon after this runner wrote, but not more
        than a tenth of the time. Raises JournalError."""
        with self._refreshing:
            kept, began, moved = self._standing, self.monotonic(), self.observed.moved
            age = REFRESH_S if kept is None else began - kept[0]
            soon = moved != self._moved and age >= 10 * self._took
            if soon or age >= REFRESH_S:
                self._standing = (began, text_of(standing_of(self.here)))
                self._moved, self._took = moved, self.monotonic() - began

    def page(self) -> bytes:
        kept, now = self._standing, self.monotonic()
        fresh = kept is not None and now - kept[0] <= STALE_S
        return as_text(self.observed.registry) + (kept[1] if kept is not None and fresh else b"")


def text_of(found: Standing) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(list(families(found))))
    text = as_text(registry)
    if contains_live_value(text.decode()):
        raise Permanent(
            "metrics.secret-refused",
            "the figures would have held a secret value, so they are left out; rotations go on",
            "report this as a bug",
        )
    return text


def standing_of(here: Installation) -> Standing:
    now = here.clock.now()
    rows = tuple(_row(here, health) for health in standing(here, (), now, list(spilled(here))))
    open_alerts, failing = raised(here)
    alerts = Counter((str(each.alert.severity), each.acked_at is not None) for each in open_alerts)
    return Standing(
        at=now,
        rows=rows,
        states=tuple(rank.word for rank in Rank),
        alerts=alerts,
        undelivered={each.route: each.count for each in failing},
        breakers=tuple(trips(here.records)),
        stopped=tuple(stop.code for stop in stops(here.configuration, here.records)),
    )


def _row(here: Installation, health: Health) -> SecretRow:
    entry = here.configuration.secret(health.secret)
    return SecretRow(
        secret=health.secret,
        owner="" if entry is None else entry.owner,
        environment="" if entry is None else entry.environment,
        state=health.rank.word,
        age=health.age,
        max_age=health.max_age,
        due_at=health.due_at,
        held=health.row.held if health.row is not None else None,
    )


@dataclass(frozen=True, eq=False)
class _Fixed(Collector):
    found: list[Metric]

    def collect(self) -> Iterator[Metric]:
        yield from self.found


@dataclass(frozen=True, eq=False)
class _Live(Collector):
    """What is known at the moment of the scrape."""

    of: Metrics

    def collect(self) -> Iterator[Metric]:
        yield _one("build_info", "1: the version that runs.", 1, version=__version__)
        loops = GaugeMetricFamily("rotation_loops_stuck", "Loops of the process that do not turn.")
        loops.add_metric((), len(list(self.of.loops.stuck())))
        yield loops
        ready = GaugeMetricFamily("rotation_ready", "1: as `/readyz`.")
        ready.add_metric((), int(not self.of.pulse.silent))
        yield ready
        for name, help_, at in (
            ("tick", "When the scheduler last looked for what is due.", self.of.ticked()),
            ("heartbeat", "When the heartbeat was last received.", self.of.beat_at()),
        ):
            if at is not None:
                yield _one(f"{name}_timestamp_seconds", help_, at.timestamp())
        yield from self._connections()

    def _connections(self) -> Iterator[Metric]:
        up = _of_connection("up", "1: it answered when it was last asked.")
        took = _of_connection("answer_seconds", "How long its latest answer took.")
        made = _of_connection("credential_created_timestamp_seconds", "Of our own login, if known.")
        ends = _of_connection("credential_expires_timestamp_seconds", "Of our own login, if known.")
        for name, answer in self.of.pulse.answers.items():
            up.add_metric((name,), int(answer.error is None))
            took.add_metric((name,), answer.took_s)
            if answer.own is not None and answer.own.created is not None:
                made.add_metric((name,), answer.own.created.timestamp())
            if answer.own is not None and answer.own.expires is not None:
                ends.add_metric((name,), answer.own.expires.timestamp())
        yield from (up, took, made, ends)


def _one(name: str, help_: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"rotation_{name}", help_, labels=tuple(labels))
    family.add_metric(tuple(labels.values()), value)
    return family


def _of_connection(name: str, help_: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"rotation_connection_{name}", help_, labels=("connection",))
