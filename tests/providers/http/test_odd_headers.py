"""Headers as proxies and careless services write them, over a real connection."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from providers.http.client import Budget, HttpConnection, Sent
from providers.http.declaration import Pages
from providers.http.errors import Call
from providers.http.listing import Pager
from providers.http.options import ConnectionOptions
from rotation.errors import NeedsPerson, RotationError
from rotation.runtime.clock import SystemClock
from tests.support.http import INSTALLATION

READ = Call("look")
FIRST = Sent(method="GET", path="/keys")


@contextmanager
def answering(*headers: tuple[str, str]) -> Iterator[tuple[HttpConnection, list[str]]]:
    """The first page comes with these headers, every other one is empty; and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for name, value in headers if len(asked) == 1 else ():
                self.wfile.write(f"{name}: {value}\r\n".encode())
            body = b'{"keys": [{"id": "1"}]}' if len(asked) == 1 else b'{"keys": []}'
            self.wfile.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ConnectionOptions(origin=f"http://127.0.0.1:{server.server_port}")
    try:
        yield HttpConnection(options, installation=INSTALLATION, clock=SystemClock()), asked
    finally:
        server.shutdown()
        server.server_close()


def listed(connection: HttpConnection) -> list[object]:
    pages = Pages(method="GET", path="/keys", items="/keys", paging="link")
    pager = Pager(pages, connection.options.origin)
    return list(pager.items(FIRST, READ, lambda sent: connection.send(sent, READ, Budget())))


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("</keys?after=a b>; rel=next", "/keys?after=a%20b"),
        ('</keys?after=ü&n=1>; rel="next"', "/keys?after="),
        ("</keys?after=a%20b>; rel=next", "/keys?after=a%20b"),
    ],
)
def test_a_link_with_blanks_is_followed(link: str, asked: str) -> None:
    with answering(("Link", link)) as (connection, paths):
        assert listed(connection) == [{"id": "1"}]
        assert paths[1].startswith(asked)


def test_the_next_page_is_found_in_any_of_several_links() -> None:
    two = ("Link", "</keys?page=2>; rel=next"), ("Link", "</keys?page=1>; rel=first")
    with answering(*two) as (connection, paths):
        listed(connection)
        assert paths == ["/keys", "/keys?page=2"]


def test_a_link_without_a_path_leads_nowhere_and_says_so() -> None:
    with answering(("Link", "<?page=2>; rel=next")) as (connection, _):
        with pytest.raises(NeedsPerson) as caught:
            listed(connection)
        assert caught.value.code == "http.foreign-page"


@pytest.mark.parametrize("end", ["GMT", "-0000", "+0100"])
def test_a_doubled_date_is_one(end: str) -> None:
    date = f"Mon, 30 Nov 2026 07:00:00 {end}"
    with answering(("Date", date), ("date", date)) as (connection, _):
        at = connection.send(FIRST, READ, Budget()).at
        assert at is not None
        assert at.tzinfo is not None


def test_a_header_that_does_not_end_is_no_answer() -> None:
    with answering(("X", "y" * 70_000)) as (connection, _), pytest.raises(RotationError) as caught:
        connection.send(FIRST, READ, Budget())
    assert caught.value.code == "http.no-answer"
