from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from providers.aws.testing import ADMIN, StrictControl
from providers.aws.testing.server import StrictAws


class Refused(Protocol):
    def __call__(self, code: str) -> AbstractContextManager[None]: ...


@pytest.fixture
def strict() -> Iterator[StrictAws]:
    with StrictAws() as aws:
        yield aws


@pytest.fixture
def aws(strict: StrictAws) -> StrictControl:
    return strict.control


@pytest.fixture
def iam(aws: StrictControl) -> Any:
    client = aws.client("iam")
    client.create_user(UserName="app")
    return client


@pytest.fixture
def sts(aws: StrictControl) -> Any:
    return aws.client("sts")


@pytest.fixture
def sm(aws: StrictControl) -> Any:
    client = aws.client("secretsmanager")
    client.create_secret(Name="app/db")
    return client


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
