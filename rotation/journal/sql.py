"""The journal in a SQL database: on one host a SQLite file. Imported only to open one."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import BindParameter, ClauseElement, bindparam, func, insert, select, update
from sqlalchemy.dialects.sqlite import dialect

from rotation.entries import INSTALLATION, Draft, Entry, Identity, Kind, stamp, unstamp
from rotation.errors import JournalMoved
from rotation.journal import sqlite
from rotation.journal.chain import Summarise
from rotation.journal.migration import create, open_file
from rotation.journal.rows import (
    entry_from,
    entry_values,
    identity_changes,
    identity_from,
    identity_values,
)
from rotation.journal.schema import ENTRY, IDENTITY
from rotation.journal.seal import Fault, Moving, Seals, is_sealed
from rotation.journal.streams import StreamJournal
from rotation.summary import summarise

PAGE = 1000
"""Rows that a reader of everything takes at a time, so that it holds up nobody else."""

T = TypeVar("T")


class _Prepared:
    """A statement, compiled once and given to the driver as text: through the toolkit each one
    takes several times as long as the database needs for it, and a rotation has a hundred."""

    _dialect = dialect(paramstyle="named")

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=self._dialect)
        self.text = str(compiled)
        self.fixed = compiled.params

    def on(self, connection: sqlite3.Connection, **values: Any) -> sqlite3.Cursor:
        return connection.execute(self.text, self.fixed | values)


_STREAM: BindParameter[str] = bindparam("stream")
_AFTER: BindParameter[Any] = bindparam("after")
_LAST_ROTATION = (
    select(ENTRY.c.rotation)
    .where(ENTRY.c.stream == _STREAM)
    .order_by(ENTRY.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_ENTRIES = select(ENTRY).where(ENTRY.c.stream == _STREAM).order_by(ENTRY.c.seq)
_OF_LATEST = _ENTRIES.where(ENTRY.c.seq >= _LAST_ROTATION)
_CLOSING = _Prepared(_OF_LATEST.where(ENTRY.c.kind == str(Kind.CLOSED)))
_WHOLE, _LATEST = _Prepared(_ENTRIES), _Prepared(_OF_LATEST)
# Not one statement with `_LATEST`: of two lower bounds SQLite takes the wrong one, and reads all.
_NEWER = _Prepared(_OF_LATEST.where(ENTRY.c.seq > _AFTER))
_HISTORY = _Prepared(_ENTRIES.where(ENTRY.c.seq > _AFTER).limit(PAGE))
_STREAMS = _Prepared(
    select(ENTRY.c.stream)
    .where(ENTRY.c.stream > _AFTER, ENTRY.c.stream != INSTALLATION)
    .distinct()
    .order_by(ENTRY.c.stream)
    .limit(PAGE)
)
_ROW = _Prepared(select(IDENTITY).where(IDENTITY.c.stream == _STREAM))
_ROWS = _Prepared(
    select(IDENTITY)
    .where(IDENTITY.c.stream > _AFTER, IDENTITY.c.seq > 0)
    .order_by(IDENTITY.c.stream)
    .limit(PAGE)
)
_HELD_FOR = _Prepared(
    select(IDENTITY).where(IDENTITY.c.held == bindparam("code")).order_by(IDENTITY.c.stream)
)
_RUNNABLE = _Prepared(
    select(IDENTITY).where(IDENTITY.c.wake_at <= bindparam("now")).order_by(IDENTITY.c.wake_at)
)
_NEXT_WAKE = _Prepared(select(func.min(IDENTITY.c.wake_at)).where(IDENTITY.c.wake_at.is_not(None)))
_SIZE = _Prepared(select(func.count()).select_from(ENTRY))
_INSERT_ENTRY, _INSERT_ROW = _Prepared(insert(ENTRY)), _Prepared(insert(IDENTITY))
_RAISE_EPOCHS = _Prepared(
    update(IDENTITY).values(epoch=IDENTITY.c.epoch + 1, lease_runner=None, lease_until=None)
)


@lru_cache(maxsize=256)
def _update_row(*names: str) -> _Prepared:
    """A rotation changes the same few sets of columns again and again."""
    changed: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in names}
    return _Prepared(
        update(IDENTITY).where(IDENTITY.c.stream == bindparam("of_stream")).values(changed)
    )


def open_journal(
    path: Path,
    installation: str,
    *,
    read_only: bool = False,
    patience_s: float | None = None,
    seals: Seals | None = None,
    summarise: Summarise = summarise,
) -> "SqlJournal":
    """The journal in that file, which is made if there is none. An older one is brought forward
    after a copy of it. read_only: beside a live writer, for whoever only looks; it must exist.
    patience_s: how long another process may hold it; None: as long as any writer may.
    seals: what it must prove, looked at here for whoever writes, and what moves on with it."""
    path = path.absolute()
    with sqlite.translated():
        if not read_only:
            create(path, installation)
        file = open_file(path, installation, read_only=read_only, patience_s=patience_s)
    journal = SqlJournal(installation, file, summarise, seals)
    if not read_only:
        journal.doubt()
    return journal


class SqlJournal(StreamJournal):
    """Safe for threads. `close` it, or use it as a context manager."""

    def __init__(
        self,
        installation: str,
        file: sqlite.File,
        summarise: Summarise = summarise,
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
        latest = self._read(_LATEST, entry_from, stream=stream)
        return tuple(latest) if latest and latest[0].rotation else ()

    def history(self, stream: str) -> Iterator[Entry]:
        return self._pages(_HISTORY, entry_from, 0, lambda entry: entry.seq, stream=stream)

    def closing(self, stream: str) -> Entry | None:
        return next(iter(self._read(_CLOSING, entry_from, stream=stream)), None)

    def streams(self) -> Iterator[str]:
        return self._pages(_STREAMS, itemgetter(0), "", lambda stream: stream)

    def identity(self, stream: str) -> Identity | None:
        rows = self._read(_ROW, identity_from, stream=stream)
        return rows[0] if rows and rows[0].seq else None

    def identities(self) -> Iterator[Identity]:
        return self._pages(_ROWS, identity_from, "", lambda row: row.stream)

    def held_for(self, code: str) -> Sequence[Identity]:
        return self._read(_HELD_FOR, identity_from, code=code)

    def runnable(self, now: datetime) -> Sequence[Identity]:
        return self._read(_RUNNABLE, identity_from, now=stamp(now))

    def next_wake(self) -> datetime | None:
        return self._read(_NEXT_WAKE, lambda row: unstamp(row[0]))[0]

    def installation_entries(self) -> tuple[Entry, ...]:
        return tuple(self.history(INSTALLATION))

    def doubt(self, stream: str | None = None) -> str | None:
        if stream is None or self._doubted is not None:
            self._doubted = _told(self.faults())
        if stream is None or self._doubted is not None or self._seals is None:
            return self._doubted
        with self._file.read() as connection:
            fault = self._seals.fault_of(connection, stream)
        return None if fault is None else str(fault)

    def faults(self, *, thorough: bool = False) -> list[Fault]:
        """What the seals do not prove; thorough: the latest rotation of each stream is read, too."""
        with self._file.read() as connection:
            if self._seals is not None:
                return self._seals.faults(connection, thorough=thorough)
            without = "it is sealed, and the configuration names no `seal_key`"
            return [Fault(INSTALLATION, without)] if is_sealed(connection) else []

    def size(self) -> int:
        """How many entries; reads them all."""
        return self._read(_SIZE, lambda row: int(row[0]))[0]

    def seal(self, draft: Draft, runner: str, now: datetime, accepting: Sequence[Fault]) -> None:
        """From now on, and SEALED says so. accepting: the faults that a person saw; where they are
        others by now: JournalMoved."""
        assert self._seals is not None, "whoever seals has the key"
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
        """No lease given until now is worth anything any more."""
        with self._file.write() as connection:
            _RAISE_EPOCHS.on(connection)

    @contextmanager
    def _transaction(self) -> Iterator["_SqlTransaction"]:
        with self._file.write() as connection:
            moving = None if self._seals is None else Moving(self._seals, connection)
            yield _SqlTransaction(connection, moving)
            if moving is not None:
                moving.end()

    def _read(self, statement: _Prepared, decode: Callable[[Any], T], **parameters: Any) -> list[T]:
        with self._file.read() as connection:
            return list(map(decode, statement.on(connection, **parameters).fetchall()))

    def _pages(
        self,
        statement: _Prepared,
        decode: Callable[[Any], T],
        after: int | str,
        place: Callable[[T], int | str],
        **parameters: Any,
    ) -> Iterator[T]:
        while True:
            page = self._read(statement, decode, after=after, **parameters)
            yield from page
            if len(page) < PAGE:
                return
            after = place(page[-1])


def _told(faults: Sequence[Fault]) -> str | None:
    if not faults:
        return None
    return str(faults[0]) + (f", and {len(faults) - 1} more" if len(faults) > 1 else "")


class _SqlTransaction:
    def __init__(self, connection: sqlite3.Connection, moving: Moving | None = None) -> None:
        self._connection = connection
        self._moving = moving

    def row(self, stream: str) -> Identity | None:
        found = _ROW.on(self._connection, stream=stream).fetchone()
        return None if found is None else identity_from(found)

    def latest(self, stream: str, after: int = 0) -> tuple[Entry, ...]:
        if after:
            found = _NEWER.on(self._connection, stream=stream, after=after)
        else:
            found = _LATEST.on(self._connection, stream=stream)
        return tuple(map(entry_from, found))

    def history(self, stream: str) -> Iterator[Entry]:
        return map(entry_from, _WHOLE.on(self._connection, stream=stream))

    def insert(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if self._moving is not None:
                self._moving.before(entry.stream)
            _INSERT_ENTRY.on(self._connection, **entry_values(entry))

    def save(self, before: Identity | None, row: Identity) -> None:
        if before is None:
            _INSERT_ROW.on(self._connection, **identity_values(row))
        elif changes := identity_changes(before, row):
            _update_row(*changes).on(self._connection, of_stream=row.stream, **changes)
