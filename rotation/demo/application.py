"""An application that uses its credential all the time: it reads it from its source every `refresh`
and logs in with it many times a second, as applications do: no retry when a login fails."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection

USE_EVERY_S = 0.05

Held = dict[str, str]
Read = Callable[[], Held | None]
"""What the source has now; None where nothing is there yet."""

Use = Callable[[Held], tuple[bool, str] | None]
"""Whether it was let in, and the public id of what it tried; None where it did not try."""


def work(read: Read, use: Use, refresh_s: float) -> None:
    """Until the input closes; prints a JSON line for each use."""
    done = threading.Event()
    threading.Thread(target=_watch_input, args=(done,), daemon=True).start()
    held, read_at = read(), time.monotonic()
    while not done.wait(USE_EVERY_S):
        if time.monotonic() - read_at >= refresh_s:
            held, read_at = read() or held, time.monotonic()
        used = use(held) if held else None
        if used is not None:
            print(json.dumps(used), flush=True)  # noqa: T201 -- its whole output


def _watch_input(done: threading.Event) -> None:
    sys.stdin.read()
    done.set()


def user_of_a_service(port: int, name: str) -> Use:
    """Logs in to a toy service with a password or a token."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)

    def use(held: Held) -> tuple[bool, str]:
        value = held.get("password") or held["token"]
        connection.request("POST", f"/{name}/login", value.encode())
        response = connection.getresponse()
        response.read()
        return response.status == 200, ""

    return use
