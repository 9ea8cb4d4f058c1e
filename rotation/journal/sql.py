"""The journal in a SQL database: on one host a SQLite file. Imported only to open one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, Select, bindparam, func, insert, select, update

from rotation.entries import INSTALLATION, Entry, Identity
from rotation.journal import sqlite
from rotation.journal.chain import Summarise
from rotation.journal.migration import check_origin, create, upgrade
from rotation.journal.schema import (
    ENTRY,
    IDENTITY,
    entry_from,
    entry_values,
    identity_from,
    identity_values,
)
from rotation.journal.streams import StreamJournal
from rotation.machine import summarise as machine_summarise

PAGE = 1000
"""Rows that a reader of everything takes at a time, so that it holds up nobody else."""

_STREAM, _AFTER = bindparam("stream"), bindparam("after")
_LAST_ROTATION = (
    select(ENTRY.c.rotation)
    .where(ENTRY.c.stream == _STREAM)
    .order_by(ENTRY.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_LATEST = (
    select(ENTRY)
    .where(ENTRY.c.stream == _STREAM, ENTRY.c.seq > _AFTER, ENTRY.c.seq >= _LAST_ROTATION)
    .order_by(ENTRY.c.seq)
)
_WHOLE = select(ENTRY).where(ENTRY.c.stream == _STREAM).order_by(ENTRY.c.seq)
_HISTORY = _WHOLE.where(ENTRY.c.seq > _AFTER).limit(PAGE)
_STREAMS = (
    select(ENTRY.c.stream)
    .where(ENTRY.c.stream > _AFTER, ENTRY.c.seq == 1, ENTRY.c.stream != INSTALLATION)
    .order_by(ENTRY.c.stream)
    .limit(PAGE)
)
_ROW = select(IDENTITY).where(IDENTITY.c.stream == _STREAM)
_LOCKED_ROW = _ROW.with_for_update()
_ROWS = (
    select(IDENTITY)
    .where(IDENTITY.c.stream > _AFTER, IDENTITY.c.seq > 0)
    .order_by(IDENTITY.c.stream)
    .limit(PAGE)
)
_RUNNABLE = (
    select(IDENTITY).where(IDENTITY.c.wake_at <= bindparam("now")).order_by(IDENTITY.c.wake_at)
)
_NEXT_WAKE = select(func.min(IDENTITY.c.wake_at)).where(IDENTITY.c.wake_at.is_not(None))
_INSERT_ENTRY = insert(ENTRY)
_INSERT_ROW = insert(IDENTITY)
_UPDATE_ROW = update(IDENTITY).where(IDENTITY.c.stream == bindparam("of_stream"))


def open_journal(
    path: Path,
    installation: str,
    *,
    read_only: bool = False,
    summarise: Summarise = machine_summarise,
) -> "SqlJournal":
    """The journal in that file, which is made if there is none. An older one is brought forward
    after a copy of it. read_only: beside a live writer, for whoever only looks; it must exist."""
    path = path.absolute()
    with sqlite.translated():
        if not read_only:
            create(path, installation)
            upgrade(path)
        sqlite.refuse_unsafe(path)
        writing, reading = sqlite.engines(path, read_only=read_only)
        journal = SqlJournal(installation, writing, reading, summarise)
        check_origin(reading, installation)
    return journal


class SqlJournal(StreamJournal):
    """Safe for threads. `close` it, or use it as a context manager."""

    def __init__(
        self, installation: str, writing: Engine, reading: Engine, summarise: Summarise
    ) -> None:
        super().__init__(installation, summarise)
        self._writing = writing
        self._reading = reading

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reading.dispose()
        self._writing.dispose()

    def entries(self, stream: str) -> tuple[Entry, ...]:
        latest = _entries(self._read(_LATEST, stream=stream, after=0))
        return latest if latest and latest[0].rotation else ()

    def history(self, stream: str) -> Iterator[Entry]:
        pages = self._pages(_HISTORY, 0, lambda row: row.seq, stream=stream)
        return map(entry_from, pages)

    def streams(self) -> Iterator[str]:
        return (row[0] for row in self._pages(_STREAMS, "", lambda row: row[0]))

    def identity(self, stream: str) -> Identity | None:
        found = self._read(_ROW, stream=stream)
        return identity_from(found[0]) if found and found[0].seq else None

    def identities(self) -> Iterator[Identity]:
        return map(identity_from, self._pages(_ROWS, "", lambda row: row.stream))

    def runnable(self, now: datetime) -> Sequence[Identity]:
        return [identity_from(row) for row in self._read(_RUNNABLE, now=now)]

    def next_wake(self) -> datetime | None:
        wake: datetime | None = self._read(_NEXT_WAKE)[0][0]
        return wake

    def installation_entries(self) -> tuple[Entry, ...]:
        return tuple(self.history(INSTALLATION))

    @contextmanager
    def _transaction(self) -> Iterator["_SqlTransaction"]:
        with sqlite.translated(), self._writing.begin() as connection:
            yield _SqlTransaction(connection)

    def _read(self, statement: Select[Any], **parameters: Any) -> Sequence[Any]:
        with sqlite.translated(), self._reading.connect() as connection:
            return connection.execute(statement, parameters).fetchall()

    def _pages(
        self, statement: Select[Any], after: Any, place: Callable[[Any], Any], **parameters: Any
    ) -> Iterator[Any]:
        while page := self._read(statement, after=after, **parameters):
            yield from page
            after = place(page[-1])


class _SqlTransaction:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def row(self, stream: str) -> Identity | None:
        found = self._connection.execute(_LOCKED_ROW, {"stream": stream}).first()
        return None if found is None else identity_from(found)

    def latest(self, stream: str, after: int = 0) -> tuple[Entry, ...]:
        found = self._connection.execute(_LATEST, {"stream": stream, "after": after})
        return _entries(found.fetchall())

    def history(self, stream: str) -> Iterator[Entry]:
        return map(entry_from, self._connection.execute(_WHOLE, {"stream": stream}))

    def insert(self, entries: Sequence[Entry]) -> None:
        self._connection.execute(_INSERT_ENTRY, [entry_values(entry) for entry in entries])

    def save(self, before: Identity | None, row: Identity) -> None:
        values = identity_values(row)
        if before is None:
            self._connection.execute(_INSERT_ROW, values)
        else:
            self._connection.execute(_UPDATE_ROW, values | {"of_stream": row.stream})


def _entries(rows: Sequence[Any]) -> tuple[Entry, ...]:
    return tuple(map(entry_from, rows))
