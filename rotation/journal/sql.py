"""The journal in a SQL database: on one host a SQLite file."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, TypeVar

from rotation.errors import JournalMoved
from rotation.journal import sqlite
from rotation.journal.chain import Summarise
from rotation.journal.entries import INSTALLATION, Draft, Entry, Identity, Kind, stamp, unstamp
from rotation.journal.identity_row import AT_ONCE, identity_row
from rotation.journal.migration import create, look_at, open_file
from rotation.journal.rows import (
    DERIVED_NAMES,
    entry_from,
    entry_values,
    identity_changes,
    identity_from,
    identity_values,
)
from rotation.journal.seal import Fault, Moving, Seals, is_sealed
from rotation.journal.sqlite.statements import QUERIES
from rotation.journal.streams import StreamJournal

# Readers of everything take so many rows at a time, so that they block nobody.
PAGE = 1000

T = TypeVar("T")


@lru_cache(maxsize=256)
def _update_row(*names: str) -> str:
    """Cached: a rotation changes the same few sets of columns again and again."""
    changes = ", ".join(f"{name} = :{name}" for name in names)
    return f"UPDATE identity SET {changes} WHERE stream = :of_stream"  # noqa: S608 -- our own names


def open_journal(
    path: Path,
    installation: str,
    *,
    read_only: bool = False,
    patience_s: float | None = None,
    seals: Seals | None = None,
    summarise: Summarise = identity_row,
) -> "SqlJournal":
    """Opens the journal in that file and makes it if there is none. An older one is brought forward
    after a copy of it. read_only: opens an existing one beside a live writer. patience_s: how long
    another process may hold it; None: as long as any writer may. seals: checked here before any
    write, and renewed with each one."""
    path = path.absolute()
    with sqlite.translated():
        if not read_only:
            create(path, installation)
        file = open_file(path, installation, read_only=read_only, patience_s=patience_s)
    journal = SqlJournal(installation, file, summarise, seals)
    if not read_only:
        journal.doubt()
    return journal


def journal_for_looks(path: Path, installation: str) -> "SqlJournal":
    """Opens the journal for readers, even one that others may read, on a disk that cannot be
    written. Seals are not checked."""
    path = path.absolute()
    with sqlite.translated():
        return SqlJournal(installation, look_at(path, installation))


class SqlJournal(StreamJournal):
    """Safe for threads. `close` it, or use it as a context manager."""

    def __init__(
        self,
        installation: str,
        file: sqlite.File,
        summarise: Summarise = identity_row,
        seals: Seals | None = None,
    ) -> None:
        super().__init__(installation, summarise)
        self._file = file
        self._seals = seals
        self._doubted: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def entries(self, stream: str) -> tuple[Entry, ...]:
        latest = self._read("latest", entry_from, stream=stream)
        return tuple(latest) if latest and latest[0].rotation else ()

    def history(self, stream: str) -> Iterator[Entry]:
        return self._pages("history", entry_from, 0, lambda entry: entry.seq, stream=stream)

    def closing(self, stream: str) -> Entry | None:
        return next(iter(self._read("closing", entry_from, stream=stream)), None)

    def closings(self, *, without: str) -> Iterator[Entry]:
        return self._pages("closings", entry_from, "", lambda entry: entry.stream, without=without)

    def streams(self) -> Iterator[str]:
        return self._pages("streams", itemgetter(0), "", lambda stream: stream)

    def identity(self, stream: str) -> Identity | None:
        rows = self._read("row", identity_from, stream=stream)
        return rows[0] if rows and rows[0].seq else None

    def identities(self) -> Iterator[Identity]:
        return self._pages("rows", identity_from, "", lambda row: row.stream)

    def held_for(self, code: str) -> Sequence[Identity]:
        return self._read("held_for", identity_from, code=code)

    def paused(self) -> Sequence[Identity]:
        return self._read("paused", identity_from)

    def runnable(self, now: datetime) -> Sequence[Identity]:
        return self._read("runnable", identity_from, now=stamp(now))

    def next_wake(self) -> datetime | None:
        return self._read("next_wake", lambda row: unstamp(row[0]))[0]

    def installation_entries(self, *kinds: Kind) -> tuple[Entry, ...]:
        if not kinds:
            return tuple(self.history(INSTALLATION))
        names = json.dumps(kinds)
        return tuple(self._read("of_kinds", entry_from, kinds=names))

    def by_people(self, since: datetime) -> Sequence[Entry]:
        return self._read("by_people", entry_from, since=stamp(since))

    def done_steps(self, since: datetime) -> set[tuple[str, str]]:
        return set(self._read("done_steps", itemgetter(0, 1), since=stamp(since)))

    def doubt(self, stream: str | None = None) -> str | None:
        if stream is None or self._doubted is not None:
            self._doubted = _in_words(self.faults())
        if stream is None or self._doubted is not None or self._seals is None:
            return self._doubted
        with self._file.read() as connection:
            fault = self._seals.fault_of(connection, stream)
        return None if fault is None else str(fault)

    def faults(self, *, thorough: bool = False) -> list[Fault]:
        """What the seals do not prove. thorough: also reads the latest rotation of each stream."""
        with self._file.read() as connection:
            if self._seals is not None:
                return self._seals.faults(connection, thorough=thorough)
            without = "it is sealed, and the configuration names no `seal_key`"
            return [Fault(INSTALLATION, without)] if is_sealed(connection) else []

    def strays(self) -> list[str]:
        """Streams whose row does not belong to their last entry, or may contradict it about whether
        the rotation is open, held or waiting."""
        return self._read("strays", itemgetter(0), at_once=stamp(AT_ONCE))

    def size(self) -> int:
        """The number of entries; reads them all."""
        return self._read("size", lambda row: int(row[0]))[0]

    def seal(self, draft: Draft, runner: str, now: datetime, accepting: Sequence[Fault]) -> None:
        """Seals everything from now on, which SEALED records. accepting: the faults that a person
        saw; raises JournalMoved where they have changed since."""
        assert self._seals is not None, "a journal that seals has the key"
        with self._file.write() as connection:
            if self._seals.found(connection, thorough=True) != list(accepting):
                raise JournalMoved(
                    "journal.moved", "the journal changed meanwhile; nothing was sealed"
                )
            self._record(_SqlTransaction(connection), draft, runner, now)
            self._seals.seal_all(connection, accepting)
        self._doubted = None

    def damage(self) -> tuple[str, ...]:
        """What is wrong with the file below its tables; slow, for `journal check`."""
        return self._file.damage()

    def raise_epochs(self) -> None:
        """Makes every lease given so far worthless."""
        with self._file.write() as connection:
            connection.execute(QUERIES["raise_epochs"])

    @contextmanager
    def _transaction(self) -> Iterator["_SqlTransaction"]:
        with self._file.write() as connection:
            moving = None if self._seals is None else Moving(self._seals, connection)
            yield _SqlTransaction(connection, moving)
            if moving is not None:
                moving.end()

    def _read(self, query: str, decode: Callable[[Any], T], **parameters: Any) -> list[T]:
        with self._file.read() as connection:
            return list(map(decode, connection.execute(QUERIES[query], parameters).fetchall()))

    def _pages(
        self,
        query: str,
        decode: Callable[[Any], T],
        after: int | str,
        place: Callable[[T], int | str],
        **parameters: Any,
    ) -> Iterator[T]:
        while True:
            page = self._read(query, decode, after=after, page=PAGE, **parameters)
            yield from page
            if len(page) < PAGE:
                return
            after = place(page[-1])


def _in_words(faults: Sequence[Fault]) -> str | None:
    if not faults:
        return None
    return str(faults[0]) + (f", and {len(faults) - 1} more" if len(faults) > 1 else "")


class _SqlTransaction:
    def __init__(self, connection: sqlite3.Connection, moving: Moving | None = None) -> None:
        self._connection = connection
        self._moving = moving

    def row(self, stream: str) -> Identity | None:
        found = self._run("row", {"stream": stream}).fetchone()
        return None if found is None else identity_from(found)

    def latest(self, stream: str, after: int = 0) -> tuple[Entry, ...]:
        of = {"stream": stream, "after": after}
        return tuple(map(entry_from, self._run("newer" if after else "latest", of)))

    def history(self, stream: str) -> Iterator[Entry]:
        return map(entry_from, self._run("whole", {"stream": stream}))

    def insert(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if self._moving is not None:
                self._moving.before(entry.stream)
            self._run("insert_entry", entry_values(entry))

    def save(self, before: Identity | None, row: Identity) -> None:
        if before is None:
            self._run("insert_row", identity_values(row))
        elif changes := identity_changes(before, row):
            if self._moving is not None and not changes.keys().isdisjoint(DERIVED_NAMES):
                self._moving.before_row(row.stream)
            self._connection.execute(_update_row(*changes), {**changes, "of_stream": row.stream})

    def _run(self, query: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(QUERIES[query], values)
