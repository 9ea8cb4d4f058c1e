"""One journal in one SQLite file: who may see it, where it may lie, what a commit means."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from rotation.errors import JournalError

BUSY_SECONDS = 15
"""How long a writer waits for another one; less than the deadline of a provider's call."""

# WAL needs shared memory between all who open the file, and locks that work.
NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs afs ceph glusterfs lustre gpfs beegfs ncpfs davfs "
    "fuse.sshfs fuse.s3fs fuse.gcsfuse fuse.glusterfs fuse.ceph fuse.rclone fuse.davfs2".split()
)
MOUNTS = Path("/proc/self/mounts")

_MEANINGS = {
    sqlite3.SQLITE_BUSY: ("journal.busy", "another process holds the journal", "try again"),
    sqlite3.SQLITE_LOCKED: ("journal.busy", "another process holds the journal", "try again"),
    sqlite3.SQLITE_FULL: ("journal.full", "the journal's disk is full", "make room, then resume"),
    sqlite3.SQLITE_READONLY: ("journal.read-only", "the journal cannot be written from here", ""),
    sqlite3.SQLITE_CANTOPEN: ("journal.missing", "the journal's file cannot be opened", ""),
    sqlite3.SQLITE_PERM: ("journal.denied", "access to the journal's file was denied", ""),
    sqlite3.SQLITE_IOERR: ("journal.io", "the disk failed under the journal", "check the disk"),
    sqlite3.SQLITE_CORRUPT: (
        "journal.corrupt", "the journal's file is damaged",
        "rotation journal restore, from the latest backup",
    ),
    sqlite3.SQLITE_NOTADB: (
        "journal.corrupt", "the journal's file is damaged, or it is no journal",
        "rotation journal restore, from the latest backup",
    ),
}  # fmt: skip


@contextmanager
def translated() -> Iterator[None]:
    """Inside it the database's errors become the journal's, by code and without their text."""
    try:
        yield
    except PoolTimeout:
        raise JournalError(*_MEANINGS[sqlite3.SQLITE_BUSY]) from None
    except DBAPIError as error:
        raise meaning(error.orig) from None
    except sqlite3.Error as error:
        raise meaning(error) from None
    except SQLAlchemyError as error:
        raise JournalError("journal.error", f"the journal failed: {type(error).__name__}") from None


def meaning(error: BaseException | None) -> JournalError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return JournalError("journal.error", f"the journal failed: {type(error).__name__}")
    name = getattr(error, "sqlite_errorname", str(code))
    what, message, hint = _MEANINGS.get(
        code & 0xFF, ("journal.error", "the journal refused a statement", "")
    )
    return JournalError(what, f"{message} ({name})", hint)


def engines(path: Path, *, read_only: bool = False) -> tuple[Engine, Engine]:
    """One connection that writes, whose pool is the queue of this process's writers; and several
    that read beside it. Nothing here creates the file: a journal that is gone stays an error."""
    where = path.stat()

    def still_there(connection: Connection) -> None:
        # What is committed into a file that was removed or replaced is lost without a word.
        if not _is_same_file(path, where):
            raise JournalError(
                "journal.replaced", "the journal's file was removed or replaced while it was open",
                "start again",
            )
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    writing = _engine(path, read_only=read_only, width=1)
    event.listen(writing, "begin", still_there)
    return writing, _engine(path, read_only=True, width=8)


def _is_same_file(path: Path, where: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), where)
    except OSError:
        return False


def _engine(path: Path, *, read_only: bool, width: int) -> Engine:
    return create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, read_only=read_only),
        poolclass=QueuePool,
        pool_size=width,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
    )


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    if not read_only:
        # Builds differ in their defaults, and some file systems refuse WAL in silence.
        _set(connection, "journal_mode", "wal", "wal")
        _set(connection, "synchronous", "FULL", 2)
    return connection


def _set(connection: sqlite3.Connection, pragma: str, value: str, expected: object) -> None:
    connection.execute(f"PRAGMA {pragma}={value}")
    (actual,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if actual != expected:
        connection.close()
        raise JournalError(
            "journal.unsafe", f"the journal cannot run with {pragma}={value} here",
            "put it on a local disk",
        )


def prepare_directory(directory: Path) -> None:
    """Private from creation on; an existing one may be read, not written, by others."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
    if directory.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise JournalError(
            "journal.mode", f"others may write into {directory}", f"chmod go-w {directory}"
        )


def refuse_unsafe(path: Path) -> None:
    """A journal that others can read, or that lies where its locks do not work."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise JournalError("journal.mode", f"others may read or write {path}", f"chmod 600 {path}")
    if path.stat().st_size == 0:
        raise JournalError(
            "journal.corrupt", f"{path} is empty; it was a journal or it never became one",
            "rotation journal restore, from the latest backup",
        )


def refuse_network(path: Path) -> None:
    kind = file_system(path.resolve(), MOUNTS.read_text() if MOUNTS.exists() else "")
    if kind in NETWORK_FILE_SYSTEMS:
        raise JournalError(
            "journal.network", f"{path} is on a network file system ({kind}), where it would break",
            "put it on a local disk, or use PostgreSQL",
        )


def file_system(path: Path, mounts: str) -> str:
    """The type of the innermost mount that holds `path`; empty where the system does not say."""
    kind, longest = "", -1
    for line in mounts.splitlines():
        _, point, its_kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        # A later mount on the same point covers the earlier one.
        if path.is_relative_to(point) and len(point) >= longest:
            kind, longest = its_kind, len(point)
    return kind


def create_private(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
