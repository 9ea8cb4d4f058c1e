"""Ends a call to a service after a deadline, and limits the length of its answer.

A socket's time-out starts again with every byte, so one byte a second would hold a call for ever; a
deadline does not. Standard library only: each family brings its own HTTP client.
"""

import heapq
import itertools
import math
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, Self

# For one call of a method, below the 20 seconds that the contract allows.
CALL_S = 18.0

ANSWER_BYTES_MAX = 4 * 1024 * 1024
_CHUNK = 64 * 1024


class Connection(Protocol):
    """Like the standard library's connections: has the socket, once it is connected."""

    sock: Any


class TooLong(OSError):
    """The answer is longer than any that is expected."""


class Deadline:
    """Limits the calls that this thread makes inside it. When the time is over, the watched
    connection is cut, and leaving the block raises TimeoutError."""

    def __init__(self, seconds: float = CALL_S) -> None:
        self._seconds = max(seconds, 0.1)
        self._lock = threading.Lock()
        self._watched: Connection | None = None
        self._opened: Any = None
        self._over = self._left = False

    def __enter__(self) -> Self:
        self._context, _here.deadline = getattr(_here, "deadline", None), self
        _watchdog.calls(self.cut, time.monotonic() + self._seconds)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        _here.deadline = self._context
        with self._lock:
            self._left, self._watched, self._opened = True, None, None
        if kind is None and self._over:  # what looks like a whole answer was cut off
            raise TimeoutError

    def watch(self, connection: Connection) -> None:
        """Cuts this connection at the deadline. Raises TimeoutError where the deadline has
        passed."""
        with self._lock:
            # If the answer ends with the connection, only the answer still has its socket.
            self._watched, self._opened = connection, connection.sock
            if self._over:
                raise TimeoutError

    def cut(self) -> None:
        """Called at the deadline; does nothing where the call has ended."""
        with self._lock:
            if self._left:
                return
            self._over = True
            opened: Any = self._opened or (self._watched and self._watched.sock)
            if opened is not None:
                try:
                    # The plain socket: a TLS socket's own shutdown would go on in plain text. TLS
                    # inside TLS, to a proxy, is no socket but has one.
                    socket.socket.shutdown(getattr(opened, "socket", opened), socket.SHUT_RDWR)
                except OSError:
                    return  # it is closed already


class _Watchdog:
    """One thread for all deadlines: one for each would cost more than many calls. It is woken only
    for a deadline that is earlier than all others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ends: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._wakes = 0.0
        self._thread: threading.Thread | None = None

    def calls(self, cut: Callable[[], None], at: float) -> None:
        with self._changed:
            heapq.heappush(self._ends, (at, next(self._count), cut))
            if self._thread is None or not self._thread.is_alive():  # as in a forked child
                self._thread = threading.Thread(target=self._run, daemon=True, name="deadlines")
                self._thread.start()
            elif at < self._wakes:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            self._next()()

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while True:
                at = self._ends[0][0] if self._ends else math.inf
                left = at - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._ends)[2]
                self._wakes = at
                self._changed.wait(None if left == math.inf else left)


_watchdog = _Watchdog()
_here = threading.local()


class Watched:
    """A mixin for a client's connections, even those from its pool: the deadline of this thread
    cuts them."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # the client's own
        self._watch()

    def request(self, *args: Any, **more: Any) -> Any:
        self._watch()
        return super().request(*args, **more)  # type: ignore[misc]

    def _watch(self) -> None:
        deadline: Deadline | None = getattr(_here, "deadline", None)
        if deadline is not None:
            deadline.watch(self)


def read_answer(read: Callable[[int], bytes]) -> bytes:
    """Reads to the end. Raises TooLong beyond the limit."""
    parts, size = [], 0
    while part := read(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise TooLong
    return b"".join(parts)
