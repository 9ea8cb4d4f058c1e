"""Each alert by its real cause: the product's verbs, and a receiver that verifies the signature."""

import json
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.cli.alerting import alerting
from rotation.config.routes import Alerts
from rotation.errors import Ambiguous, JournalError, Transient
from rotation.journal.entries import Kind, stamp
from tests.support.configured import file
from tests.support.receiver import Receiver, webhook
from tests.support.shell import APP, DAY, Shell, at_work
from tests.support.simulator import PushedConsumer, SimulatedIssuer
from tests.support.watched import events, last, later, receiver, watched
from tests.support.world import INSTALLATION

__all__ = ["file", "receiver", "watched"]  # the fixtures


def test_what_is_fine_is_told_to_nobody(watched: Shell, receiver: Receiver) -> None:
    for _ in range(3):
        later(watched, hours=1)
        assert watched.run("run").exit_code == 0
    assert receiver.received == []


@pytest.mark.provokes("succeeded")
def test_a_success_is_news_once(watched: Shell, receiver: Receiver) -> None:
    assert watched.run("rotate", "app", "--wait").exit_code == 0
    watched.run("run")
    later(watched, days=2)
    watched.run("run")
    assert receiver.received == [("succeeded", "raised")]
    assert (last(receiver)["secret"], last(receiver)["owner"]) == ("app", "team")
    assert "KEY2" in str(last(receiver)["works"])


@pytest.mark.provokes("held")
def test_a_held_rotation_pages_with_what_works_and_the_command_of_status(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.mint(by_person=True)
    assert watched.run("run").exit_code == 0
    assert watched.run("rotate", "app").exit_code == 11
    watched.run("run")
    assert receiver.received == [("held", "raised")]
    said = last(receiver)
    shown = watched.run("status", "app").stdout
    assert said["next"] == "rotation status app"
    assert str(said["works"]) in shown
    assert (said["severity"], said["page"]) == ("page", "docs/runbook/unknown-instance.md")
    assert said["row"]


def test_it_is_repeated_until_somebody_has_it_and_its_end_is_told(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    later(watched, minutes=61)
    watched.run("run")
    assert receiver.received == [("held", "raised"), ("held", "repeated")]
    done = watched.json("ack", "app", "--reason", "looking")
    assert done["events"] == ["held"]
    later(watched, hours=5)
    watched.run("run")
    assert len(receiver.got) == 2
    (listed,) = watched.json("alerts")["alerts"]
    assert (listed["acknowledged_by"], listed["reason"]) == ("alice", "looking")
    assert "acknowledged by alice" in watched.run("alerts").stdout
    assert watched.run("abandon", "app", "--yes").exit_code == 0
    watched.run("run")
    assert receiver.received[2:] == [("held", "resolved")]
    assert watched.run("alerts").stdout == "nothing is raised\n"


@pytest.mark.provokes("emergency-contained", "emergency-closed")
def test_an_emergency_is_told_from_its_opening_to_its_end(
    watched: Shell, receiver: Receiver
) -> None:
    done = watched.run("emergency", "app", "--yes", "--reason", "leaked")
    watched.run("run", "--wait")
    assert events(receiver) == ["emergency-contained", "emergency-closed"], done.output
    assert "succeeded" not in events(receiver)


@pytest.mark.provokes("emergency", "down")
def test_an_open_emergency_stands_until_it_is_closed(watched: Shell, receiver: Receiver) -> None:
    watched.world.denied.add("issuer.issue")
    watched.run("emergency", "app", "--yes", "--reason", "leaked")
    watched.run("run")
    assert {"emergency-contained", "emergency", "down"} <= set(events(receiver))
    watched.world.denied.clear()
    receiver.got.clear()
    watched.run("resume", "app", "--wait")
    watched.run("run")
    ended = {(event, "resolved") for event in ("emergency", "down", "held")}
    assert {*ended, ("emergency-closed", "raised")} == set(receiver.received)


@pytest.mark.provokes("emergency-unproven")
def test_one_that_was_given_up_is_unproven_until_acknowledged(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.denied.add("issuer.issue")
    watched.run("emergency", "app", "--yes", "--reason", "leaked")
    assert watched.run("abandon", "app", "--yes").exit_code == 0
    watched.run("run")
    assert ("emergency-unproven", "raised") in receiver.received
    later(watched, hours=2)
    watched.run("run")
    assert ("emergency-unproven", "repeated") in receiver.received
    watched.run("ack", "app")
    watched.run("run")
    assert ("emergency-unproven", "resolved") in receiver.received


@pytest.mark.provokes("rolled-back")
def test_what_went_back_by_itself_is_told_and_over_with_the_next_success(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.probed = lambda handle, secret: handle != "KEY2"
    done = watched.run("rotate", "app", "--wait")
    assert done.exit_code == 4, done.output
    watched.run("run")
    assert receiver.received == [("rolled-back", "raised")]
    assert str(last(receiver)["next"]) == "rotation show app"
    watched.world.probed = None
    watched.run("rotate", "app", "--wait")
    watched.run("run")
    assert set(receiver.received[1:]) == {("rolled-back", "resolved"), ("succeeded", "raised")}


def test_what_a_person_sent_back_is_no_news(watched: Shell, receiver: Receiver) -> None:
    draining_now = watched.run("rotate", "app")
    assert draining_now.exit_code == 0
    watched.run("rollback", "app", "--yes", "--wait")
    watched.run("run")
    assert "rolled-back" not in events(receiver)


@pytest.mark.provokes("complaint")
def test_one_that_is_used_after_it_was_switched_off_complains(
    watched: Shell, receiver: Receiver
) -> None:
    watched.run("rotate", "app")
    entries = iter(range(400))
    while not any(e.row and e.row.step == "suspend" and e.kind is Kind.DONE
                  for e in watched.journal.history(watched.configuration.entry.stream)):  # fmt: skip
        assert next(entries) < 399
        later(watched, minutes=5)
        watched.run("run")
    watched.world.instances["KEY1"].used = watched.world.now + timedelta(minutes=1)
    for _ in range(40):
        later(watched, minutes=5)
        watched.run("run")
        if "complaint" in events(receiver):
            break
    assert "complaint" in events(receiver)


@pytest.mark.provokes("in-doubt")
def test_a_change_in_doubt_pages_after_a_quarter_of_an_hour(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:

    def lost(*_: object, **__: object) -> None:
        raise Ambiguous("sim.lost", "the answer was lost")

    monkeypatch.setattr(SimulatedIssuer, "suspend", lost)
    watched.run("rotate", "app")
    for _ in range(40):
        later(watched, minutes=2)
        watched.run("run")
        if "in-doubt" in events(receiver):
            break
    entries = watched.journal.entries(watched.configuration.entry.stream)
    began = next(
        e.at for e in entries if e.row and e.row.step == "suspend" and e.kind is Kind.BEGAN
    )
    assert last(receiver)["since"] == stamp(began)
    assert timedelta(minutes=15) <= watched.world.now - began < timedelta(minutes=20)


def test_nobody_hears_of_a_rotation_on_its_way(watched: Shell, receiver: Receiver) -> None:
    watched.run("rotate", "app")
    for _ in range(60):
        later(watched, minutes=5)
        watched.run("run")
    assert receiver.received == [("succeeded", "raised")]


@pytest.mark.provokes("past-max-age")
def test_one_that_is_too_old_pages(watched: Shell, receiver: Receiver) -> None:
    watched.run("pause", "app", "--reason", "holiday")
    watched.configuration.entry = APP
    watched.run("run")
    assert events(receiver) == ["past-max-age"]
    assert last(receiver)["next"] == "rotation unpause app"


@pytest.mark.provokes("overdue")
def test_one_that_is_due_for_a_day_and_not_opened_is_overdue(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.configuration.entry = APP._replace(max_age_s=400 * DAY, period_s=101 * DAY)
    monkeypatch.setattr("rotation.operations.begin.due_now", lambda here: [])
    monkeypatch.setattr("rotation.cli.run.begin.due_now", lambda here: [])
    later(watched, days=1.5)
    watched.run("run")
    assert events(receiver) == []
    later(watched, days=1)
    watched.run("run")
    assert events(receiver) == ["overdue"]


@pytest.mark.provokes("unknown")
def test_a_secret_that_the_journal_does_not_know_is_told(
    shell: Shell, receiver: Receiver, tmp_path: Path
) -> None:
    shell.configuration.alerts = Alerts(routes=(webhook(receiver, tmp_path),))
    shell.run("run")
    assert receiver.received == [("unknown", "raised")]
    shell.adopted()
    shell.configuration.entry = APP._replace(max_age_s=400 * DAY, period_s=390 * DAY)
    shell.run("run")
    assert receiver.received[1:] == [("unknown", "resolved")]


@pytest.mark.provokes("unaccounted")
def test_a_live_credential_that_nobody_knows_is_told(watched: Shell, receiver: Receiver) -> None:
    watched.world.mint(by_person=True)
    watched.run("reconcile", "app")
    watched.run("run")
    assert events(receiver) == ["unaccounted"]
    assert last(receiver)["next"] == "rotation reconcile app"


@pytest.mark.provokes("consumer-slow", "consumer-late")
def test_a_consumer_that_does_not_move_is_told_at_half_of_its_grace_and_at_its_end(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:

    def away(*_: object, **__: object) -> None:
        raise Transient("sim.away", "the consumer does not answer", "wait")

    monkeypatch.setattr(PushedConsumer, "deliver", away)
    watched.run("rotate", "app")
    watched.run("run")
    assert events(receiver) == []
    later(watched, minutes=6)
    watched.run("run")
    assert events(receiver) == ["consumer-slow"]
    later(watched, minutes=6)
    watched.run("run")
    assert events(receiver) == ["consumer-slow", "consumer-late"]
    assert last(receiver)["next"] == "rotation resume app --now"


def test_a_broken_route_stops_no_rotation_and_is_told_by_status_and_doctor(
    watched: Shell, receiver: Receiver
) -> None:
    receiver.status = 503
    assert watched.run("rotate", "app", "--wait").exit_code == 0
    done = watched.run("run")
    assert done.exit_code == 0
    assert "route oncall answered 503, which is no receipt" in done.stderr
    (silent,) = watched.json("status")["alerts"]
    assert silent["code"] == "alerts.undelivered"
    assert watched.run("status", "--check").exit_code == 1
    assert "ALERTS: route oncall has not got through since" in watched.run("status").stdout
    assert "`rotation alerts test oncall`" in watched.run("doctor").stdout
    assert watched.json("alerts")["failing"][0]["route"] == "oncall"
    receiver.status = 204
    later(watched, minutes=2)
    watched.run("run")
    assert receiver.received == [("succeeded", "raised")]
    assert watched.json("status")["alerts"] == []
    assert watched.run("status", "--check").exit_code == 0


def test_a_good_test_frees_what_a_refusal_put_off(watched: Shell, receiver: Receiver) -> None:
    receiver.status = 503
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    for _ in range(8):
        watched.run("run")
        later(watched, hours=1)
    watched.run("run")
    receiver.status = 204
    later(watched, minutes=1)
    watched.run("run")
    assert receiver.received == []
    assert watched.run("alerts", "test", "oncall").exit_code == 0
    watched.run("run")
    assert receiver.received == [("test", "test"), ("held", "raised")]


def test_a_test_sends_a_real_one_and_says_what_it_saw(watched: Shell, receiver: Receiver) -> None:
    done = watched.run("alerts", "test", "oncall")
    assert (done.exit_code, done.stdout) == (0, "route oncall has it: it answered 204\n")
    assert receiver.received == [("test", "test")]
    receiver.status = 302
    receiver.headers = {"Location": "http://127.0.0.1:9/elsewhere"}
    done = watched.run("alerts", "test", "oncall")
    assert done.exit_code == 4
    assert "answered 302" in done.stderr
    assert "tried again" not in done.stderr
    assert watched.run("alerts", "test", "nobody").exit_code == 6


def test_an_acknowledgement_needs_something_raised_and_no_key_in_its_reason(watched: Shell) -> None:
    assert watched.run("ack", "app").exit_code == 6
    assert watched.run("ack", "app", "--reason", "hvs.EXAMPLEEXAMPLE").exit_code in (2, 6)


def test_serve_tells_beside_its_work_and_ends_at_once(watched: Shell, receiver: Receiver) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    began = time.monotonic()
    with alerting(at_work(watched)):
        while not receiver.got and time.monotonic() - began < 10:
            threading.Event().wait(0.02)
    assert receiver.received == [("held", "raised")]
    assert time.monotonic() - began < 10


def test_without_routes_there_is_no_file(shell: Shell) -> None:
    shell.adopted().run("run")
    assert not list(shell.configuration.journal.parent.glob("*.alerts"))
    assert shell.json("alerts") == {
        "schema_version": 1, "kind": "alerts", "alerts": [], "failing": []
    }  # fmt: skip


def test_who_has_only_what_its_owners_and_severities_say(
    watched: Shell, receiver: Receiver, tmp_path: Path
) -> None:
    routes = (
        webhook(receiver, tmp_path, id="others", owners=("another",)),
        webhook(receiver, tmp_path, id="staging", environments=("staging",)),
        webhook(receiver, tmp_path, id="info", severities=("info",)),
    )
    watched.configuration.alerts = Alerts(routes=routes)
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    assert receiver.received == []


def test_no_name_steers_a_terminal_or_fills_a_screen(watched: Shell, receiver: Receiver) -> None:
    watched.world.mint(by_person=True, handle="KEY\x1b[31m\n" + "x" * 1_000_000)
    watched.run("rotate", "app")
    watched.run("run")
    (headers, body) = receiver.sent[-1]
    assert len(body) < 20_000
    said = json.loads(body)["data"]
    assert all(text.isprintable() for text in said.values() if isinstance(text, str))
    assert headers["content-type"].startswith("application/cloudevents+json")


@pytest.mark.provokes("drift")
def test_what_somebody_changed_by_hand_is_told_until_it_is_right(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.claim = None
    watched.run("reconcile", "app")
    watched.run("run")
    assert receiver.received == [("drift", "raised")]
    assert "owner claim" in str(last(receiver)["why"])
    assert last(receiver)["next"] == "rotation reconcile app"
    watched.world.claim = INSTALLATION
    watched.run("reconcile", "app")
    watched.run("run")
    assert receiver.received[1:] == [("drift", "resolved")]


@pytest.mark.provokes("journal")
def test_a_run_that_cannot_read_the_journal_says_so_to_the_team_as_well(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise JournalError("journal.io", "the disk failed under the journal")

    monkeypatch.setattr(watched.journal, "identities", fails)
    assert watched.run("run").exit_code == 9
    assert receiver.received == [("journal", "raised")]
    assert last(receiver)["next"] == "rotation journal check"


@pytest.mark.provokes("left-alive")
def test_what_an_abandoned_rotation_left_alive_is_raised(
    watched: Shell, receiver: Receiver
) -> None:
    watched.run("rotate", "app")
    watched.world.denied.add("issuer.suspend")
    for _ in range(30):
        later(watched, minutes=5)
        watched.run("run")
    assert watched.run("abandon", "app", "--yes").exit_code == 0
    watched.run("run")
    assert ("left-alive", "raised") in receiver.received
    assert last(receiver)["next"] == "rotation rotate app"


@pytest.mark.provokes("orphaned")
def test_one_that_left_the_configuration_is_everybody_s(watched: Shell, receiver: Receiver) -> None:
    watched.configuration.entry = APP._replace(id="other", identity="simulated/other")
    watched.run("run")
    assert {("orphaned", "raised"), ("unknown", "raised")} == set(receiver.received)


def test_a_name_of_a_megabyte_stands_as_one_alert(watched: Shell, receiver: Receiver) -> None:
    watched.world.mint(by_person=True, handle="KEY\x1b[31m\n" + "x" * 1_000_000)
    watched.run("reconcile", "app")
    for _ in range(3):
        watched.run("run")
    assert receiver.received == [("unaccounted", "raised")]


def test_a_bug_in_the_alerts_does_not_change_what_a_run_answers(
    watched: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rotation.operations.alerts.look", breaks)
    done = watched.run("run")
    assert done.exit_code == 0
    assert "a bug of this program stopped them (ZeroDivisionError)" in done.stderr


def test_a_real_serve_sends_and_ends_in_order(file: Path, receiver: Receiver) -> None:
    route = f"{{id: oncall, type: webhook, url: {receiver.url!r}, secret: {file.parent}/a.key}}"
    webhook(receiver, file.parent)
    (file.parent / "route.key").rename(file.parent / "a.key")
    file.write_text(f"{file.read_text()}\nalerts:\n  routes: [{route}]\n")
    serve = [sys.executable, "-m", "rotation", "-c", str(file), "serve"]
    process = subprocess.Popen(serve, stderr=subprocess.PIPE, text=True)
    try:
        began = time.monotonic()
        while not receiver.got and process.poll() is None and time.monotonic() - began < 30:
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert receiver.received == [("unknown", "raised")], errors
    assert process.returncode == 0
    assert "alerts." not in errors
