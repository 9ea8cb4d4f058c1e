"""An application that uses its credential all the time. Like real ones it reads the credential from
its source again and again, logs in with it many times a second, and does not retry a failed login.

Its input is one JSON line of orders; its output is a JSON line for each use. Ends when its input
closes.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from rotation.demo.configuration import REFRESH_S

USE_EVERY_S = 0.05

Held = dict[str, str]
# What the source has now; None where it has nothing yet.
Read = Callable[[], Held | None]

# Whether it was let in, and the public id of what it tried; None where it did not try.
Use = Callable[[Held], tuple[bool, str] | None]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """port: of the service that it logs in to; without one, it logs in to the vendor. file: a file
    of its own that it reads instead of the source at the endpoint, which it would open with the
    token."""

    name: str
    port: int = 0
    file: str = ""
    endpoint: str = ""
    source: str = ""
    token: str = ""


def run(reader: Callable[[Orders], Read], user: Callable[[Orders], Use]) -> None:
    """Runs until the input closes. reader, user: for the vendor."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    read = _reader_of_a_file(Path(orders.file)) if orders.file else reader(orders)
    use = _user_of_a_service(orders.port, orders.name) if orders.port else user(orders)
    done = threading.Event()
    threading.Thread(target=_watch_input, args=(done,), daemon=True).start()
    held, read_at = read(), time.monotonic()
    while not done.wait(USE_EVERY_S):
        if time.monotonic() - read_at >= REFRESH_S:
            held, read_at = read() or held, time.monotonic()
        used = use(held) if held else None
        if used is not None:
            print(json.dumps(used), flush=True)  # noqa: T201 -- its whole output


def _watch_input(done: threading.Event) -> None:
    sys.stdin.read()
    done.set()


def _reader_of_a_file(path: Path) -> Read:
    return lambda: json.loads(path.read_text()) if path.exists() else None


def _user_of_a_service(port: int, name: str) -> Use:
    """Logs in with a password or a token."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)

    def use(held: Held) -> tuple[bool, str]:
        value = held.get("password") or held["token"]
        connection.request("POST", f"/{name}/login", value.encode())
        response = connection.getresponse()
        response.read()
        return response.status == 200, ""

    return use
