"""A service that never ends its answer, or gives one without an end, holds nobody up."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.options import ConnectionOptions as AwsOptions
from providers.http.client import Budget, HttpConnection, Sent
from providers.http.errors import Call
from providers.http.options import ConnectionOptions as HttpOptions
from providers.vault.clients import VaultConnection
from providers.vault.options import ConnectionOptions as VaultOptions
from rotation.errors import RotationError
from rotation.runtime.clock import SystemClock
from rotation.runtime.deadline import ANSWER_BYTES_MAX, Deadline
from rotation.types import PermissionSet

INSTALLATION = "0123456789ab"
CLUSTER = "01234567-89ab-cdef-0123-456789abcdef"
SHORT_S = 1.5


class Endless(BaseHTTPRequestHandler):
    """What the test says, for ever: in the head, in the body, or all at once."""

    protocol_version = "HTTP/1.1"
    server: Any

    def handle_one_request(self) -> None:
        super().handle_one_request()
        self.close_connection = True

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        try:
            self.server.kind(self)
        except OSError:
            return  # it was cut

    do_POST = do_GET  # noqa: N815 -- the server's word

    def log_message(self, *_: object) -> None:
        """Nothing."""


def trickling_head(answer: Endless) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(150):
        answer.wfile.write(b"X-More: a\r\n")
        time.sleep(0.2)


def trickling_body(answer: Endless) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(150):
        answer.wfile.write(b" ")
        time.sleep(0.2)


def trickling_to_the_end_of_the_connection(answer: Endless) -> None:
    """What was cut off looks like a whole answer."""
    answer.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
    for _ in range(150):
        answer.wfile.write(b" ")
        time.sleep(0.2)


def giant(answer: Endless) -> None:
    size = 3 << 30
    answer.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    block = b" " * (1 << 20)
    for _ in range(size >> 20):
        answer.wfile.write(block)
        answer.server.given += len(block)


def nested(answer: Endless) -> None:
    body = b"[" * 1_000_000
    answer.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


ENDLESS: tuple[Callable[[Endless], None], ...] = (
    trickling_head, trickling_body, trickling_to_the_end_of_the_connection, giant, nested,
)  # fmt: skip


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    made.given, made.daemon_threads = 0, True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def aws(origin: str, directory: Path) -> None:
    file = directory / "aws"
    file.write_text("[default]\naws_access_key_id=AKIAEXAMPLE\naws_secret_access_key=x\n")
    options = AwsOptions(
        account="111122223333", region="eu-central-1", endpoint=origin, credentials_file=str(file)
    )
    made = AwsConnection(options, installation=INSTALLATION, clock=SystemClock())
    with closing(made) as connection:
        connection.own_credential()


def aws_by_a_client(origin: str, directory: Path) -> None:
    file = directory / "aws"
    file.write_text("[default]\naws_access_key_id=AKIAEXAMPLE\naws_secret_access_key=x\n")
    options = AwsOptions(
        account="111122223333", region="eu-central-1", endpoint=origin, credentials_file=str(file),
        roles={"observe": "arn:aws:iam::111122223333:role/observe"},
    )  # fmt: skip
    made = AwsConnection(options, installation=INSTALLATION, clock=SystemClock())
    from providers.aws.errors import translated  # noqa: PLC0415

    with closing(made) as connection, translated("x", of="x", repeatable=True):
        connection.iam(PermissionSet.OBSERVE).list_access_keys(UserName="app")


def vault(origin: str, directory: Path) -> None:
    file = directory / "token"
    file.write_text("a-token-of-EXAMPLE")
    options = VaultOptions(address=origin, cluster=CLUSTER, auth="token", login_file=str(file))
    made = VaultConnection(options, installation=INSTALLATION, clock=SystemClock())
    with closing(made) as connection:
        connection.own_credential()


def http(origin: str, directory: Path) -> None:
    options = HttpOptions(origin=origin, credentials={})
    connection = HttpConnection(options, installation=INSTALLATION, clock=SystemClock())
    call = Call(what="list")
    connection.send(Sent(method="GET", path="/"), call, Budget()).document(call)


@pytest.mark.parametrize("kind", ENDLESS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("client", [aws, aws_by_a_client, vault, http])
def test_no_answer_holds_a_call_or_fills_the_memory(
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    client: Callable[[str, Path], None],
    kind: Callable[[Endless], None],
) -> None:
    for where in ("aws.wire.CALL_S", "vault.wire.CALL_S", "http.client.METHOD_S"):
        monkeypatch.setattr(f"providers.{where}", SHORT_S)
    server.kind = kind
    began = time.monotonic()
    with pytest.raises(RotationError) as caught:
        client(f"http://127.0.0.1:{server.server_port}", tmp_path)
    assert time.monotonic() - began < 15, "the server goes on for 30 s"
    assert caught.value.code.split(".")[0] in ("aws", "vault", "http")
    assert server.given <= ANSWER_BYTES_MAX + (16 << 20), "what lies in the sockets comes on top"


def test_a_deadline_that_is_over_lets_no_call_begin() -> None:
    unconnected: Any = SimpleNamespace(sock=None)
    deadline = Deadline(0.1)
    with pytest.raises(TimeoutError), deadline:
        time.sleep(0.3)
    with pytest.raises(TimeoutError):
        deadline.watch(unconnected)


def test_a_short_one_is_over_before_a_long_one_that_began_earlier() -> None:
    here, there = socket.socketpair()
    watched: Any = SimpleNamespace(sock=here)
    with here, there, Deadline(60):
        began = time.monotonic()
        with pytest.raises(TimeoutError), Deadline(0.2) as short:  # noqa: PT012 -- leaving raises
            short.watch(watched)
            here.recv(1)
        assert time.monotonic() - began < 10


def test_what_comes_in_time_is_left_alone() -> None:
    with Deadline(5):
        began = time.monotonic()
    assert time.monotonic() - began < 1
