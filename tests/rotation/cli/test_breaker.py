"""The breaker, by its real causes, on strict AWS: secrets of one class that keep failing."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from providers.aws.testing import StrictControl, spawn_strict_aws
from rotation.cli.app import program
from rotation.config.routes import Route
from tests.e2e.installation import DAY, Installation, wait_for
from tests.support.configured import reply
from tests.support.receiver import receiving, webhook

NAMES = ("b", "c", "d")
GROUP = "quick@aws"
NONE_OPEN = "no breaker is open\n"
_numbers = count(1)


@pytest.fixture(scope="module")
def control() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


class Four:
    """`app`, b, c and d: 100-day-old IAM keys of one class on one connection."""

    def __init__(self, root: Path, aws: StrictControl, name: str) -> None:
        root.mkdir(mode=0o700)
        self.aws, self.name = aws, name
        self.installation = Installation(root, aws, user=f"{name}-app", secret=f"{name}/app")
        self.installation.furnish()
        self.installation.write(secret="".join(map(self._made, NAMES)))
        for secret in NAMES:
            assert self.run("adopt", secret).exit_code == 0

    def _made(self, secret: str) -> str:
        user, place = f"{self.name}-{secret}", f"{self.name}/{secret}"
        self.aws.client("iam").create_user(UserName=user)
        self.aws.client("secretsmanager").create_secret(Name=place)
        self.aws.clock.advance(-100 * DAY)
        key = self.aws.out_of_band.create_key(user)
        content = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        self.aws.out_of_band.put_secret(place, json.dumps(content))
        self.aws.clock.advance(100 * DAY)
        return f"""  - id: {secret}
    application: {secret}
    environment: test
    owner: team
    class: quick
    store: {{type: aws-secrets-manager, connection: aws, name: {place}}}
    issuer: {{type: aws-iam-access-key, connection: aws, user: {user}}}
    fields: {{access_key_id: id, secret_access_key: secret}}
    probe: {{type: aws-sts, connection: aws}}
    consumers:
      - {{id: reader, type: command, argv: [take], confirms: true}}
"""

    @property
    def configuration(self) -> Path:
        return self.installation.configuration

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(program, ["-c", str(self.configuration), *words])

    def tells(self, route: Route) -> None:
        alerts = f"alerts: {{routes: [{{id: oncall, type: webhook, url: {route.url}, secret: {route.secret}}}]}}\n"
        self.configuration.write_text(self.configuration.read_text() + alerts)

    def consumer(self, script: str) -> None:
        (self.configuration.parent / "commands" / "take").write_text(f"#!/bin/sh\n{script}\n")

    def lose_claim(self, secret: str) -> None:
        self.aws.client("secretsmanager").untag_resource(
            SecretId=f"{self.name}/{secret}", TagKeys=["rotation:owner"]
        )

    def keys(self, secret: str) -> int:
        return len(self.aws.oracle.keys(f"{self.name}-{secret}"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that has to wait is waited for."""
    monkeypatch.setattr("rotation.operations.advance.PATIENCE", timedelta())


@pytest.fixture
def four(control: StrictControl, tmp_path: Path) -> Four:
    return Four(tmp_path / "four", control, f"breaker-{next(_numbers)}")


def test_three_that_are_held_stop_the_next_until_a_person_resets_it(four: Four) -> None:
    for secret in ("app", "b", "c"):
        four.lose_claim(secret)
        assert four.run("rotate", secret).exit_code == 11
    done = four.run("run")
    assert f"breaker of {GROUP}: 3 were Held within 24 h: app, b, c" in done.output
    refused = four.run("rotate", "d")
    assert refused.exit_code == 5, refused.output
    assert "code: breaker.open" in refused.output
    assert four.keys("d") == 1
    status = four.run("status").output
    assert status.startswith(f"BREAKER OF {GROUP.upper()}: ") or GROUP in status.splitlines()[0]
    (trip,) = reply(four.configuration, "breaker")["breakers"]
    assert trip["next"] == f'rotation breaker reset {GROUP} --reason "..."'
    assert four.run("breaker", "reset", "other@aws", "--reason", "x").exit_code == 6
    assert four.run("breaker", "reset", GROUP, "--reason", "the tags are back").exit_code == 0
    assert four.run("breaker").output == NONE_OPEN
    four.run("run")
    assert four.run("breaker").output == NONE_OPEN, "what failed before counts again"
    assert four.run("rotate", "d").exit_code == 0
    assert four.keys("d") == 1


@pytest.mark.provokes("breaker")
def test_two_that_fail_after_promotion_stop_what_is_on_its_way_as_well(
    four: Four, control: StrictControl, tmp_path: Path
) -> None:
    with receiving() as receiver:
        route = webhook(receiver, tmp_path)
        four.tells(route)
        control.faults.before("iam:UpdateAccessKey", "AccessDenied", status=403, times=99)
        for secret in ("app", "b"):
            assert four.run("rotate", secret).exit_code == 11
        control.faults.clear()
        four.run("run", "--only", "app")
        assert ("breaker", "raised") in receiver.received
        said = next(each["data"] for each in receiver.got if each["data"]["event"] == "breaker")
        assert said["next"] == f'rotation breaker reset {GROUP} --reason "..."'
        assert "2 failed after promotion within 24 h: app, b" in said["why"]
        waits = four.run("resume", "app")
        assert f"frozen: breaker of {GROUP}" in waits.output
        assert f"until `rotation breaker reset {GROUP}" in waits.output
        assert four.keys("app") == 2, "the old one is not switched off"
        assert four.run("doctor", "c").exit_code == 11
        assert (
            four.run("breaker", "reset", GROUP, "--reason", "the policy is mended").exit_code == 0
        )
        assert four.run("run", "--only", "app").exit_code == 0
        assert four.keys("app") == 1
        assert ("breaker", "resolved") in receiver.received


def test_an_emergency_and_a_replacement_are_not_stopped(four: Four) -> None:
    for secret in ("app", "b", "c"):
        four.lose_claim(secret)
        four.run("rotate", secret)
    four.run("run")
    assert four.run("breaker", "-o", "json").exit_code == 0
    assert four.run("rotate", "d").exit_code == 5
    assert four.run("emergency", "d", "--yes", "--reason", "leak").exit_code == 0
    assert four.keys("d") == 1


def test_a_clock_that_is_wrong_is_no_failure_of_a_rotation(four: Four) -> None:
    four.aws.clock.advance(120)
    for secret in ("app", "b", "c"):
        assert "held.clock" in four.run("rotate", secret).output
    four.aws.clock.advance(-120)
    four.run("run")
    assert four.run("breaker").output == NONE_OPEN


def test_a_consumer_that_refuses_what_it_is_given_is_a_failure_after_promotion(
    four: Four, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row is Held: each of them may succeed the next time, for as long as it takes."""
    four.consumer("exit 77")
    for secret in ("app", "b"):
        assert "take refused to deliver" in four.run("rotate", secret).output
    four.run("run", "--only", "app")
    assert four.run("breaker").output == NONE_OPEN, "a service may restart"
    monkeypatch.setattr("rotation.schedule.breaker.DOUBT_MAX", timedelta())
    four.run("run", "--only", "app")
    (trip,) = reply(four.configuration, "breaker")["breakers"]
    assert "2 failed after promotion within 24 h: app, b" in trip["reason"]
    assert four.run("rotate", "d").exit_code == 5
    four.consumer("exec cat >/dev/null")
    assert four.run("breaker", "reset", GROUP, "--reason", "it takes them").exit_code == 0
    for secret in ("app", "b"):
        assert four.run("resume", secret, "--now").exit_code == 0
    assert four.run("breaker").output == NONE_OPEN, "the same failures, counted again"
    assert (four.keys("app"), four.keys("b")) == (1, 1)


def test_it_opens_again_when_it_goes_on(four: Four) -> None:
    for secret in ("app", "b", "c"):
        four.lose_claim(secret)
        four.run("rotate", secret)
    four.run("run")
    four.run("breaker", "reset", GROUP, "--reason", "tried")
    for secret in ("app", "b", "c"):
        assert four.run("resume", secret).exit_code == 11, "it is Held for the same cause"
    four.run("run")
    (trip,) = reply(four.configuration, "breaker")["breakers"]
    assert "3 were Held within 24 h: app, b, c" in trip["reason"]


def test_what_a_person_or_a_window_does_is_no_failure(four: Four, impatient: None) -> None:
    four.consumer("exit 77")
    for secret in ("app", "b", "c"):
        four.run("rotate", secret)
        four.consumer("exec cat >/dev/null")
        assert four.run("rollback", secret, "--yes").exit_code == 0
        four.consumer("exit 77")
    four.run("freeze", "--reason", "fair")
    four.consumer("exec cat >/dev/null")
    four.run("rotate", "d")
    four.run("run")
    assert four.run("breaker").output == NONE_OPEN
    assert four.keys("d") == 2, "it waits for the freeze to end"


def test_what_is_dead_is_replaced_while_it_is_open(four: Four, control: StrictControl) -> None:
    for secret in ("app", "b", "c"):
        four.lose_claim(secret)
        four.run("rotate", secret)
    four.run("run")
    iam = control.client("iam")
    user = f"{four.name}-d"
    (dead,) = four.aws.oracle.keys(user)
    iam.delete_access_key(UserName=user, AccessKeyId=dead["AccessKeyId"])
    assert four.run("rotate", "d").exit_code == 5
    replaced = four.run("rotate", "d", "--replace")
    assert replaced.exit_code == 0, replaced.output
    (key,) = four.aws.oracle.keys(user)
    assert key["AccessKeyId"] != dead["AccessKeyId"]


def test_a_live_runner_stops_and_goes_on_after_the_reset(four: Four) -> None:
    """The secrets are due, and the runner begins none of them while it is open."""
    for secret in ("app", "b", "c"):
        four.lose_claim(secret)
        four.run("rotate", secret)
    served = four.installation.serve()
    try:
        served.await_event("serve.began")
        wait_for(lambda: reply(four.configuration, "breaker")["breakers"], "a trip")
        assert four.keys("d") == 1
        for secret in ("app", "b", "c"):
            assert four.run("abandon", secret, "--yes").exit_code == 0
        before = time.monotonic()
        assert four.run("breaker", "reset", GROUP, "--reason", "mended").exit_code == 0
        wait_for(lambda: served.named("rotation.opened"), "the next rotation", 60)
        assert time.monotonic() - before < 35
    finally:
        served.end()
