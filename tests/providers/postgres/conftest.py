"""One real PostgreSQL for all the tests here; roles of its own for each of them."""

import secrets
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.real.postgres_server import PostgresServer, postgres_server
from tests.support.postgres import EMERGENCY, RUNNER, Database, prepared

_numbers = count(1)


@pytest.fixture(scope="session")
def the_server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def the_passwords(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("passwords")
    files = {name: root / name for name in (RUNNER, EMERGENCY)}
    for file in files.values():
        file.write_text(f"{secrets.token_urlsafe(12)}\n")
    return files


@pytest.fixture(scope="session")
def the_database(the_server: PostgresServer, the_passwords: dict[str, Path]) -> Database:
    return prepared(the_server, the_passwords)


@pytest.fixture
def database(the_database: Database) -> Database:
    return the_database


@pytest.fixture
def fresh() -> str:
    return f"app{next(_numbers)}"
