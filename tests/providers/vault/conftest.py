"""One real Vault for all the adapters' tests of a run; new mounts for each of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NotConnected
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from providers.vault.clients import VaultConnection
from providers.vault.options import ConnectionOptions
from rotation.interfaces import Clock, PluginContext
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from tests.real import shared
from tests.real.postgres_server import PostgresServer
from tests.real.vault_server import VaultServer, running
from tests.support.vault import INSTALLATION

_numbers = count(1)


@pytest.fixture(scope="session")
def shared_vault(request: pytest.FixtureRequest) -> VaultServer:
    return shared.vault(request)


@pytest.fixture(scope="session")
def lone_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """For a test that seals it, or looks at all that it was asked."""
    with running(tmp_path_factory.mktemp("lone")) as server:
        yield server


@pytest.fixture
def vault(request: pytest.FixtureRequest) -> VaultServer:
    alone = "lone_vault" in request.fixturenames
    found: VaultServer = request.getfixturevalue("lone_vault" if alone else "shared_vault")
    return found


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    return shared.postgres(request)


@pytest.fixture
def fresh_name() -> str:
    return f"app-{shared.WORKER}-{next(_numbers)}"


@pytest.fixture
def options(vault: VaultServer, tmp_path: Path) -> ConnectionOptions:
    token = tmp_path / "token"
    token.write_text(vault.root)
    return ConnectionOptions(
        address=vault.address, cluster=vault.cluster, auth="token", login_file=str(token)
    )


@pytest.fixture
def connect(options: ConnectionOptions, tmp_path: Path) -> Iterator[Callable[..., VaultConnection]]:
    """A connection with other options; ended with the test. given: what its login file holds."""
    made: list[VaultConnection] = []

    def connect(
        *, given: str | None = None, clock: Clock | None = None, **change: object
    ) -> VaultConnection:
        if given is not None:
            file = tmp_path / f"given-{len(made)}"
            file.write_text(given)
            change["login_file"] = str(file)
        connection = VaultConnection(
            replace(options, **change), installation=INSTALLATION, clock=clock or SystemClock()
        )
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()


@pytest.fixture
def connection(connect: Callable[..., VaultConnection]) -> VaultConnection:
    return connect()


@pytest.fixture
def mounts(vault: VaultServer, fresh_name: str) -> tuple[str, str]:
    """A mount for secrets and one for staged values."""
    vault.mount_kv(f"{fresh_name}-kv", cas_required="true")
    vault.mount_kv(f"{fresh_name}-pending")
    return f"{fresh_name}-kv", f"{fresh_name}-pending"


@pytest.fixture
def context(connection: VaultConnection) -> PluginContext:
    return PluginContext(
        installation=INSTALLATION,
        clock=SystemClock(),
        connections={"main": connection},
        fields={"access_key_id": "id", "secret_access_key": "secret"},
        public=frozenset({"access_key_id"}),
        stream="aws-iam-access-key-0123456789abcdef0123",
    )


@pytest.fixture
def inject_fault() -> Callable[[str, str, CallFault], AbstractContextManager[None]]:
    """Trouble for the next request of a method whose path holds a part."""

    @contextmanager
    def make(method: str, part: str, kind: CallFault) -> Iterator[None]:
        real, pending = HTTPAdapter.send, [kind]

        def send(self: HTTPAdapter, request: PreparedRequest, **more: object) -> Response:
            if not pending or request.method != method or part not in str(request.url):
                return real(self, request, **more)
            match pending.pop():
                case CallFault.UNREACHABLE:
                    refused = NewConnectionError(None, "refused")
                    raise NotConnected(MaxRetryError(None, "", refused))
                case CallFault.LOST:
                    real(self, request, **more)
                    raise NotConnected(ProtocolError("lost"))
            status = {CallFault.DENIED: 403, CallFault.THROTTLED: 429, CallFault.BROKEN: 500}[kind]
            answer = Response()
            answer.status_code = status
            answer.raw = BytesIO(b'{"errors": ["permission denied"]}')
            return answer

        with patch.object(HTTPAdapter, "send", send):
            yield
        assert not pending, "the trouble never came"

    return make
