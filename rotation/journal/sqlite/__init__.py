"""One journal in one SQLite file: who may see it, where it may lie, what a commit means."""

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from rotation.errors import JournalError
from rotation.journal.entries import NONSENSE, RESTORE, corrupt
from rotation.journal.place import refuse_open_way, refuse_replaceable
from rotation.journal.writer import Busy, Connect, Writer

# How long a writer waits for another one; less than the deadline of a provider's call.
BUSY_SECONDS = 15
READERS = 8

# More than one step of a rotation writes.
ROOM_BYTES = 64 * 1024

# WAL needs shared memory between all processes that open the file, and locks that work.
NETWORK_FILE_SYSTEMS = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre",
    "gpfs", "beegfs", "ncpfs", "davfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.davfs2",
})  # fmt: skip
MOUNTS = Path("/proc/self/mounts")

WRITABLE = "its directory must exist on a writable disk and belong to you"
_MEANINGS = {
    sqlite3.SQLITE_ERROR: (
        "journal.tables", "the file's tables are not those of a journal", "check the path",
    ),
    sqlite3.SQLITE_BUSY: ("journal.busy", "another process holds the journal", "try again"),
    sqlite3.SQLITE_LOCKED: ("journal.busy", "another process holds the journal", "try again"),
    sqlite3.SQLITE_FULL: ("journal.full", "the journal's disk is full", "make room, then `rotation run` goes on"),
    sqlite3.SQLITE_READONLY: ("journal.read-only", "the journal cannot be written from here", WRITABLE),
    sqlite3.SQLITE_CANTOPEN: ("journal.missing", "the journal's file cannot be opened", WRITABLE),
    sqlite3.SQLITE_PERM: ("journal.denied", "access to the journal's file was denied", WRITABLE),
    sqlite3.SQLITE_IOERR: ("journal.io", "the disk failed under the journal", "check the disk"),
    sqlite3.SQLITE_CORRUPT: (
        "journal.corrupt", "the journal's file is damaged",
        RESTORE,
    ),
    sqlite3.SQLITE_NOTADB: (
        "journal.corrupt", "the journal's file is damaged, or it is no journal",
        RESTORE,
    ),
}  # fmt: skip


_ERRNOS = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EFBIG: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
    errno.ENOENT: sqlite3.SQLITE_CANTOPEN,
}


@contextmanager
def translated() -> Iterator[None]:
    """Inside it, errors of SQLite and the system become JournalErrors without SQLite's text."""
    try:
        yield
    except sqlite3.Error as error:
        raise _meaning(error) from None
    except OSError as error:
        code = _ERRNOS.get(error.errno or 0, sqlite3.SQLITE_IOERR)
        what, message, hint = _MEANINGS[code]
        raise JournalError(what, f"{message} ({error.strerror})", hint) from None


def no_room(journal: Path) -> JournalError | None:
    """Why the next entries do not fit on its disk: a file without a name is tried beside it. None
    where they fit, or where this user cannot write there anyhow."""
    import tempfile  # noqa: PLC0415 -- only who asks pays for it

    try:
        with translated(), tempfile.TemporaryFile(dir=journal.parent, buffering=0) as new:
            new.write(bytes(ROOM_BYTES))
            os.fsync(new.fileno())
    except JournalError as error:
        return error if error.code == "journal.full" else None
    return None


def _meaning(error: sqlite3.Error) -> JournalError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return JournalError("journal.error", f"the journal failed: {type(error).__name__}")
    name = getattr(error, "sqlite_errorname", str(code))
    what, message, hint = _MEANINGS.get(
        code & 0xFF, ("journal.error", "the journal refused a statement", JournalError.NEXT)
    )
    return JournalError(what, f"{message} ({name})", hint)


class _Readers:
    """Connections for reading, each lent to one thread at a time and then reused."""

    def __init__(self, connect: Connect, patience_s: float) -> None:
        self._connect = connect
        self._patience_s = patience_s
        self._free = threading.BoundedSemaphore(READERS)
        self._idle: list[sqlite3.Connection] = []

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        if not self._free.acquire(timeout=self._patience_s):
            raise Busy
        try:
            connection = self._taken()
            try:
                yield connection
            finally:
                self._idle.append(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _taken(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()


class File:
    """The open file: one connection that writes, and several that read beside it. It never creates
    a file, so a lost journal is noticed."""

    def __init__(
        self, path: Path, *, read_only: bool = False, patience_s: float | None = None
    ) -> None:
        patience_s = BUSY_SECONDS if patience_s is None else patience_s
        self.path = path.absolute()
        self._opened = self.path.stat()
        connect = partial(_connect, self.path, read_only=read_only, patience_s=patience_s)
        self._writer = Writer(connect, self._refuse_replaced, patience_s)
        reader = partial(_connect, self.path, read_only=True, patience_s=patience_s)
        self._readers = _Readers(reader, patience_s)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its beginning."""
        with translated(), self._writer.transaction() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Each statement sees the latest commit."""
        with translated(), self._readers.lent() as connection:
            try:
                yield connection
            except NONSENSE:
                raise corrupt("a line of the journal") from None

    def copy_to(self, empty: Path) -> None:
        """Writes one file that can be moved anywhere and read there."""
        with (
            translated(),
            closing(_connect(self.path, read_only=True)) as source,
            closing(sqlite3.connect(empty)) as copied,
        ):
            source.backup(copied)
            copied.execute("PRAGMA journal_mode=DELETE")

    def fold_log(self) -> None:
        """Everything committed is in the file itself, and the log is empty."""
        with translated(), closing(_connect(self.path, read_only=False)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def damage(self) -> tuple[str, ...]:
        """What SQLite finds wrong with the file's own structure."""
        with self.read() as connection:
            found = connection.execute("PRAGMA integrity_check(20)").fetchall()
        return tuple(str(line) for (line,) in found if line != "ok")

    def close(self) -> None:
        self._readers.close()
        self._writer.close()

    def _refuse_replaced(self) -> None:
        # A commit into a file that was removed or replaced would be lost silently.
        try:
            same = os.path.samestat(self.path.stat(), self._opened)
        except FileNotFoundError:
            same = False
        if not same:
            raise JournalError(
                "journal.replaced",
                "the journal's file was removed or replaced while it was open",
                "bring it back with `rotation journal restore`, then start again",
            )


def _connect(path: Path, *, read_only: bool, patience_s: float | None = None) -> sqlite3.Connection:
    way = _read_only(path) if read_only else "mode=rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{way}",
        uri=True,
        timeout=BUSY_SECONDS if patience_s is None else patience_s,
        isolation_level=None,
        check_same_thread=False,
    )
    if not read_only:
        # Builds differ in their defaults, and some file systems silently refuse WAL.
        _set(connection, "journal_mode", "wal", "wal")
        _set(connection, "synchronous", "FULL", 2)
    return connection


def _read_only(path: Path) -> str:
    """The URI parameter for a journal that was closed properly on a disk that cannot be written:
    nobody can change it."""
    at_rest = not path.with_name(f"{path.name}-wal").exists()
    unchanging = at_rest and not os.access(path.parent, os.W_OK)
    return "immutable=1" if unchanging else "mode=ro"


def _set(connection: sqlite3.Connection, pragma: str, value: str, expected: object) -> None:
    connection.execute(f"PRAGMA {pragma}={value}")
    (actual,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if actual != expected:
        connection.close()
        raise JournalError(
            "journal.unsafe",
            f"the journal cannot run with {pragma}={value} here",
            "put it on a local disk",
        )


def prepare_directory(directory: Path) -> None:
    """Makes the directory private. Others may read an existing one but not write to it."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
    refuse_open_way(directory)


def refuse_unsafe(path: Path) -> None:
    """Raises for a file that is missing, is no journal, or that others can read or replace."""
    refuse_unreadable(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise JournalError("journal.mode", f"others may read or write {path}", f"chmod 600 {path}")


def refuse_unreadable(path: Path) -> None:
    """The same check without the readers' rights: others who can read it harm no reader."""
    if not path.exists():
        raise JournalError(
            "journal.missing", f"there is no journal at {path}", "`rotation init` makes one"
        )
    refuse_replaceable(path)
    if path.stat().st_size == 0:
        raise JournalError("journal.corrupt", f"{path} is empty, so it is no journal", RESTORE)


def refuse_network(path: Path) -> None:
    kind = file_system(path.resolve(), MOUNTS.read_text() if MOUNTS.exists() else "")
    if kind in NETWORK_FILE_SYSTEMS:
        raise JournalError(
            "journal.network",
            f"{path} is on a network file system ({kind}), where it could be corrupted",
            "put it on a local disk",
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
