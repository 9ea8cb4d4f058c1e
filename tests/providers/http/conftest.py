"""Vendors on loopback, and adapters that talk to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.http.client import HttpConnection
from providers.http.issuer import HttpApiIssuer
from providers.http.testing.acme import Acme
from tests.support.http import Bench, connected, context, declared


@pytest.fixture
def acme() -> Iterator[Acme]:
    with Acme() as service:
        yield service


@pytest.fixture
def connection(acme: Acme, tmp_path: Path) -> HttpConnection:
    return connected(acme, tmp_path)


@pytest.fixture
def bench(acme: Acme, connection: HttpConnection) -> Bench:
    return Bench(HttpApiIssuer(declared(), context(connection)), acme, connection)
