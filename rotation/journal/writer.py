"""The one connection that writes. Threads that write at the same time share a commit, because the
disk takes as long for thirty small transactions as for one."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Opens a connection in autocommit mode that any thread may use.
Connect = Callable[[], sqlite3.Connection]


class Busy(sqlite3.OperationalError):
    """The thread did not get its turn in time."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY
    sqlite_errorname = "SQLITE_BUSY"


class Interrupted(sqlite3.Error):
    """The thread that commits for all was stopped while doing it."""


class _Group:
    """Transactions that become durable together. One that fails is undone alone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.failure: sqlite3.Error | None = None
        self.durable = False
        self._ended = threading.Event()

    @contextmanager
    def part(self) -> Iterator[sqlite3.Connection]:
        self.connection.execute("SAVEPOINT part")
        try:
            yield self.connection
        except BaseException:
            self._undo_part()
            raise
        self.connection.execute("RELEASE part")

    def _undo_part(self) -> None:
        try:
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")
        except sqlite3.Error as failure:
            # On a full or broken disk SQLite undoes all of it, including the other transactions.
            self.failure = failure

    def end(self) -> None:
        try:
            if self.failure is None:
                self.connection.execute("COMMIT")
                self.durable = True
        except sqlite3.Error as failure:
            self.failure = failure
        finally:
            self._ended.set()

    def wait(self) -> None:
        """Returns once it is durable; raises the reason if it is not."""
        self._ended.wait()
        if not self.durable:
            raise self.failure or Interrupted


class Writer:
    """Threads take turns. One that has nobody waiting behind it commits for all before it.

    check: raises where nothing may be written any more.
    """

    def __init__(self, connect: Connect, check: Callable[[], None], patience_s: float) -> None:
        self._connect = connect
        self._check = check
        self._patience_s = patience_s
        self._turn = threading.Lock()
        self._queue = threading.Lock()
        self._waiting = 0
        self._connection: sqlite3.Connection | None = None
        self._open: _Group | None = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Holds the write lock from its beginning; durable once it ends without an error."""
        self._await_turn()
        group = self._group()
        try:
            with group.part() as connection:
                yield connection
        finally:
            self._leave(group)
        group.wait()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _await_turn(self) -> None:
        with self._queue:
            self._waiting += 1
        mine = self._turn.acquire(timeout=self._patience_s)
        with self._queue:
            self._waiting -= 1
            # Another thread may have just left the group to this one.
            if not mine and not self._turn.acquire(blocking=False):
                raise Busy

    def _group(self) -> _Group:
        try:
            if self._open is None:
                self._open = self._begin()
        except BaseException:
            self._turn.release()
            raise
        return self._open

    def _begin(self) -> _Group:
        self._check()
        if self._connection is None:
            self._connection = self._connect()
        self._connection.execute("BEGIN IMMEDIATE")
        return _Group(self._connection)

    def _leave(self, group: _Group) -> None:
        with self._queue:
            if self._waiting and group.failure is None:
                self._turn.release()
                return
            self._open = None
        try:
            group.end()
        finally:
            if not group.durable:
                self.close()  # its state is unknown
            self._turn.release()
