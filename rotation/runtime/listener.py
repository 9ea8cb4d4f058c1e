"""A small HTTP listener for a few readers: bounded threads, a deadline for each request, no state.

A reader that is slow, or a thousand at once, take nothing from the work of the process: a few
threads answer, a few requests wait, and all others are told at once to come again.
"""

import hmac
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from rotation.runtime.deadline import Deadline
from rotation.runtime.ownership import refuse_read_by_others

THREADS = 4
WAITING = 32
REQUEST_S = 10.0
BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    body: bytes
    type: str = "text/plain; charset=utf-8"


# The page of a path; None: there is none.
Answer = Callable[[str], Page | None]
# The token that a request must carry, read afresh; None: none is needed. Raises OSError.
Token = Callable[[], str | None]


class Listener(TCPServer):
    """Listens from the moment it is made. Raises OSError where it cannot. tls: made afresh for each
    request, so that a renewed certificate needs no restart."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        answer: Answer,
        token: Token = lambda: None,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer, self.token, self._tls = answer, token, tls
        super().__init__(address, _Request)
        self._room = threading.BoundedSemaphore(THREADS + WAITING)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="listener")
        self._thread = threading.Thread(target=self.serve_forever, daemon=True, name="listener")
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            self._pool.submit(self._take, request, client_address)
            return
        with suppress(OSError):
            request.setblocking(False)
            if self._tls is None:
                request.send(BUSY)
        self.shutdown_request(request)

    def _take(self, request: socket.socket, client_address: Any) -> None:
        try:
            with suppress(OSError, ValueError), Deadline(REQUEST_S) as deadline:
                request.settimeout(REQUEST_S)
                deadline.watch(_Of(request))
                taken = request
                if self._tls is not None:
                    # Here, not where connections are accepted: a handshake may be slow.
                    taken = self._tls().wrap_socket(request, server_side=True)
                    deadline.watch(_Of(taken))
                self.finish_request(taken, client_address)
                self.shutdown_request(taken)
        finally:
            with suppress(OSError):
                request.close()
            self._room.release()

    def handle_error(self, *_: object) -> None:
        """Says nothing: a reader that hangs up is no trouble of this process."""

    def end(self) -> None:
        """Stops listening. A request that is being answered may go on until its deadline."""
        self.shutdown()
        self.server_close()
        self._pool.shutdown(wait=False, cancel_futures=True)


def tls(certificate: Path, key: Path, clients: Path | None) -> ssl.SSLContext:
    """clients: only readers with a certificate of that authority get an answer. Raises OSError."""
    refuse_read_by_others(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key, password="")  # never asks at the terminal
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass
class _Of:
    sock: Any


class _Request(BaseHTTPRequestHandler):
    """HTTP/1.0: one request a connection."""

    server: Listener
    server_version = "rotation"
    sys_version = ""

    def do_GET(self) -> None:
        page = self._page()
        self.send_response(page.status)
        self.send_header("Content-Type", page.type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if page.status == 401:
            self.send_header("WWW-Authenticate", "Bearer")
        self.end_headers()
        self.wfile.write(page.body)

    def _page(self) -> Page:
        try:
            token = self.server.token()
        except OSError as error:
            return Page(503, f"the token is not used: {error.strerror}\n".encode())
        if token is not None and not self._has(token):
            return Page(401, b"a token is needed\n")
        return self.server.answer(self.path.partition("?")[0]) or Page(404, b"no such page\n")

    def _has(self, token: str) -> bool:
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(errors="replace"), f"Bearer {token}".encode())

    def log_message(self, *_: object) -> None:
        """Logs nothing: what readers send is not ours to keep."""
