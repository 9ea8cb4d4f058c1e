"""Both ways to start it, and how it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from providers.aws.testing import OrderRefused, StrictControl, spawn_strict_aws
from providers.aws.testing.server import StrictAws

ROOT = Path(__file__).parents[4]


@contextlib.contextmanager
def in_this_process():
    with StrictAws() as aws:
        yield aws.control


@pytest.fixture(params=[in_this_process, spawn_strict_aws], ids=["thread", "process"])
def either(request):
    with request.param() as control:
        yield control


def test_a_rotation_by_hand_is_the_same_both_ways(either, refused):
    iam, sm = either.client("iam"), either.client("secretsmanager")
    iam.create_user(UserName="app")
    sm.create_secret(Name="db")
    either.conditions.propagation(sts=30)
    key = iam.create_access_key(UserName="app")["AccessKey"]
    assert not either.oracle.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    either.clock.advance(30)
    assert either.oracle.accepts(key["AccessKeyId"], key["SecretAccessKey"])
    version = either.out_of_band.put_secret("db", "one")
    either.faults.before("secretsmanager:*", "ThrottlingException", status=400)
    with refused("ThrottlingException"):
        sm.describe_secret(SecretId="db")
    assert either.oracle.labels("db") == {"AWSCURRENT": version}
    assert len(either.oracle.mints("app")) == 1


def test_every_answer_carries_the_servers_date(aws, sts, refused):
    aws.clock.advance(10 * 86400)
    headers = sts.get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    date = parsedate_to_datetime(headers["date"]).timestamp()
    assert abs(date - aws.clock.time()) < 5
    assert abs(date - time.time() - 10 * 86400) < 5


def test_a_connection_is_kept_and_calls_may_come_in_parallel(aws, iam):
    clients = [aws.client("iam") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda client: [client.list_users() for _ in range(5)], clients)
    assert sum(len(several) for several in answers) == 20
    assert len(aws.oracle.calls("iam:ListUsers")) == 20


def test_parallel_mints_never_exceed_the_quota(aws, iam):
    clients = [aws.client("iam") for _ in range(6)]

    def mint(client):
        with contextlib.suppress(client.exceptions.LimitExceededException):
            client.create_access_key(UserName="app")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(mint, clients))
    assert len(aws.oracle.mints("app")) == len(aws.oracle.live_keys("app")) == 2


def test_a_reset_begins_a_new_world(aws, iam, sts):
    aws.clock.advance(3600)
    aws.faults.before("*")
    aws.conditions.propagation(60)
    aws.reset()
    assert abs(aws.clock.time() - time.time()) < 5
    assert [user["UserName"] for user in iam.list_users()["Users"]] == ["administrator"]
    iam.create_user(UserName="app")
    assert aws.oracle.accepts(*aws.out_of_band.create_key("app").values())


def test_an_order_that_is_not_there_is_refused(aws):
    for order in (aws.oracle.nonsense, aws.clock._passed):
        with pytest.raises(OrderRefused):
            order()
    with pytest.raises(OrderRefused):
        aws.oracle.keys("nobody")


def test_only_the_loopback_is_served(strict):
    assert strict.endpoint.startswith("http://127.0.0.1:")


def test_stopping_ends_open_connections_and_hanging_calls(strict):
    connection = HTTPConnection(strict.endpoint.removeprefix("http://"), timeout=5)
    connection.request("POST", "/_strict/clock/time", b'{"args": [], "kwargs": {}}')
    connection.getresponse().read()
    began = time.monotonic()
    with StrictAws() as other:
        other.control.faults.hang("*")
        other.control.client("sts", read_timeout=0.1)
    assert time.monotonic() - began < 2
    connection.close()


def start(stdin=subprocess.PIPE):
    process = subprocess.Popen(
        [sys.executable, "-m", "providers.aws.testing", "--account", "210987654321"],
        stdin=stdin,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    return process, json.loads(process.stdout.readline())


def close(process):
    process.stdin.close()
    process.stdout.close()
    return process.wait(5)


def test_it_ends_when_its_input_closes():
    process, ready = start()
    identity = StrictControl(ready["endpoint"]).client("sts").get_caller_identity()
    assert identity["Account"] == "210987654321"
    assert ready["control"].startswith(ready["endpoint"])
    assert close(process) == 0


def test_it_ends_when_it_is_told_to():
    process, _ = start()
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(5) == 0
    close(process)


PARENT = """
import os, subprocess, sys
reader, writer = os.pipe()
child = subprocess.Popen(
    [sys.executable, "-m", "providers.aws.testing"],
    stdin=reader, stdout=subprocess.PIPE, pass_fds=[writer],
)
print(child.stdout.readline().decode(), flush=True)
"""


def test_it_ends_when_its_parent_dies_though_its_input_stays_open():
    parent = [sys.executable, "-c", PARENT]
    done = subprocess.run(parent, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    control = StrictControl(json.loads(done.stdout)["endpoint"])

    def until_it_is_gone():
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            control.clock.time()

    with pytest.raises(ConnectionError):
        until_it_is_gone()
