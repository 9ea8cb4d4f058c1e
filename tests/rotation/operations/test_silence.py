"""Alerts that do not arrive are noticed: by `status`, by the log, and by the teams where they can be."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.alerts.outbox import file_of
from rotation.cli import alerting as alerting_module
from rotation.cli.alerting import alerting
from rotation.config.routes import Alerts
from rotation.operations.health import Pulse
from rotation.operations.silence import LATE, mute, trouble
from tests.support.full_disk import full_disk
from tests.support.receiver import Receiver, webhook
from tests.support.shell import Shell, at_work, shell
from tests.support.watched import events, last, later, receiver, watched

__all__ = ["receiver", "shell", "watched"]  # the fixtures


@pytest.mark.provokes("outbox")
def test_on_a_full_disk_the_team_hears_that_alerts_may_be_missing(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    with full_disk():
        done = watched.run("run")
    assert receiver.received == [("outbox", "raised")]
    assert "journal.db.alerts failed" in str(last(receiver)["why"])
    assert (last(receiver)["severity"], last(receiver)["next"]) == ("page", "rotation doctor")
    assert (done.exit_code, "no alert is sent" in done.stderr) == (11, True), "the secret is Held"
    watched.run("run")
    assert receiver.received[1:] == [("held", "raised")]


def test_a_live_runner_says_it_once_an_hour_and_when_it_is_over(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(watched.configuration.journal)
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
    path.write_bytes(b"no database at all" * 100)
    path.chmod(0o600)
    repeated = alerting_module._Repeated(at_work(watched))
    for _ in range(5):
        with pytest.raises(alerting_module.RotationError):
            repeated.once()
    assert receiver.received == [("outbox", "raised")]
    later(watched, hours=1)
    with pytest.raises(alerting_module.RotationError):
        repeated.once()
    assert receiver.received == [("outbox", "raised")] * 2
    (found,) = watched.json("status")["alerts"]
    assert found["code"] == "alerts.outbox"
    assert watched.run("status", "--check").exit_code == 1
    assert "journal.db.alerts failed" in watched.run("doctor").stdout
    path.unlink()
    repeated.once()
    assert receiver.received[2:] == [("outbox", "resolved")]
    repeated.close()


def test_a_runner_that_lives_and_does_not_look_is_trouble(watched: Shell) -> None:
    session = at_work(watched)
    assert trouble(session, watched.world.now) == []
    watched.living = "serve-x"
    later(watched, seconds=(LATE + timedelta(seconds=1)).total_seconds())
    (found,) = trouble(session, watched.world.now)
    assert found.code == "alerts.not-looked"
    file_of(watched.configuration.journal).unlink()
    assert [each.code for each in trouble(session, watched.world.now)] == ["alerts.not-looked"]
    watched.living = None
    assert trouble(session, watched.world.now) == []


def test_a_slow_route_does_not_keep_a_live_runner_from_looking(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting_module, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(alerting_module, "BESIDE_SECONDS", 0.05)
    receiver.hangs = True
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    session, until = at_work(watched), time.monotonic() + 20
    with alerting(session):
        while not receiver.asked and time.monotonic() < until:
            threading.Event().wait(0.02)
        later(watched, hours=1)
        watched.living = "serve-x"
        while trouble(session, watched.world.now) and time.monotonic() < until:
            threading.Event().wait(0.02)
        assert trouble(session, watched.world.now) == []
        assert len(receiver.asked) == 1
        receiver.released.set()
    assert set(events(receiver)) <= {"held"}


def test_a_route_is_tried_though_nothing_can_be_stored(watched: Shell, receiver: Receiver) -> None:
    path = file_of(watched.configuration.journal)
    for left in path.parent.glob(f"{path.name}*"):
        left.unlink()
    path.write_bytes(b"no database at all" * 100)
    assert watched.run("alerts", "test", "oncall").exit_code == 0
    assert receiver.received == [("test", "test")]


def test_a_runner_whose_alerts_reach_nobody_is_not_well(
    watched: Shell, receiver: Receiver, tmp_path: Path
) -> None:
    session = at_work(watched)
    pulse = Pulse(here=session)
    pulse.ask()
    assert not [said for said in pulse.silent if "alerts" in said]
    receiver.status = 503
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    pulse.ask()
    assert [said for said in pulse.silent if "alerts" in said and "alerts.undelivered" in said]
    (route,) = watched.configuration.alerts.routes
    second = webhook(receiver, tmp_path, id="second")
    watched.configuration.alerts = Alerts(routes=(route, second))
    assert mute(session, watched.world.now) is None, "the other one may be fine"
