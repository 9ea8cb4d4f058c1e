from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from providers.aws.testing import ADMIN, StrictControl
from providers.aws.testing.server import StrictAws
from tests.support.aws import Refused


@pytest.fixture(scope="session")
def server() -> Iterator[StrictAws]:
    with StrictAws() as aws:
        yield aws


@pytest.fixture(scope="session")
def clients(server: StrictAws) -> dict[str, Any]:
    """The administrator's clients: making one takes longer than most tests."""
    services = ("iam", "sts", "secretsmanager")
    return {service: server.control.client(service) for service in services}


@pytest.fixture
def strict(server: StrictAws) -> StrictAws:
    server.control.reset()
    return server


@pytest.fixture
def aws(strict: StrictAws) -> StrictControl:
    return strict.control


@pytest.fixture
def iam(aws: StrictControl, clients: dict[str, Any]) -> Any:
    clients["iam"].create_user(UserName="app")
    return clients["iam"]


@pytest.fixture
def sts(aws: StrictControl, clients: dict[str, Any]) -> Any:
    return clients["sts"]


@pytest.fixture
def sm(aws: StrictControl, clients: dict[str, Any]) -> Any:
    clients["secretsmanager"].create_secret(Name="app/db")
    return clients["secretsmanager"]


@pytest.fixture
def unchecked(aws: StrictControl) -> Callable[[str], Any]:
    """Make clients that send what boto3 would refuse, so that the server has to."""
    return lambda service: boto3.client(
        service,
        region_name=aws.region,
        endpoint_url=aws.endpoint,
        aws_access_key_id=ADMIN.access_key_id,
        aws_secret_access_key=ADMIN.secret_access_key,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def refused() -> Refused:
    """Expect a refusal with exactly this code."""

    @contextmanager
    def expect(code: str) -> Iterator[None]:
        with pytest.raises(ClientError) as caught:
            yield
        assert caught.value.response["Error"]["Code"] == code

    return expect
