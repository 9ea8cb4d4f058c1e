"""A service that watches for silence: a real server on loopback that remembers each heartbeat."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.support.serving import Quiet, serving


@dataclass
class Watcher:
    """status, location: what it answers; hangs: it does not answer."""

    url: str = ""
    status: int = 200
    location: str = ""
    hangs: bool = False
    paths: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    _came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def count(self) -> int:
        return len(self.paths)

    def take(self, path: str) -> None:
        if self.hangs:
            self.released.wait(30)
            return
        with self._came:
            self.paths.append(path)
            self._came.notify_all()

    def hears(self, more: int = 1, within: float = 30.0) -> None:
        """Waits for so many more heartbeats."""
        with self._came:
            wanted = self.count + more
            assert self._came.wait_for(lambda: self.count >= wanted, within), "no heartbeat came"

    def alarms(self, silence: float, within: float = 30.0) -> None:
        """Waits until none has come for so long."""
        end = time.monotonic() + within
        with self._came:
            while True:
                before = self.count
                if not self._came.wait_for(lambda: self.count > before, silence):  # noqa: B023
                    return
                assert time.monotonic() < end, "heartbeats keep coming"


@contextmanager
def watcher() -> Iterator[Watcher]:
    made = Watcher()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.take(self.path)
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as port:
        made.url = f"http://127.0.0.1:{port}/beat?token=EXAMPLE-of-the-heartbeat"
        try:
            yield made
        finally:
            made.released.set()
