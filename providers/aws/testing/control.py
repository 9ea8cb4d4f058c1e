"""The tests' side: controls a strict AWS remotely, and starts one in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from providers.aws.testing.settings import ADMIN, Credential, Settings

if TYPE_CHECKING:
    from providers.aws.testing.authorisation import Gate
    from providers.aws.testing.clock import ServerClock
    from providers.aws.testing.conditions import Conditions
    from providers.aws.testing.faults import Faults
    from providers.aws.testing.oracle import Oracle
    from providers.aws.testing.out_of_band import OutOfBand


class OrderRefused(Exception):
    """The control plane could not do what a test ordered."""


class StrictControl:
    """Controls the strict AWS at an endpoint.

    Each facet has the methods of the class that is named as its type; only their arguments and
    results are transferred.
    """

    def __init__(self, endpoint: str, *, region: str = Settings.region) -> None:
        self.endpoint = endpoint
        self.region = region
        self._clients: dict[tuple[str, Credential, str, float], Any] = {}
        self.clock = cast("ServerClock", _Facet(self, "clock"))
        self.conditions = cast("Conditions", _Facet(self, "conditions"))
        self.faults = cast("Faults", _Facet(self, "faults"))
        self.gate = cast("Gate", _Facet(self, "gate"))
        self.out_of_band = cast("OutOfBand", _Facet(self, "out_of_band"))
        self.oracle = cast("Oracle", _Facet(self, "oracle"))

    def client(
        self,
        service: str,
        credential: Credential = ADMIN,
        *,
        region: str | None = None,
        read_timeout: float = 5.0,
    ) -> Any:
        """A boto3 client of this endpoint that tries once, for all who ask for the same."""
        wanted = service, credential, region or self.region, read_timeout
        if wanted not in self._clients:
            self._clients[wanted] = self._make_client(*wanted)
        return self._clients[wanted]

    def _make_client(
        self, service: str, credential: Credential, region: str, read_timeout: float
    ) -> Any:
        return _session().client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id=credential.access_key_id,
            aws_secret_access_key=credential.secret_access_key,
            aws_session_token=credential.session_token,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout),
        )

    def reset(self) -> None:
        """Begin a new world at the same endpoint: no users, no faults, no time passed."""
        self.order("reset")

    def order(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Send one order and return its result."""
        connection = HTTPConnection(urlsplit(self.endpoint).netloc, timeout=10)
        try:
            body = json.dumps({"args": args, "kwargs": kwargs})
            connection.request("POST", f"/_strict/{name}", body)
            response = connection.getresponse()
            content = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise OrderRefused(content["error"])
        return content["result"]


@cache
def _session() -> Any:
    # One for all: a session reads the service models once. The stubs know a client per literal
    # name only, and a test names the service that it wants.
    return boto3.session.Session()


class _Facet:
    def __init__(self, control: StrictControl, name: str) -> None:
        self._control = control
        self._name = name

    def __getattr__(self, verb: str) -> Any:
        def order(*args: Any, **kwargs: Any) -> Any:
            return self._control.order(f"{self._name}/{verb}", *args, **kwargs)

        return order


@contextmanager
def spawn_strict_aws(
    *,
    account: str = Settings.account,
    region: str = Settings.region,
    latency_ms: float = Settings.latency_ms,
) -> Iterator[StrictControl]:
    """Strict AWS in a process of its own, which ends with this block or with this process."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "providers.aws.testing"]
    command += ["--account", account, "--region", region, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(  # noqa: S603 -- our own module, in our own interpreter
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(root)},
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield StrictControl(ready["endpoint"], region=region)
        finally:
            process.stdin.close()
