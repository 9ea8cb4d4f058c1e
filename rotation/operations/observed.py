"""What this process itself did since it began, as metrics: rows, commits, calls by connection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from rotation.errors import RotationError
from rotation.interfaces import Adapters
from rotation.journal.entries import Entry, Kind
from rotation.types import PluginSpec, Specification

MINUTE, HOUR, DAY = 60, 3600, 86_400
BUCKETS = (0.1, 1, 5, 15, MINUTE, 5 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY)
_ENDS = frozenset({Kind.OPENED, Kind.DONE})


@dataclass(kw_only=True)
class Observed:
    """What this process itself did since it began."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    entries_of: Callable[[str], Sequence[Entry]] = lambda stream: ()
    #: Grows with each commit.
    moved: int = 0
    _ended: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self.rows = Histogram(
            "rotation_row_duration_seconds",
            "From the end of the row before it, waiting included, to its own end, by step.",
            ["step"], buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        self.commits = counter("rotation_journal_commits", "Commits of entries by this runner.")
        self.entries = counter("rotation_journal_entries", "Entries by this runner.", ["kind"])
        self.calls = counter(
            "rotation_calls", "Calls of a step to an adapter; one may be several requests.",
            ["connection"],
        )  # fmt: skip
        self.failed = counter(
            "rotation_calls_failed", "Those that raised an error.", ["connection"]
        )
        self.throttled = counter(
            "rotation_calls_throttled", "Those that were throttled.", ["connection"]
        )

    def follow(self, entries: Sequence[Entry]) -> None:
        """Of a runner: each batch is one commit."""
        self.commits.inc()
        self.moved += 1
        for entry in entries:
            self.entries.labels(str(entry.kind)).inc()
            if entry.kind is Kind.DONE and entry.row is not None:
                before = self._ended.get(entry.stream) or self._before(entry)
                if before is not None:
                    took = max((entry.at - before).total_seconds(), 0.0)
                    self.rows.labels(entry.row.step).observe(took)
            if entry.kind in _ENDS:
                self._ended[entry.stream] = entry.at
            elif entry.kind is Kind.CLOSED:
                self._ended.pop(entry.stream, None)

    def _before(self, entry: Entry) -> datetime | None:
        """Another process ended the row before it."""
        earlier = [
            e.at for e in self.entries_of(entry.stream) if e.seq < entry.seq and e.kind in _ENDS
        ]
        return earlier[-1] if earlier else None

    def watch(self, bound: Adapters, spec: Specification) -> Adapters:
        """The same adapters; each call is counted for its connection."""
        consumers = {each.id: each.plugin for each in spec.consumers}
        return Adapters(
            issuer=self._counted(bound.issuer, spec.issuer),
            store=self._counted(bound.store, spec.store),
            probe=bound.probe and self._counted(bound.probe, spec.probe),
            consumers={
                name: self._counted(each, consumers.get(name))
                for name, each in bound.consumers.items()
            },
        )

    def _counted(self, adapter: Any, plugin: PluginSpec | None) -> Any:
        connection = None if plugin is None else plugin.options.get("connection")
        return _Counted(self, adapter, connection) if isinstance(connection, str) else adapter


class _Counted:
    def __init__(self, seen: Observed, adapter: object, connection: str) -> None:
        self._seen, self._adapter, self._connection = seen, adapter, connection

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        self._seen.calls.labels(self._connection).inc()
        try:
            return method(*given, **named)
        except RotationError as error:
            self._seen.failed.labels(self._connection).inc()
            if error.code.endswith(".throttled"):
                self._seen.throttled.labels(self._connection).inc()
            raise
