"""The toy service and its command, as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from rotation.demo import command

ACCEPTED, REFUSED, AGAIN = 0, os.EX_NOPERM, os.EX_TEMPFAIL


@pytest.fixture
def port() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-m", "rotation.demo.service"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
        process.stdin.close()
        assert process.wait(10) == 0


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


def test_the_count_is_of_accepted_values(port: int) -> None:
    run(port, "accept", {"value": "first"}, handle="h0")
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/orders/count")
    assert connection.getresponse().read() == b"1"
    connection.close()


def test_what_is_no_order_says_nothing_of_a_value(port: int) -> None:
    assert run(port, "dance", {"value": "first"}) == AGAIN
