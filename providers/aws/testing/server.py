"""The sockets: HTTP/1.1 with keep-alive on loopback, a thread per connection."""

from __future__ import annotations

import select
import socket
import threading
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from uuid import uuid4

from providers.aws.testing.authorisation import Authorise
from providers.aws.testing.control import StrictControl
from providers.aws.testing.control_plane import PREFIX, ControlPlane
from providers.aws.testing.settings import Settings
from providers.aws.testing.wire import Request, Response
from providers.aws.testing.world import Delivery


class StrictAws:
    """Strict AWS in a thread of this process; a context manager.

    `control` controls it as if it were remote. `authorise` sets the hook, which cannot go over
    HTTP.
    """

    def __init__(
        self,
        *,
        account: str = Settings.account,
        region: str = Settings.region,
        port: int = 0,
        latency_ms: float = 0.0,
    ) -> None:
        self.settings = Settings(account=account, region=region, port=port, latency_ms=latency_ms)
        self._server = _Server(self.settings)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.control = StrictControl(self.endpoint, region=region)

    def authorise(self, hook: Authorise | None) -> None:
        """Ask this hook from now on; it runs under the server's lock and must not call back."""
        world = self._server.control_plane.world
        with world.lock:
            world.state.gate.hook = hook

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: Settings) -> None:
        super().__init__(("127.0.0.1", settings.port), _Connection)
        self.control_plane = ControlPlane(settings)
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()

    def server_close(self) -> None:
        self.stopping.set()
        for connection in list(self.connections):
            _hang_up(connection)
        super().server_close()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            # Tests make clients give up; that is no error here.
            self.close_connection = True

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("content-length", 0))
        request = Request(
            method="POST",
            path=path,
            query=query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        if path.startswith(PREFIX):
            self._deliver(Delivery(response=self.server.control_plane.handle(request)))
        else:
            self._deliver(self.server.control_plane.world.handle(request))

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.way == "sent":
            self.wfile.write(self._bytes(delivery.response))
            return
        if delivery.way == "hung":
            self._wait_for_the_client_to_give_up()
        self.close_connection = True
        _hang_up(self.connection)

    def _bytes(self, response: Response) -> bytes:
        now = self.server.control_plane.world.state.clock.now()
        headers = {
            "date": format_datetime(now, usegmt=True),
            "x-amzn-requestid": str(uuid4()),
            "content-length": str(len(response.body)),
            **response.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reason = HTTPStatus(response.status).phrase
        return f"HTTP/1.1 {response.status} {reason}\r\n{head}\r\n".encode() + response.body

    def _wait_for_the_client_to_give_up(self) -> None:
        while not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            if readable:
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- inherited
        """Logs nothing: the call log is the log."""


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
