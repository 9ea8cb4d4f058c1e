"""The toy services, a process of their own, and the commands that an operator has for them."""

from __future__ import annotations

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from rotation.demo import command
from rotation.demo.program import Program


@dataclass(frozen=True, slots=True)
class Toy:
    """At a port of this machine."""

    port: int

    def accepts(self, service: str, value: str) -> bool:
        """Whether the service lets somebody in with this."""
        return self.ask(service, "login", value)[0] == 200

    def count(self, service: str) -> int:
        """How many values the service accepts now."""
        return int(self.ask(service, "count")[1])

    def ask(self, service: str, action: str, value: str = "", handle: str = "") -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            headers = {"x-handle": handle}
            connection.request("POST", f"/{service}/{action}", value.encode(), headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def install(self, commands: Path, service: str) -> None:
        """The command that the configuration names for that service."""
        words = [sys.executable, "-IS", str(command.__file__), str(self.port), service]
        file = commands / service
        file.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        file.chmod(0o700)


@contextmanager
def toy_services(captured: Path) -> Iterator[Toy]:
    ready: dict[str, Any] = {}
    told = threading.Event()

    def heard(line: str) -> None:
        if not told.is_set():
            ready.update(json.loads(line))
            told.set()

    program = Program.start(["-m", "rotation.demo.service"], captured / "service", heard)
    try:
        if not told.wait(20):
            raise TimeoutError("the toy service did not start")
        yield Toy(int(ready["port"]))
    finally:
        program.end()
