"""The journal's file, read by the standard library alone.

For verbs that only look: the database toolkit takes half of the time in which `status` must have
answered. What is read is the same; a test compares the two, column by column.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from rotation.entries import INSTALLATION, SCHEMA, Entry, Identity
from rotation.errors import JournalError
from rotation.journal.place import refuse_replaceable
from rotation.journal.rows import ENTRY_NAMES, IDENTITY_NAMES, entry_from, identity_from

_IDENTITY = ", ".join(f'"{name}"' for name in IDENTITY_NAMES)
_ENTRY = ", ".join(ENTRY_NAMES)

T = TypeVar("T")


_OF_LATEST = (
    "stream = ?1 AND seq >= (SELECT rotation FROM entry WHERE stream = ?1"
    " ORDER BY seq DESC LIMIT 1)"
)


class Glance:
    """The journal of that installation, as it is at each question. Never writes."""

    def __init__(self, path: Path, installation: str) -> None:
        self.installation = installation
        with _told(path):
            refuse_replaceable(path)
            self._file = sqlite3.connect(f"file:{quote(str(path))}?{_mode(path)}", uri=True)
            self._check(path)
        self._path = path

    def close(self) -> None:
        self._file.close()

    def identity(self, stream: str) -> Identity | None:
        return next(self._identities("stream = ? AND seq > 0", stream), None)

    def identities(self) -> Iterator[Identity]:
        return self._identities("seq > 0 ORDER BY stream")

    def entries(self, stream: str) -> tuple[Entry, ...]:
        """The latest rotation of the stream, from its OPENED on."""
        found = tuple(self._entries(f"{_OF_LATEST} ORDER BY seq", stream))
        return found if found and found[0].rotation else ()

    def closing(self, stream: str) -> Entry | None:
        return next(self._entries(f"{_OF_LATEST} AND kind = 'closed'", stream), None)

    def history(self, stream: str) -> Iterator[Entry]:
        return self._entries("stream = ? ORDER BY seq", stream)

    def streams(self) -> Iterator[str]:
        wanted = "SELECT stream FROM entry WHERE seq = 1 AND stream <> ? ORDER BY stream"
        return self._rows(wanted, itemgetter(0), INSTALLATION)

    def installation_entries(self) -> tuple[Entry, ...]:
        return tuple(self.history(INSTALLATION))

    def _check(self, path: Path) -> None:
        meta = dict(self._file.execute("SELECT name, value FROM meta"))
        if meta.get("installation") != self.installation:
            raise JournalError(
                "journal.installation",
                f"the journal at {path} belongs to installation {meta.get('installation')}",
                "check `installation:` in the configuration and the path of the journal",
            )
        if meta.get("schema") != str(SCHEMA):
            raise JournalError(
                "journal.schema",
                f"the journal has schema {meta.get('schema')}, this version reads {SCHEMA}",
                "`rotation journal upgrade`, or the version of rotation that wrote it",
            )

    def _rows(self, statement: str, decode: Callable[[Any], T], *values: str) -> Iterator[T]:
        with _told(self._path):
            yield from map(decode, self._file.execute(statement, values))

    def _identities(self, where: str, *values: str) -> Iterator[Identity]:
        wanted = f"SELECT {_IDENTITY} FROM identity WHERE {where}"  # noqa: S608 -- our own words
        return self._rows(wanted, identity_from, *values)

    def _entries(self, where: str, *values: str) -> Iterator[Entry]:
        wanted = f"SELECT {_ENTRY} FROM entry WHERE {where}"  # noqa: S608 -- our own words
        return self._rows(wanted, entry_from, *values)


def _mode(path: Path) -> str:
    """A journal that was closed in order, on a disk that takes no write: nobody can change it."""
    at_rest = not path.with_name(f"{path.name}-wal").exists()
    unchanging = at_rest and not os.access(path.parent, os.W_OK)
    return "immutable=1" if unchanging else "mode=ro"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """The database's errors become the journal's, without their text."""
    try:
        yield
    except (sqlite3.Error, OSError):
        raise JournalError(
            "journal.unreadable",
            f"the journal at {path} cannot be read",
            "`rotation journal check` says why",
        ) from None
