"""What holds for every test: no network but loopback, and nothing of the developer's own cloud."""

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import settings

from rotation.cli import output
from rotation.cli.documents import schema_of
from tests.support.receiver import HEARD
from tests.support.shapes import mismatches
from tests.support.turns import TURN

# A loaded machine is no bug, and a failure must come back when the test runs again.
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")

AMBIENT = ("AWS_", "BOTO_", "MOTO_", "PG", "ROTATION_", "VAULT_")
PROXIES = {"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NETRC", "NO_PROXY", "SSLKEYLOGFILE"}


def is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    """Let a test connect to this machine only."""
    if event != "socket.connect":
        return
    connecting, address = arguments
    if not isinstance(connecting, socket.socket) or connecting.family == socket.AF_UNIX:
        return
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    if not is_this_machine(host):
        raise AssertionError(f"a test tried to reach {host}")


# An audit hook cannot be taken out again, so it also holds in fixtures, threads and at shutdown.
sys.addaudithook(refuse_the_network)


# A test with one of these waits for a server, or for the product as a process of its own.
REAL = {"installation", "lasting", "postgres", "services", "the_passwords", "the_server", "vault"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not REAL.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("real")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    HEARD.clear()
    yield
    for marker in item.iter_markers("provokes"):
        unheard = set(marker.args) - HEARD
        assert not unheard, f"no server received {unheard}, signed"


def pytest_report_header() -> str:
    return f"boundaries: ROTATION_TEST_TURN={TURN} takes the same ones again"


@pytest.fixture(autouse=True)
def no_ambient_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the credentials, endpoints and proxies of the user who runs the tests."""
    for name in list(os.environ):
        if name.startswith(AMBIENT) or name.upper() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(autouse=True)
def every_document_is_as_its_schema_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a verb prints in a test's own process as JSON."""
    write = output.written

    def checked(document: Mapping[str, Any], *, indent: int | None = None) -> str:
        text = write(document, indent=indent)
        found = list(mismatches(json.loads(text), schema_of(str(document["kind"]))))
        assert not found, f"{document['kind']}: {found}"
        return text

    monkeypatch.setattr(output, "written", checked)
