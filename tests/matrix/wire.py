"""Where the product meets the outside: each request over HTTP and each statement to PostgreSQL.

All HTTP clients here (botocore, hvac, the HTTP provider) end in one method of urllib3.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
from urllib3.connectionpool import HTTPConnectionPool

Send = Callable[[str, Callable[[], Any]], Any]


@contextmanager
def tapped(send: Send) -> Iterator[None]:
    """Every request of this process goes through `send(name, request)`."""
    urlopen = HTTPConnectionPool.urlopen
    execute = psycopg.Cursor.execute

    def request(pool: HTTPConnectionPool, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        name = f"{method} {urlsplit(url).path}"
        target = (kwargs.get("headers") or {}).get("X-Amz-Target")
        if target is not None:
            name = f"{target!s}".rpartition(".")[2]
        return send(name, lambda: urlopen(pool, method, url, *args, **kwargs))

    def statement(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        words = str(query).split()[:3]
        return send(" ".join(words), lambda: execute(cursor, query, *args, **kwargs))

    with (
        patch.object(HTTPConnectionPool, "urlopen", request),
        patch.object(psycopg.Cursor, "execute", statement),
    ):
        yield
