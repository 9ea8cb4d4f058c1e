"""One real Vault for all the adapters' tests; new mounts for each of them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from providers.vault.clients import VaultConnection
from providers.vault.options import ConnectionOptions
from rotation.clock import SystemClock
from tests.real.vault_server import VaultServer, running

INSTALLATION = "0123456789ab"
_numbers = count(1)


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with running(tmp_path_factory.mktemp("vault")) as server:
        yield server


@pytest.fixture
def fresh_name() -> str:
    return f"app-{next(_numbers)}"


@pytest.fixture
def options(vault: VaultServer, tmp_path: Path) -> ConnectionOptions:
    token = tmp_path / "token"
    token.write_text(vault.root)
    return ConnectionOptions(
        address=vault.address, cluster=vault.cluster, auth="token", login_file=str(token)
    )


@pytest.fixture
def connect(options: ConnectionOptions) -> Iterator[Callable[..., VaultConnection]]:
    """A connection with other options; ended with the test."""
    made: list[VaultConnection] = []

    def connect(**change: object) -> VaultConnection:
        clock = change.pop("clock", SystemClock())
        connection = VaultConnection(
            replace(options, **change), installation=INSTALLATION, clock=clock
        )
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def connection(connect: Callable[..., VaultConnection]) -> VaultConnection:
    return connect()
