"""The fake services and their command, which is a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from rotation.demo import command
from rotation.demo.fake_service import FakeServices, fake_services

ACCEPTED, REFUSED, AGAIN = 0, os.EX_NOPERM, os.EX_TEMPFAIL


@pytest.fixture
def services() -> Iterator[FakeServices]:
    with fake_services() as up:
        yield up


@pytest.fixture
def port(services: FakeServices) -> int:
    return services.port


def run(port: int, action: str, given: dict[str, str], handle: str = "") -> int:
    return subprocess.run(
        [sys.executable, "-IS", command.__file__, str(port), "orders"],
        input=json.dumps(given),
        env={"ROTATION_ACTION": action, "ROTATION_HANDLE": handle},
        text=True,
        check=False,
    ).returncode


def test_it_accepts_several_values_and_drops_by_name_or_by_value(port: int) -> None:
    assert run(port, "check", {"password": "first"}) == REFUSED
    for n, value in enumerate(("first", "second", "third")):
        assert run(port, "accept", {"value": value}, handle=f"h{n}") == ACCEPTED
    assert run(port, "accept", {"value": "first"}, handle="h0") == ACCEPTED
    assert run(port, "check", {"password": "first"}) == ACCEPTED
    assert run(port, "drop", {}, handle="h0") == ACCEPTED
    assert run(port, "drop", {"value": "second"}, handle="other") == ACCEPTED
    assert run(port, "check", {"password": "first"}) == REFUSED
    assert run(port, "check", {"password": "second"}) == REFUSED
    assert run(port, "check", {"password": "third"}) == ACCEPTED
    assert run(port, "drop", {"value": "second"}, handle="other") == ACCEPTED, "dropped already"


def test_the_count_is_of_accepted_values(services: FakeServices) -> None:
    run(services.port, "accept", {"value": "first"}, handle="h0")
    assert services.count("orders") == 1
    assert services.accepts("orders", "first")


def test_what_is_no_order_says_nothing_of_a_value(port: int) -> None:
    assert run(port, "dance", {"value": "first"}) == AGAIN
