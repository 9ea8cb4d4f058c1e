"""A listener that no reader can hold up, and that answers only those who may ask."""

import http.client
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rotation.runtime import listener
from rotation.runtime.listener import Answer, Listener, Page, Token
from rotation.runtime.ownership import refuse_read_by_others

LOOPBACK = "127.0.0.1"


def hello(path: str) -> Page | None:
    return Page(200, b"hello\n") if path == "/hello" else None


@contextmanager
def listening(answer: Answer = hello, token: Token = lambda: None) -> Iterator[int]:
    made = Listener((LOOPBACK, 0), answer, token)
    try:
        yield made.server_address[1]
    finally:
        made.end()


def get(port: int, path: str = "/hello", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_it_answers_its_pages_and_no_others() -> None:
    with listening() as port:
        assert get(port) == (200, b"hello\n")
        assert get(port, "/hello?x=1") == (200, b"hello\n")
        assert get(port, "/else")[0] == 404
        with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=20)) as connection:
            connection.request("POST", "/hello", body=b"x")
            assert connection.getresponse().status == 501


def test_without_the_token_nobody_reads_anything() -> None:
    with listening(token=lambda: "EXAMPLE-token") as port:
        assert get(port)[0] == 401
        assert get(port, Authorization="Bearer EXAMPLE-toke")[0] == 401
        assert get(port, "/else")[0] == 401
        assert get(port, Authorization="Bearer EXAMPLE-token") == (200, b"hello\n")


def test_a_token_that_everybody_may_read_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("EXAMPLE-token")
    file.chmod(0o644)

    def token() -> str:
        refuse_read_by_others(file)
        return file.read_text()

    with listening(token=token) as port:
        status, said = get(port, Authorization="Bearer EXAMPLE-token")
        assert (status, b"everybody" in said) == (503, True)
        file.chmod(0o600)
        assert get(port, Authorization="Bearer EXAMPLE-token")[0] == 200


def test_slow_readers_stop_nobody_and_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_S", 0.5)
    with listening() as port:
        slow = [socket.create_connection((LOOPBACK, port)) for _ in range(listener.THREADS + 2)]
        for each in slow:
            each.sendall(b"GET /hello HTTP/1.0\r\n")  # and never the end
        assert get(port)[0] == 200, "they were cut, and the next one is served"
        for each in slow:
            each.settimeout(20)
            assert each.recv(100) == b""
            each.close()


def test_a_thousand_at_once_are_answered_or_told_to_come_again() -> None:
    """None of them takes a thread of its own, and the listener works afterwards."""
    outcomes: Counter[object] = Counter()
    most = 0
    with listening() as port:

        def ask() -> None:
            nonlocal most
            try:
                status: object = get(port)[0]
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            most = max(most, sum(t.name.startswith("listener") for t in threading.enumerate()))
            outcomes[status] += 1

        threads = [threading.Thread(target=ask) for _ in range(1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sum(outcomes.values()) == 1000
        assert outcomes[200] > 0
        assert most <= listener.THREADS + 1
        end = time.monotonic() + 20
        while get(port)[0] != 200:
            assert time.monotonic() < end


def test_a_port_that_is_in_use_is_refused() -> None:
    with listening() as port, pytest.raises(OSError, match="in use"):
        Listener((LOOPBACK, port), hello)


def test_only_a_key_that_nobody_else_reads_is_used(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o604)
    with pytest.raises(PermissionError, match="everybody"):
        listener.tls(tmp_path / "cert.pem", key, None)
    assert key.stat().st_mode & 0o777 == 0o604
