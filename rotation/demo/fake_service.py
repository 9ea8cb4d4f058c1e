"""Services that accept several secrets at once, and their commands.

POST /NAME/accept and /NAME/drop are for the verifier command; /NAME/login answers 200 or 403. They
keep digests only.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rotation.demo import command


class FakeServices(ThreadingHTTPServer):
    """Listens on a port of this machine. Keeps, by service and handle, the digest of each
    secret."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self._accepted: dict[str, dict[str, str]] = defaultdict(dict)
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return self.server_port

    def accept(self, service: str, value: str, handle: str) -> None:
        with self._lock:
            self._accepted[service][handle] = _digest(value)

    def drop(self, service: str, value: str, handle: str) -> None:
        with self._lock:
            for known, digest in list(self._accepted[service].items()):
                if known == handle or digest == _digest(value):
                    del self._accepted[service][known]

    def accepts(self, service: str, value: str) -> bool:
        """Whether the service accepts a login with this value."""
        with self._lock:
            return _digest(value) in self._accepted[service].values()

    def count(self, service: str) -> int:
        """How many values the service accepts now."""
        return len(self._accepted[service])

    def answer(self, service: str, action: str, value: str, handle: str) -> int:
        match action:
            case "accept":
                self.accept(service, value, handle)
            case "drop":
                self.drop(service, value, handle)
            case "login":
                return 200 if self.accepts(service, value) else 403
            case _:
                return 404
        return 200

    def install(self, commands: Path, service: str) -> None:
        """Writes the command that the configuration names for that service."""
        words = [sys.executable, "-IS", str(command.__file__), str(self.port), service]
        file = commands / service
        file.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        file.chmod(0o700)

    def handle_error(self, request: object, client_address: object) -> None:
        """Prints nothing: the scenario kills clients in the middle of a call."""


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeServices

    def do_POST(self) -> None:
        _, service, action = self.path.split("/")
        value = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        handle = self.headers.get("x-handle", "")
        self.send_response(self.server.answer(service, action, value, handle))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- inherited
        """Prints nothing: nobody reads it."""


@contextmanager
def fake_services() -> Iterator[FakeServices]:
    with FakeServices() as services:
        thread = threading.Thread(target=services.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield services
        finally:
            services.shutdown()
            thread.join()
