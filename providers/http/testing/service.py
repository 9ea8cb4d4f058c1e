"""A vendor on loopback: keeps credentials, follows the vendor's rules, and fails on demand."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from rotation.interfaces import Clock
from rotation.runtime.clock import SystemClock

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"


class Fault(StrEnum):
    """Before: nothing happens. After: it happens, and the answer is useless."""

    DENIED = "denied"  # before: 403, with the credential in the text
    THROTTLED = "throttled"  # before: 429 and Retry-After
    BROKEN = "broken"  # before: 500, with the credential in the text
    REDIRECTED = "redirected"  # before: 307 to a metadata service
    LOST = "lost"  # after: the connection ends
    PAGE = "page"  # after: 200 and a page in HTML
    TRUNCATED = "truncated"  # after: half of the JSON
    ENDLESS = "endless"  # after: byte by byte, for ever
    HUGE = "huge"  # after: longer than any answer that should be read


@dataclass(frozen=True, slots=True)
class Got:
    """A request. segments: of the path, decoded."""

    method: str
    path: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    document: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Instance:
    """One credential, as the vendor has it."""

    id: str
    secret: str = field(repr=False)
    label: str
    created: datetime
    more: dict[str, Any] = field(default_factory=dict)
    active: bool = True
    used: datetime | None = None


class Service:
    """Override `operation` and `answer`. The server runs while the `with` block does."""

    def __init__(self) -> None:
        self.instances: dict[str, Instance] = {}
        self.minted = 0
        self.calls: list[str] = []
        self.targets: list[str] = []
        self.admin = {"token": secrets.token_hex(20)}
        self.lock = threading.RLock()
        self._faults: dict[str, list[Fault]] = {}
        self.clock: Clock = SystemClock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    # ------------------------------------------------------------------------ what it is about

    def operation(self, got: Got) -> str:
        """create, list, delete, suspend, resume or login."""
        raise NotImplementedError

    def answer(self, operation: str, got: Got) -> Reply:
        raise NotImplementedError

    def accepts(self, secret: str) -> bool:
        return self.owner_of(secret) is not None

    def owner_of(self, secret: str) -> Instance | None:
        """The credential whose login this is now."""
        found = (i for i in self.instances.values() if i.secret == secret and i.active)
        return next(found, None)

    def use(self, secret: str) -> bool:
        instance = self.owner_of(secret)
        if instance is not None:
            instance.used = self.now
        return instance is not None

    def mint(self, handle_id: str, label: str, secret: str = "", **more: Any) -> Instance:
        self.minted += 1
        created = self.now + timedelta(seconds=self.minted)  # ages differ, however fast a test is
        made = Instance(handle_id, secret or secrets.token_hex(24), label, created, more)
        self.instances[handle_id] = made
        return made

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def ends(self, life: int) -> datetime | None:
        """0 means for ever, as with most services."""
        return self.now + timedelta(seconds=life) if life else None

    # --------------------------------------------------------------------------------- faults

    @contextmanager
    def fault(self, operation: str, *kinds: Fault) -> Iterator[None]:
        """Makes the next calls of that operation fail in these ways, one after the other."""
        self._faults[operation] = list(kinds)
        yield
        left = self._faults.pop(operation)
        if left:
            raise AssertionError(f"{operation}: the trouble never came")

    def take_fault(self, operation: str) -> Fault | None:
        waiting = self._faults.get(operation)
        return waiting.pop(0) if waiting else None


def stamp(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def page(found: list[Any], number: int, size: int) -> list[Any]:
    """The page of that number, counted from 0."""
    return found[number * size : (number + 1) * size]


_BEFORE: Mapping[Fault | None, Callable[[Got], Reply]] = {
    Fault.DENIED: lambda got: Reply(403, {"message": f"forbidden for {_sent_headers(got)}"}),
    Fault.THROTTLED: lambda _: Reply(429, {"message": "slow down"}, {"Retry-After": "7"}),
    Fault.BROKEN: lambda got: Reply(
        500, {"message": f"internal error, you sent {_sent_headers(got)}"}
    ),
    Fault.REDIRECTED: lambda _: Reply(307, None, {"Location": METADATA}),
}


def _sent_headers(got: Got) -> str:
    return " ".join(got.headers.values())


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(service.now, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Logs nothing, because requests carry secrets."""

        def handle_any(self) -> None:
            got = self._got()
            with service.lock:
                operation = service.operation(got)
                service.calls.append(operation)
                service.targets.append(self.path)
                fault = service.take_fault(operation)
                reply = _BEFORE[fault](got) if fault in _BEFORE else service.answer(operation, got)
            with suppress(OSError):
                _AFTER.get(fault, _write)(self, reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 -- their names

        def _got(self) -> Got:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            return Got(
                method=self.command,
                path=self.path,
                segments=tuple(unquote(part) for part in url.path.split("/")[1:]),
                query={name: values[-1] for name, values in parse_qs(url.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                document=json.loads(body) if body else None,
            )

    return Handler


def _content(reply: Reply) -> bytes:
    return b"" if reply.document is None else json.dumps(reply.document).encode()


def _send(to: Any, status: int, kind: str, content: bytes, headers: Mapping[str, str]) -> None:
    to.send_response(status)
    for name, value in headers.items():
        to.send_header(name, value)
    to.send_header("Content-Type", kind)
    to.send_header("Content-Length", str(len(content)))
    to.end_headers()


def _write(to: Any, reply: Reply) -> None:
    content = _content(reply)
    _send(to, reply.status, "application/json", content, reply.headers)
    to.wfile.write(content)


def _lost(to: Any, _: Reply) -> None:
    to.close_connection = True


def _page(to: Any, _: Reply) -> None:
    content = b"<html><body>Please sign in</body></html>"
    _send(to, 200, "text/html", content, {})
    to.wfile.write(content)


def _truncated(to: Any, reply: Reply) -> None:
    content = _content(reply)[: len(_content(reply)) // 2]
    _send(to, reply.status, "application/json", content, reply.headers)
    to.wfile.write(content)


def _endless(to: Any, _: Reply) -> None:
    _send(to, 200, "application/json", b" " * 1_000_000, {})
    pause = threading.Event()
    while not pause.wait(0.05):
        to.wfile.write(b" ")


def _huge(to: Any, _: Reply) -> None:
    _send(to, 200, "application/json", b" " * 9_000_000, {})
    for _number in range(90):
        to.wfile.write(b" " * 100_000)


_AFTER: dict[Fault | None, Callable[[Any, Reply], None]] = {
    Fault.LOST: _lost,
    Fault.PAGE: _page,
    Fault.TRUNCATED: _truncated,
    Fault.ENDLESS: _endless,
    Fault.HUGE: _huge,
}
