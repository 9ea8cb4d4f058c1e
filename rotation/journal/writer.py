"""The one connection that writes. What its threads want to write at the same time is committed at
once: the disk takes as long for thirty small transactions as for one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as WaitedTooLong


class Interrupted(SQLAlchemyError):
    """Whoever committed for all was stopped in the middle of it."""


class _Group:
    """Transactions that become durable together. Each is still undone alone where it fails."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.failure: Exception | None = None
        self._durable = False
        self._ended = threading.Event()

    @contextmanager
    def part(self) -> Iterator[Connection]:
        self.connection.exec_driver_sql("SAVEPOINT part")
        try:
            yield self.connection
        except BaseException:
            self._undo_part()
            raise
        self.connection.exec_driver_sql("RELEASE part")

    def _undo_part(self) -> None:
        try:
            self.connection.exec_driver_sql("ROLLBACK TO part")
            self.connection.exec_driver_sql("RELEASE part")
        except DBAPIError as failure:
            # A full or broken disk makes SQLite undo all of it, the other parts as well.
            self.failure = failure

    def end(self) -> None:
        try:
            if self.failure is None:
                self.connection.commit()
                self._durable = True
        except DBAPIError as failure:
            self.failure = failure
        finally:
            self._ended.set()
            if not self._durable:
                self.connection.invalidate()  # nobody knows what state it is in
            self.connection.close()

    def wait(self) -> None:
        """Until it is durable; raises why it is not."""
        self._ended.wait()
        if not self._durable:
            raise self.failure or Interrupted


class Writer:
    """Threads take turns. Whoever finds nobody waiting behind it commits for all before it.

    begin: makes of a fresh connection a transaction that holds the write lock.
    """

    def __init__(
        self, engine: Engine, begin: Callable[[Connection], None], patience_s: float
    ) -> None:
        self._engine = engine
        self._begin = begin
        self._patience_s = patience_s
        self._turn = threading.Lock()
        self._queue = threading.Lock()
        self._waiting = 0
        self._open: _Group | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Durable once this ends without an error."""
        self._await_turn()
        group = self._group()
        try:
            with group.part() as connection:
                yield connection
        finally:
            self._leave(group)
        group.wait()

    def close(self) -> None:
        self._engine.dispose()

    def _await_turn(self) -> None:
        with self._queue:
            self._waiting += 1
        mine = self._turn.acquire(timeout=self._patience_s)
        with self._queue:
            self._waiting -= 1
            # Somebody may have left the group to us in this very moment.
            if not mine and not self._turn.acquire(blocking=False):
                raise WaitedTooLong

    def _group(self) -> _Group:
        try:
            if self._open is None:
                connection = self._engine.connect()
                try:
                    self._begin(connection)
                except BaseException:
                    connection.close()
                    raise
                self._open = _Group(connection)
        except BaseException:
            self._turn.release()
            raise
        return self._open

    def _leave(self, group: _Group) -> None:
        with self._queue:
            if self._waiting and group.failure is None:
                self._turn.release()
                return
            self._open = None
        try:
            group.end()
        finally:
            self._turn.release()
