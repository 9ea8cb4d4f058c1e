"""One strict AWS for all the adapters' tests; a new user and a new secret for each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.httpsession import URLLib3Session

from providers.aws.clients import AwsConnection
from providers.aws.options import ConnectionOptions
from providers.aws.testing import ADMIN, StrictControl, spawn_strict_aws
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from tests.support.aws import INSTALLATION

_numbers = count(1)


@pytest.fixture(scope="session")
def the_aws() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def control(the_aws: StrictControl) -> Iterator[StrictControl]:
    yield the_aws
    the_aws.faults.clear()
    the_aws.gate.clear()
    the_aws.conditions.propagation(0)
    the_aws.conditions.page_size(100)
    the_aws.clock.skew(0)


@pytest.fixture
def fresh_name() -> str:
    return f"app-{next(_numbers)}"


@pytest.fixture
def credentials_file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(
        f"[default]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    return path


@pytest.fixture
def options(control: StrictControl, credentials_file: Path) -> ConnectionOptions:
    return ConnectionOptions(
        account="123456789012",
        region=control.region,
        endpoint=control.endpoint,
        credentials_file=str(credentials_file),
    )


@pytest.fixture
def connection(options: ConnectionOptions) -> Iterator[AwsConnection]:
    connection = AwsConnection(options, installation=INSTALLATION, clock=SystemClock())
    yield connection
    connection.close()


@pytest.fixture
def context(connection: AwsConnection) -> PluginContext:
    return PluginContext(
        installation=INSTALLATION,
        clock=SystemClock(),
        connections={"main": connection},
        fields={"access_key_id": "id", "secret_access_key": "secret"},
        public=frozenset({"access_key_id"}),
    )


@pytest.fixture
def inject_fault(control: StrictControl):
    """Make trouble for the next call of an action, `service:Operation`."""

    @contextmanager
    def make(action: str, kind: CallFault) -> Iterator[None]:
        if kind is CallFault.UNREACHABLE:
            unreachable = EndpointConnectionError(endpoint_url=control.endpoint)
            with patch.object(URLLib3Session, "send", side_effect=unreachable):
                yield
            return
        match kind:
            case CallFault.DENIED:
                control.gate.deny(action)
            case CallFault.THROTTLED:
                control.faults.before(action, "Throttling", status=400)
            case CallFault.BROKEN:
                control.faults.before(action, "InternalFailure")
            case CallFault.LOST:
                control.faults.after(action)
        yield
        assert control.faults.pending() == 0, "the trouble never came"
        control.gate.clear()

    return make
