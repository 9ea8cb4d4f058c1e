"""What the file beside the journal keeps, and what it must not keep back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.alerts.outbox import QUERIES
from tests.support.receiver import Receiver, webhook
from tests.support.team import Team, alert
from tests.support.watched import ALL, receiver

__all__ = ["receiver"]  # the fixture

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def team(receiver: Receiver, tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path, (webhook(receiver, tmp_path, timeout_s=1, severities=ALL),))
    yield made
    made.outbox.close()


def repeats(team: Team, hours: int) -> None:
    for _ in range(hours):
        team.sends(after=HOUR)


def test_what_another_installation_raised_is_neither_kept_nor_said_to_be_over(
    team: Team, receiver: Receiver
) -> None:
    team.finds(alert("theirs"), happened=(alert("theirs", "rolled-back"),), origin="theirs")
    team.sends()
    team.finds(alert("ours"), origin="ours")
    team.sends()
    assert [event["subject"] for event in receiver.got] == ["theirs", "theirs", "ours"]
    assert [each.alert.secret for each in team.outbox.open()] == ["ours"]


def test_after_a_restore_what_stands_is_raised_again_and_nothing_is_said_to_be_over(
    team: Team, receiver: Receiver
) -> None:
    team.finds(alert("gone"), alert("stays"), happened=(alert("app", "rolled-back"),), origin="i")
    team.sends()
    receiver.got.clear()
    team.finds(alert("stays"), origin="i restored")
    team.sends()
    assert [(e["subject"], e["data"]["state"]) for e in receiver.got] == [("stays", "raised")]
    assert {each.alert.event for each in team.outbox.open()} == {"held", "rolled-back"}


@pytest.mark.parametrize("change", [{"severities": ("warn",)}, {"owners": ("another",)}])
def test_a_narrower_route_gets_no_repeats_and_the_end(
    team: Team, receiver: Receiver, change: dict[str, tuple[str, ...]]
) -> None:
    found = alert(owner="team")
    team.finds(found)
    team.sends()
    wide, team.routes = team.routes, tuple(replace(each, **change) for each in team.routes)
    team.finds(found)
    repeats(team, 5)
    assert receiver.received == [("held", "raised")]
    team.routes = wide
    team.finds(found)
    repeats(team, 2)
    assert receiver.received == [("held", "raised"), ("held", "repeated"), ("held", "repeated")]
    team.routes = tuple(replace(each, **change) for each in team.routes)
    team.finds(found)
    team.finds()
    team.sends()
    assert receiver.received[3:] == [("held", "resolved")]


def test_a_narrower_route_does_not_get_what_it_was_not_told_yet(
    team: Team, receiver: Receiver
) -> None:
    receiver.status = 503
    team.finds(alert())
    team.sends()
    team.routes = tuple(replace(each, severities=("info",)) for each in team.routes)
    team.finds(alert())
    receiver.status = 204
    repeats(team, 2)
    assert receiver.received == []
    assert team.outbox.failing() == []


@pytest.mark.parametrize(("event", "hours"), [("held", 3), ("left-alive", 25)])
def test_a_clock_that_was_a_day_ahead_silences_nothing(
    team: Team, receiver: Receiver, event: str, hours: int
) -> None:
    found = alert(event=event)
    team.finds(found)
    team.sends(after=DAY)
    team.finds(found)
    team.sends()
    receiver.got.clear()
    team.now -= DAY
    team.finds(found)
    for _ in range(hours):
        team.finds(found)
        team.sends(after=HOUR)
    assert receiver.received, "with the clock ahead it would have waited a day longer"
    assert len(receiver.got) <= hours + 1


def test_a_try_that_a_clock_ahead_put_off_is_made(team: Team, receiver: Receiver) -> None:
    receiver.status = 503
    team.now += DAY
    team.finds(alert())
    team.sends()
    team.now -= DAY
    receiver.status = 204
    team.finds(alert())
    team.sends(after=timedelta(minutes=2))
    assert receiver.received == [("held", "raised")]
    assert team.outbox.failing() == []


@pytest.mark.parametrize("event", ["emergency-unproven", "emergency-contained", "held"])
def test_an_acknowledgement_takes_nothing_from_a_route_that_does_not_have_it(
    team: Team, receiver: Receiver, event: str
) -> None:
    receiver.status = 503
    found = alert(event=event)
    stands = (found,) if event == "held" else ()
    team.finds(*stands, happened=() if stands else (found,))
    team.sends()
    team.outbox.acknowledge([each.id for each in team.outbox.open()], "alice", None, team.now)
    receiver.status = 204
    repeats(team, 5)
    ends = {"emergency-unproven": [(event, "resolved")]}.get(event, [])
    assert receiver.received == [(event, "raised"), *ends]


def test_what_may_have_arrived_before_it_was_over_is_ended(team: Team, receiver: Receiver) -> None:
    receiver.hangs = True
    team.finds(alert())
    assert [error.code for error in team.sends()] == ["alerts.no-receipt"]
    receiver.hangs = False
    team.finds()
    team.sends()
    assert ("held", "resolved") in receiver.received


def test_one_that_comes_back_is_another_message(team: Team, receiver: Receiver) -> None:
    for _ in range(2):
        team.finds(alert(event="down"))
        team.sends(after=HOUR)
        team.finds()
        team.sends(after=HOUR)
    assert receiver.received == [("down", "raised"), ("down", "resolved")] * 2
    assert len({event["id"] for event in receiver.got}) == 4


def test_what_is_over_is_forgotten_after_a_week(team: Team) -> None:
    team.finds(alert())
    team.finds()
    team.now += timedelta(days=8)
    team.finds()
    with closing(sqlite3.connect(team.directory / "journal.db.alerts")) as file:
        assert file.execute("SELECT * FROM alert").fetchall() == []


@pytest.mark.parametrize("query", ["standing", "open", "due", "gone", "failing", "one", "back"])
def test_no_look_reads_what_is_over(team: Team, query: str) -> None:
    given = dict.fromkeys(("stream", "event", "episode", "route", "now", "before"), "x")
    with closing(sqlite3.connect(team.directory / "journal.db.alerts")) as file:
        plan = file.execute(f"EXPLAIN QUERY PLAN {QUERIES[query]}", given).fetchall()
    scans = [step for *_, step in plan if step.startswith("SCAN ") and "USING" not in step]
    assert [step for step in scans if "waiting" not in step] == []


def test_a_rollback_is_over_only_by_a_later_success(team: Team, receiver: Receiver) -> None:
    """Both may be in one look, where the runner was away."""
    before = alert(event="succeeded", episode="a", since=team.now - HOUR)
    back = alert(event="rolled-back", episode="b", since=team.now)
    team.finds(happened=(before, back))
    team.sends()
    assert receiver.received == [("succeeded", "raised"), ("rolled-back", "raised")]
    team.finds(happened=(alert(event="succeeded", episode="c", since=team.now + HOUR),))
    team.sends()
    assert ("rolled-back", "resolved") in receiver.received


def test_a_route_that_comes_back_gets_what_is_not_acknowledged(
    team: Team, receiver: Receiver
) -> None:
    team.finds(happened=(alert(event="emergency-unproven"),))
    wide, team.routes = team.routes, ()
    team.finds()
    team.routes = wide
    team.finds()
    team.sends()
    assert receiver.received == [("emergency-unproven", "raised")]
