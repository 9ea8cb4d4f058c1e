"""A connection to a host, within a time that covers its name and all of its addresses."""

import socket
import threading
import time
from http.client import HTTPConnection, HTTPSConnection
from queue import Empty, SimpleQueue
from ssl import SSLContext
from typing import Any

Found = list[tuple[Any, ...]]


class Plain(HTTPConnection):
    def __init__(self, host: str, port: int | None, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self.seconds = seconds

    def connect(self) -> None:
        self.sock = reached(self.host, self.port, self.seconds)


class Encrypted(HTTPSConnection):
    def __init__(self, host: str, port: int | None, seconds: float, context: SSLContext) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self.seconds, self.context = seconds, context

    def connect(self) -> None:
        self.sock = reached(self.host, self.port, self.seconds)
        self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)


def reached(host: str, port: int, seconds: float) -> socket.socket:
    """The first address that answers; each gets its share of what is left. Raises OSError."""
    end = time.monotonic() + seconds
    addresses = _resolved(host, port, seconds)
    error: OSError = TimeoutError()
    for n, (family, kind, protocol, _, address) in enumerate(addresses):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(left / (len(addresses) - n))
            made.connect(address)
            made.settimeout(seconds)
        except OSError as refused:
            made.close()
            error = refused
        else:
            return made
    raise error


def _resolved(host: str, port: int, seconds: float) -> Found:
    """A resolver cannot be stopped, so it is left behind in a thread of its own."""
    answer: SimpleQueue[Found | OSError] = SimpleQueue()

    def resolve() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            answer.put(OSError("no such name"))

    threading.Thread(target=resolve, daemon=True, name="resolver").start()
    try:
        found = answer.get(timeout=seconds)
    except Empty:
        raise TimeoutError from None
    if isinstance(found, OSError):
        raise found
    return found
