"""A call to a service ends, and its answer has a limit, whatever the service does.

A time-out of a socket begins anew with every byte, so one byte a second holds a call for ever; a
deadline does not. Standard library alone: each family brings its own HTTP client.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol, Self

CALL_S = 18.0
"""For one call of a method: under the 20 seconds that the contract allows."""

ANSWER_BYTES_MAX = 4 * 1024 * 1024
_CHUNK = 64 * 1024


class Connection(Protocol):
    """As the standard library's: the socket, once it is connected."""

    sock: Any


class TooLong(OSError):
    """The answer is longer than any that is expected."""


class Deadline:
    """Of the calls that this thread makes inside. Once it is over the connection that is watched is
    cut, and leaving raises TimeoutError."""

    def __init__(self, seconds: float = CALL_S) -> None:
        self._timer = threading.Timer(max(seconds, 0.1), self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: Connection | None = None
        self._opened: Any = None
        self._over = False

    def __enter__(self) -> Self:
        self._around, _here.deadline = getattr(_here, "deadline", None), self
        self._timer.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._timer.cancel()
        _here.deadline = self._around
        with self._lock:
            self._watched = self._opened = None
        if kind is None and self._over:  # what looks like a whole answer was cut off
            raise TimeoutError

    def watch(self, connection: Connection) -> None:
        """Cut this one. Raises TimeoutError where it is over already."""
        with self._lock:
            # Where the answer ends with the connection, only the answer still has its socket.
            self._watched, self._opened = connection, connection.sock
            if self._over:
                raise TimeoutError

    def _end(self) -> None:
        with self._lock:
            self._over = True
            opened: Any = self._opened or (self._watched and self._watched.sock)
            if opened is not None:
                try:
                    # Not the TLS socket's own: that one goes on in plain text.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)
                except OSError:
                    return  # it is closed


_here = threading.local()


class Watched:
    """Mixed into a client's connection, which may come from its pool: this thread's deadline cuts
    it."""

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
    """All that `read` gives. Raises TooLong beyond the limit."""
    parts, size = [], 0
    while part := read(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise TooLong
    return b"".join(parts)
