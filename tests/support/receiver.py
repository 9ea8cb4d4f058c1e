"""A team's end of a route: a real server on loopback that verifies every signature."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from rotation.config.routes import Route
from tests.support.serving import Quiet, serving

KEY = "whsec_" + "RVhBTVBMRS1rZXktb2YtYWxlcnRz"


HEARD = set[str]()
"""What was raised and verified since the test began."""


@dataclass
class Receiver:
    """status: what it answers with; hangs: it does not answer; refuses: secrets whose messages it
    refuses."""

    url: str = ""
    status: int = 204
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    refuses: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)
    sent: list[tuple[dict[str, str], str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def received(self) -> list[tuple[str, str]]:
        return [(event["data"]["event"], event["data"]["state"]) for event in self.got]

    def take(self, headers: dict[str, str], body: str) -> int:
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = Webhook(KEY).sign(headers["webhook-id"], at, body)
        assert headers["webhook-signature"] == expected
        event = json.loads(body)
        assert event["specversion"] == "1.0"
        assert event["id"] == headers["webhook-id"]
        self.asked.append(event["subject"])
        if self.hangs:
            self.released.wait(30)
        if event["subject"] in self.refuses:
            return 400
        if 200 <= self.status < 300:
            self.got.append(event)
            self.sent.append((headers, body))
            if event["data"]["state"] == "raised":
                HEARD.add(event["data"]["event"])
        return self.status


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status = receiver.take({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(receiver.body)))
            self.end_headers()
            self.wfile.write(receiver.body)

    with serving(Handler) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        try:
            yield receiver
        finally:
            receiver.released.set()


def webhook(receiver: Receiver, directory: Path, **more: Any) -> Route:
    key = directory / "route.key"
    key.write_text(KEY)
    key.chmod(0o600)
    given = {"id": "oncall", "type": "webhook", "url": receiver.url, "secret": str(key)}
    return Route(**{**given, **more})
