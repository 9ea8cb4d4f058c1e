"""The journal in memory, for simulators and tests: the same rules, and nothing survives."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rotation.journal.chain import Summarise
from rotation.journal.entries import INSTALLATION, Entry, Identity, Kind, compact
from rotation.journal.identity_row import identity_row
from rotation.journal.streams import StreamJournal


class MemoryJournal(StreamJournal):
    """Safe for threads; one transaction at a time."""

    def __init__(self, installation: str, summarise: Summarise = identity_row) -> None:
        super().__init__(installation, summarise)
        self._entries: dict[str, list[Entry]] = {}
        self._rows: dict[str, Identity] = {}
        self._lock = threading.RLock()  # a transaction's decision may read

    def entries(self, stream: str) -> tuple[Entry, ...]:
        with self._lock:
            latest = _latest(self._entries.get(stream, []))
        return latest if latest and latest[0].rotation else ()

    def closing(self, stream: str) -> Entry | None:
        return next((e for e in self.entries(stream) if e.kind is Kind.CLOSED), None)

    def closings(self, *, without: str) -> Iterator[Entry]:
        closed = filter(None, map(self.closing, self.streams()))
        return (entry for entry in closed if without not in compact(entry.facts))

    def history(self, stream: str) -> Iterator[Entry]:
        with self._lock:
            return iter(tuple(self._entries.get(stream, ())))

    def streams(self) -> Iterator[str]:
        with self._lock:
            return iter(sorted(self._entries.keys() - {INSTALLATION}))

    def identity(self, stream: str) -> Identity | None:
        with self._lock:
            row = self._rows.get(stream)
        return row if row and row.seq else None

    def identities(self) -> Iterator[Identity]:
        with self._lock:
            return iter(
                [self._rows[stream] for stream in sorted(self._rows) if self._rows[stream].seq]
            )

    def held_for(self, code: str) -> Sequence[Identity]:
        with self._lock:
            return [self._rows[s] for s in sorted(self._rows) if self._rows[s].held == code]

    def paused(self) -> Sequence[Identity]:
        with self._lock:
            return [self._rows[s] for s in sorted(self._rows) if self._rows[s].on_hold]

    def runnable(self, now: datetime) -> Sequence[Identity]:
        with self._lock:
            waking = [(row.wake_at, row.stream) for row in self._rows.values() if row.wake_at]
            return [self._rows[stream] for at, stream in sorted(waking) if at <= now]

    def next_wake(self) -> datetime | None:
        with self._lock:
            return min((row.wake_at for row in self._rows.values() if row.wake_at), default=None)

    def installation_entries(self, *kinds: Kind) -> tuple[Entry, ...]:
        return tuple(e for e in self.history(INSTALLATION) if not kinds or e.kind in kinds)

    def by_people(self, since: datetime) -> Sequence[Entry]:
        found = [e for e in self._since(since) if e.who is not None]
        return sorted(found, key=lambda entry: (entry.at, entry.stream, entry.seq))

    def done_steps(self, since: datetime) -> set[tuple[str, str]]:
        done = (e for e in self._since(since) if e.kind is Kind.DONE and e.row is not None)
        return {(entry.stream, entry.row.step) for entry in done if entry.row is not None}

    def _since(self, since: datetime) -> Iterator[Entry]:
        with self._lock:
            return iter([e for all_ in self._entries.values() for e in all_ if e.at >= since])

    @contextmanager
    def _transaction(self) -> Iterator["_MemoryTransaction"]:
        with self._lock:
            transaction = _MemoryTransaction(self._entries, self._rows)
            yield transaction
            transaction.commit()


class _MemoryTransaction:
    """Keeps its writes private until it commits."""

    def __init__(self, entries: dict[str, list[Entry]], rows: dict[str, Identity]) -> None:
        self._entries = entries
        self._rows = rows
        self._inserted: list[Entry] = []
        self._saved: list[Identity] = []

    def row(self, stream: str) -> Identity | None:
        return self._rows.get(stream)

    def latest(self, stream: str, after: int = 0) -> tuple[Entry, ...]:
        return _latest(self._entries.get(stream, []), after)

    def history(self, stream: str) -> Sequence[Entry]:
        return self._entries.get(stream, [])

    def insert(self, entries: Sequence[Entry]) -> None:
        self._inserted += entries

    def save(self, before: Identity | None, row: Identity) -> None:
        self._saved.append(row)

    def commit(self) -> None:
        for entry in self._inserted:
            self._entries.setdefault(entry.stream, []).append(entry)
        for row in self._saved:
            self._rows[row.stream] = row


def _latest(entries: list[Entry], after: int = 0) -> tuple[Entry, ...]:
    if not entries:
        return ()
    # A rotation begins at its own seq, and seq counts from 1.
    return tuple(entries[max(entries[-1].rotation - 1, after, 0) :])
