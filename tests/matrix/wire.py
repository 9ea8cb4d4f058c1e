"""Where the product meets the outside: each request over HTTP and each statement to PostgreSQL.

botocore and requests end in one method of urllib3; the HTTP provider has one of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from urllib3.connectionpool import HTTPConnectionPool

from providers.http.client import HttpConnection
from providers.postgres.session import Session

Send = Callable[[str, Callable[[], Any]], Any]


@contextmanager
def tapped(send: Send) -> Iterator[None]:
    """Every request of this process goes through `send(name, request)`."""
    urlopen = HTTPConnectionPool.urlopen
    send_once, ask, opened = HttpConnection._send_once, Session.ask, Session.__init__

    def request(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        name = f"{method} {urlsplit(url).path}"
        target = (kwargs.get("headers") or {}).get("X-Amz-Target")
        if target is not None:
            name = f"{target!s}".rpartition(".")[2]
        return send(name, lambda: urlopen(pool, method, url, *args, **kwargs))

    def call(connection: HttpConnection, sent: Any, *args: Any) -> Any:
        name = f"{sent.method} {urlsplit(sent.path).path}"
        return send(name, lambda: send_once(connection, sent, *args))

    def statement(session: Session, text: str, *args: str) -> Any:
        return send(" ".join(text.split()[:2]), lambda: ask(session, text, *args))

    def login(session: Session, parameters: Any) -> None:
        send("PostgreSQL login", lambda: opened(session, parameters))

    with (
        patch.object(HTTPConnectionPool, "urlopen", request),
        patch.object(HttpConnection, "_send_once", call),
        patch.object(Session, "ask", statement),
        patch.object(Session, "__init__", login),
    ):
        yield
