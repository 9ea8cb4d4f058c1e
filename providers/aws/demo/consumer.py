"""`python -m providers.aws.demo.consumer`: an application that uses its credential all the time.

It reads the credential from its source every `refresh` and logs in with it many times a second,
as applications do: no retry, no second look at the store when a login fails. Its input is one JSON
line that says where; its output is a JSON line for each use. Ends when its input closes.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from providers.aws.sts import CallerIdentity
from providers.aws.testing import StrictControl

USE_EVERY_S = 0.05

Held = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Orders:
    """kind: aws | service. source: a secret's name, or a file. refresh_s: how often it is read."""

    name: str
    kind: str
    endpoint: str
    port: int
    secret: str
    file: str | None
    refresh_s: float


def main() -> None:
    """Use it until the input closes."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    done = threading.Event()
    threading.Thread(target=_watch_input, args=(done,), daemon=True).start()
    read, use = _reader(orders), _user(orders)
    held, read_at = read(), time.monotonic()
    while not done.wait(USE_EVERY_S):
        if time.monotonic() - read_at >= orders.refresh_s:
            held, read_at = read() or held, time.monotonic()
        if held:
            accepted, with_what = use(held)
            print(json.dumps([accepted, with_what]), flush=True)  # noqa: T201 -- its whole output


def _watch_input(done: threading.Event) -> None:
    sys.stdin.read()
    done.set()


def _reader(orders: Orders) -> Callable[[], Held | None]:
    if orders.file is not None:
        path = Path(orders.file)
        return lambda: json.loads(path.read_text()) if path.exists() else None
    client = StrictControl(orders.endpoint).client("secretsmanager")

    def from_store() -> Held | None:
        try:
            answer = client.get_secret_value(SecretId=orders.secret)
        except client.exceptions.ResourceNotFoundException:
            return None
        held: Held = json.loads(answer["SecretString"])
        return held

    return from_store


def _user(orders: Orders) -> Callable[[Held], tuple[bool, str]]:
    return _aws_user(orders) if orders.kind == "aws" else _service_user(orders)


def _aws_user(orders: Orders) -> Callable[[Held], tuple[bool, str]]:
    sts = CallerIdentity(orders.endpoint, "eu-central-1", URLLib3Session(), "demo-consumer")

    def use(held: Held) -> tuple[bool, str]:
        key = ReadOnlyCredentials(held["AWS_ACCESS_KEY_ID"], held["AWS_SECRET_ACCESS_KEY"], None)
        return sts.ask(key).account is not None, held["AWS_ACCESS_KEY_ID"]

    return use


def _service_user(orders: Orders) -> Callable[[Held], tuple[bool, str]]:
    connection: Any = http.client.HTTPConnection("127.0.0.1", orders.port, timeout=5)

    def use(held: Held) -> tuple[bool, str]:
        value = held.get("password") or held["token"]
        connection.request("POST", f"/{orders.name}/login", value.encode())
        response = connection.getresponse()
        response.read()
        return response.status == 200, ""

    return use


if __name__ == "__main__":
    main()
