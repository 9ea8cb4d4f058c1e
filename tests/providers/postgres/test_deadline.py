"""A server that never ends its answer, or gives one without an end, holds nobody up."""

import resource
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from providers.postgres import session as sessions
from providers.postgres.errors import translated
from providers.postgres.session import Session
from rotation.errors import RotationError
from rotation.runtime.deadline import ANSWER_BYTES_MAX
from rotation.types import PermissionSet, SecretValue
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD
from tests.support.postgres import Database

SHORT_S = 1.5
ENDLESS_S = 30


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


READY = message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")
COLUMN = b"a\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
COLUMNS = message(b"1", b"") + message(b"2", b"") + message(b"T", struct.pack("!h", 1) + COLUMN)


def row(size: int) -> bytes:
    return message(b"D", struct.pack("!hi", 1, size) + b" " * size)


NOTICE = message(b"N", b"SNOTICE\0VNOTICE\0C00000\0M" + b" " * 60_000 + b"\0\0")


def says(client: socket.socket, block: bytes, pause: float = 0.0) -> int:
    """For as long as anybody listens."""
    given, end = 0, time.monotonic() + ENDLESS_S
    while time.monotonic() < end and given < 1 << 30:
        try:
            client.sendall(block)
        except OSError:
            break
        given += len(block)
        time.sleep(pause)
    return given


def rows(client: socket.socket) -> int:
    client.sendall(READY)
    client.recv(4096)
    client.sendall(COLUMNS)
    return says(client, row(60_000))


def one_row(client: socket.socket) -> int:
    client.sendall(READY)
    client.recv(4096)
    client.sendall(COLUMNS + message(b"D", b"")[:1] + struct.pack("!i", (1 << 30) - 5))
    client.sendall(struct.pack("!hi", 1, (1 << 30) - 15))
    return says(client, b" " * 60_000)


def notices(client: socket.socket) -> int:
    client.sendall(READY)
    client.recv(4096)
    return says(client, NOTICE)


def notices_at_the_login(client: socket.socket) -> int:
    client.sendall(message(b"R", struct.pack("!i", 0)))
    return says(client, NOTICE)


def a_byte_at_a_time(client: socket.socket) -> int:
    client.sendall(READY)
    client.recv(4096)
    client.sendall(COLUMNS + row(100_000)[:5])
    return says(client, b" ", pause=0.2)


def a_byte_at_a_time_at_the_login(client: socket.socket) -> int:
    return says(client, b"R", pause=0.2)


HOSTILE: tuple[Callable[[socket.socket], int], ...] = (
    rows, one_row, notices, notices_at_the_login, a_byte_at_a_time, a_byte_at_a_time_at_the_login,
)  # fmt: skip


@dataclass
class Hostile:
    port: int
    given: int = 0


@pytest.fixture
def hostile(request: pytest.FixtureRequest) -> Iterator[Hostile]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = Hostile(listening.getsockname()[1])

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                with client:
                    client.recv(4096)
                    with suppress(OSError):
                        server.given = max(server.given, request.param(client))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def parameters(port: int) -> dict[str, str]:
    return {
        "host": "127.0.0.1", "port": str(port), "dbname": "x", "user": "x", "password": "EXAMPLE",
        "sslmode": "disable", "gssencmode": "disable", "require_auth": sessions.REQUIRED,
    }  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True, ids=lambda kind: kind.__name__)
def test_no_answer_holds_a_call_or_fills_the_memory(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sessions, "STATEMENT_S", SHORT_S)
    monkeypatch.setattr(sessions, "CONNECT_S", SHORT_S)
    began, before = time.monotonic(), highest()
    with (
        pytest.raises(RotationError) as caught,
        translated("ask", of="x"),
        Session(parameters(hostile.port)) as session,
    ):
        session.ask("select 1")
    assert time.monotonic() - began < 10, f"the server goes on for {ENDLESS_S} s"
    assert caught.value.code in (
        "postgres.answer-too-long", "postgres.no-answer", "postgres.unreachable",
    )  # fmt: skip
    assert highest() - before < 3 * ANSWER_BYTES_MAX + (32 << 20)


def highest() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("hostile", [rows, one_row, notices], indirect=True)
def test_more_than_the_limit_is_told_as_that(hostile: Hostile):
    with (
        pytest.raises(RotationError) as caught,
        translated("ask", of="x"),
        Session(parameters(hostile.port)) as session,
    ):
        session.ask("select 1")
    assert caught.value.code == "postgres.answer-too-long"


def ask_often(session: Session) -> None:
    for _ in range(20):
        session.ask("select pg_sleep(0.4)")


def test_all_statements_of_a_session_have_one_deadline(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sessions, "CALL_S", 2.0)
    given = database.connection.parameters(ADMIN, SecretValue(ADMIN_PASSWORD), "postgres")
    began = time.monotonic()
    with (
        pytest.raises(RotationError) as caught,
        translated("ask", of="x"),
        Session(given) as session,
    ):
        ask_often(session)
    assert caught.value.code == "postgres.no-answer"
    assert time.monotonic() - began < 5


def test_a_statement_that_nobody_waits_for_ends(database: Database):
    with database.connection.session(PermissionSet.OBSERVE, "x") as (session, _):
        assert session.ask("show statement_timeout") == [("8s",)]


def test_an_answer_of_that_length_is_read(database: Database):
    given = database.connection.parameters(ADMIN, SecretValue(ADMIN_PASSWORD), "postgres")
    with Session(given) as session:
        [[text]] = session.ask("select repeat('x', 4000000)")
    assert text is not None
    assert len(text) == 4_000_000


def test_a_probe_whose_query_says_too_much_is_told_what_to_do(database: Database, fresh: str):
    logins = database.issuer(pair=(f"{fresh}_a", f"{fresh}_b"))
    new = logins.issue("a" * 32)
    logins.activate(new)
    with pytest.raises(RotationError) as caught:
        database.probe("select repeat('x', 1000) from generate_series(1, 10000)").login(new.fields)
    assert caught.value.code == "postgres.answer-too-long"
    assert "limit 1" in caught.value.hint
