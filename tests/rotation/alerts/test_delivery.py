"""At least once, in order per secret, and no flood: over real HTTP and real programs."""

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from rotation.alerts.alert import LEFT_OUT
from rotation.alerts.delivery import Sender
from rotation.alerts.message import id_of
from rotation.alerts.outbox import Outbox, OutboxError
from rotation.config.routes import Route
from rotation.errors import Permanent, RotationError
from rotation.types import SecretValue
from tests.support.receiver import KEY, Receiver, webhook
from tests.support.team import NOW, Team, alert
from tests.support.watched import ALL, receiver

__all__ = ["receiver"]  # the fixture


@pytest.fixture
def team(receiver: Receiver, tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path, (webhook(receiver, tmp_path, timeout_s=1, severities=ALL),))
    yield made
    made.outbox.close()


def test_a_team_verifies_it_with_the_library(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    route = webhook(receiver, tmp_path)
    Sender(installation="i").transmit(route, alert(), "raised", "id.0", datetime.now(UTC))
    [(headers, body)] = receiver.sent
    assert Webhook(KEY).verify(body, headers)["data"]["event"] == "held"


def test_a_runner_that_was_killed_before_it_sent_leaves_the_alert_to_the_next(
    team: Team, receiver: Receiver, tmp_path: Path
) -> None:
    """SIGKILL between insert and delivery: nothing is lost, and it is sent once."""
    team.outbox.close()
    script = f"""
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[3])!r})
        from tests.support.team import NOW, alert
        from rotation.alerts.delivery import Delivery
        from rotation.alerts.outbox import Outbox
        from rotation.alerts.records import Look
        from rotation.config.routes import Route
        route = Route(id="oncall", type="command", argv=("none",))
        outbox = Outbox(Path({str(tmp_path / "journal.db.alerts")!r}))
        outbox.record(Look(stands=(alert(),)), (route,), NOW)
        kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        list(Delivery(outbox, kill, lambda: NOW).to((route,), 30))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    team.outbox = Outbox(tmp_path / "journal.db.alerts")
    assert team.sends() == []
    assert receiver.got == [], "the dead one may have just sent it"
    assert team.sends(after=timedelta(minutes=2)) == []
    assert team.sends() == []
    assert receiver.received == [("held", "raised")]


def test_one_that_may_have_been_sent_comes_again_under_the_same_id(
    team: Team, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.finds(alert())

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(team.outbox, "sent", dies)
        with pytest.raises(KeyboardInterrupt):
            team.sends()
    team.sends(after=timedelta(minutes=2))
    first, second = (event["id"] for event in receiver.got)
    assert first == second


def test_a_route_that_was_down_for_an_hour_loses_nothing_and_floods_nobody(
    team: Team, receiver: Receiver
) -> None:
    secrets = [f"app{n}" for n in range(15)]
    over, stays = secrets[:5], secrets[5:]
    receiver.status = 503
    team.finds(*map(alert, secrets), happened=(alert("off", "emergency-contained"),))
    for n in range(12):
        team.finds(*map(alert, secrets), happened=(alert(event="succeeded", episode=str(n)),))
        team.sends(after=timedelta(minutes=5))
    tried = len(receiver.asked)
    assert tried < 15 * 9, "each waits longer from try to try"
    team.finds(*map(alert, stays))
    receiver.status = 204
    for _ in range(62):
        team.sends(after=timedelta(minutes=1))
    told = [event["subject"] for event in receiver.got]
    first = [event["subject"] for event in receiver.got if event["data"]["state"] == "raised"
             and event["data"]["event"] == "held"]  # fmt: skip
    assert sorted(first) == sorted(stays)
    assert receiver.received.count(("emergency-contained", "raised")) == 1, "news that counts waits"
    assert len(receiver.got) <= len(stays) + 1 + 12 + len(stays), "one each, and one repeat"
    assert not set(told) & set(over), "what is over was never told, so its end is not either"


def test_one_that_does_not_answer_is_asked_with_one_message_and_told_all_on_return(
    team: Team, receiver: Receiver
) -> None:
    receiver.hangs = True
    team.finds(*(alert(f"app{n}") for n in range(20)))
    (error,) = team.sends()
    assert error.code == "alerts.no-receipt"
    assert len(receiver.asked) == 1
    receiver.hangs = False
    team.sends(after=timedelta(seconds=31))
    assert len(receiver.got) == 20


def test_one_secret_does_not_wait_for_another(team: Team, receiver: Receiver) -> None:
    receiver.refuses = frozenset({"poison"})
    team.finds(alert("poison"), alert("app"), alert("poison", "past-max-age"))
    assert [error.code for error in team.sends()] == ["alerts.not-accepted"]
    assert [event["subject"] for event in receiver.got] == ["app"]
    receiver.refuses = frozenset()
    team.sends(after=timedelta(minutes=5))
    assert receiver.received[1:3] == [("held", "raised"), ("past-max-age", "raised")]


def test_what_a_killed_process_had_is_not_overtaken(team: Team, receiver: Receiver) -> None:
    first, second = alert(event="emergency-contained"), alert(event="emergency-closed")
    team.finds(happened=(first,))
    [claimed] = team.outbox.due("oncall", team.now)
    assert team.outbox.claim(claimed, team.now + timedelta(minutes=1))
    team.finds(happened=(second,))
    assert (team.sends(), receiver.got) == ([], [])
    assert team.sends(after=timedelta(minutes=1)) == []
    assert [event for event, _ in receiver.received] == [first.event, second.event]


def test_an_end_has_an_id_of_its_own_and_says_nothing_of_before(
    team: Team, receiver: Receiver
) -> None:
    """Also where the receipt of the message before was lost, so that it would be sent again."""
    team.finds(alert(works="KEY1 works"))
    team.sends()
    team.finds()
    team.sends()
    said = receiver.got[-1]["data"]
    assert (said["state"], said["works"], said["next"]) == ("resolved", None, None)
    assert id_of(alert(), NOW, "repeated", 1) != id_of(alert(), NOW, "resolved", 1)


def test_a_file_that_says_nonsense_is_an_error_of_ours(team: Team) -> None:
    team.finds(alert())
    with closing(sqlite3.connect(team.directory / "journal.db.alerts")) as other:
        other.execute("UPDATE alert SET said = 'x'")
        other.commit()
    for asked in (team.outbox.open, lambda: team.outbox.due("oncall", team.now)):
        with pytest.raises(OutboxError):
            asked()


def test_an_hour_is_the_longest_pause(team: Team, receiver: Receiver) -> None:
    receiver.status = 500
    team.finds(alert())
    for _ in range(30):
        team.sends(after=timedelta(hours=1))
    assert len(receiver.asked) == 30


def test_a_page_comes_every_hour_and_a_warning_every_day(team: Team, receiver: Receiver) -> None:
    team.finds(alert(), alert("other", "left-alive"))
    for _ in range(49):
        team.sends(after=timedelta(hours=1))
    subjects = [event["subject"] for event in receiver.got]
    assert (subjects.count("app"), subjects.count("other")) == (49, 3)


def test_without_its_file_what_stands_is_told_again_and_nothing_else(
    team: Team, receiver: Receiver, tmp_path: Path
) -> None:
    team.finds(alert(), happened=(alert(event="succeeded"),))
    team.sends()
    team.outbox.close()
    for left in tmp_path.glob("journal.db.alerts*"):
        left.unlink()
    team.outbox = Outbox(tmp_path / "journal.db.alerts")
    assert team.outbox.position().seen == {}, "so a look says nothing of what happened before"
    team.finds(alert())
    team.sends()
    assert receiver.received == [("succeeded", "raised"), ("held", "raised"), ("held", "raised")]


def test_it_is_private_and_refuses_to_lie_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db.alerts"
    Outbox(path).close()
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o666)
    with pytest.raises(OutboxError, match="may be changed by others"):
        Outbox(path)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.db.alerts"
    path.write_bytes(b"no database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(OutboxError) as refused:
        Outbox(path)
    assert "remove it" in refused.value.NEXT


def test_news_goes_to_each_route_even_where_one_is_slow(
    team: Team, receiver: Receiver, tmp_path: Path
) -> None:
    second = webhook(receiver, tmp_path, id="second")
    team.routes = (*team.routes, second)
    team.finds(happened=(alert(event="emergency-closed"),))
    first, team.routes = team.routes, (second,)
    team.sends()
    team.routes = first
    team.sends()
    assert receiver.received == [("emergency-closed", "raised")] * 2
    assert team.outbox.open() == []


def test_a_route_that_is_taken_out_leaves_nothing_and_one_that_comes_hears_what_stands(
    team: Team, receiver: Receiver
) -> None:
    first, team.routes = team.routes, ()
    team.finds(alert(), happened=(alert(event="succeeded"),))
    assert [each.alert.event for each in team.outbox.open()] == ["held"]
    for _ in range(2):
        team.routes = first
        team.finds(alert())
        team.sends()
        team.routes = ()
        team.finds(alert())
    assert receiver.received == [("held", "raised")] * 2


def attempt(route: Route, commands: Path | None = None) -> str:
    try:
        return Sender(installation="i", commands=commands).transmit(
            route, alert(), "raised", "id.0", NOW
        )
    except RotationError as error:
        return error.code


def test_only_2xx_is_a_receipt_and_no_redirect_is_followed(
    receiver: Receiver, tmp_path: Path
) -> None:
    route = webhook(receiver, tmp_path, timeout_s=1)
    receiver.status, receiver.body = 200, b"<html>an error page</html>"
    assert attempt(route) == "it answered 200"
    receiver.headers = {"Location": receiver.url}
    receiver.status = 307
    assert attempt(route) == "alerts.not-accepted"
    assert len(receiver.asked) == 2
    receiver.hangs = True
    assert attempt(route) == "alerts.no-receipt"


def test_an_address_is_never_said(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "address"
    file.write_text(f"{receiver.url}?token=EXAMPLE-very-secret\n")
    file.chmod(0o600)
    receiver.status = 500
    for url in (str(file), f"{receiver.url}/EXAMPLE", "https://127.0.0.1:1/EXAMPLE"):
        route = webhook(receiver, tmp_path, url=url)
        with pytest.raises(RotationError) as failed:
            Sender(installation="i").transmit(route, alert(), "raised", "id", NOW)
        said = f"{failed.value} {failed.value.hint} {failed.value.__cause__} {caplog.text}"
        assert "EXAMPLE" not in said
        assert "127.0.0.1" not in said


@pytest.mark.parametrize("written", ["", "http://example.com/x", "ftp://example.com", "https://"])
def test_an_address_by_reference_follows_the_same_rules(
    receiver: Receiver, tmp_path: Path, written: str
) -> None:
    file = tmp_path / "address"
    file.write_text(written)
    file.chmod(0o600)
    code = attempt(webhook(receiver, tmp_path, url=str(file)))
    assert code == ("alerts.bad-url" if written else "alerts.no-credential")


def test_a_key_that_is_none_or_that_others_may_change_is_not_used(
    receiver: Receiver, tmp_path: Path
) -> None:
    route = webhook(receiver, tmp_path)
    (tmp_path / "route.key").write_text("whsec_!")
    assert attempt(route) == "alerts.bad-key"
    (tmp_path / "route.key").chmod(0o666)
    assert attempt(route) == "alerts.no-credential"
    assert receiver.asked == []


def program(commands: Path, text: str) -> Route:
    commands.mkdir(exist_ok=True)
    path = commands / "tell"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return Route(id="ops", type="command", argv=("tell", "now"), timeout_s=1)


def test_a_command_gets_the_message_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "EXAMPLE")
    commands, out = tmp_path / "commands", tmp_path / "out"
    route = program(commands, f'cat >{out}; echo "$1" >>{out}; env >>{out}')
    assert attempt(route, commands) == "it ended with 0"
    told = out.read_text()
    assert '"type": "rotation.alert.held"' in told
    assert "ROTATION_ALERT=id.0" in told
    assert "AWS_" not in told


def test_a_command_that_is_not_there_refuses_or_hangs_is_no_receipt(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    assert attempt(program(commands, "exit 3"), commands) == "alerts.not-accepted"
    assert attempt(program(commands, "sleep 30"), commands) == "alerts.timed-out"
    (commands / "tell").chmod(0o722)
    assert attempt(Route(id="ops", type="command", argv=("tell",)), commands) == (
        "alerts.open-command"
    )
    missing = Route(id="ops", type="command", argv=("nothing",))
    assert attempt(missing, commands) == "alerts.no-command"


def test_no_live_secret_leaves_by_an_alert(team: Team, receiver: Receiver) -> None:
    secret = SecretValue("EXAMPLE-live-secret-value-0123456789")
    team.finds(alert(works=f"it is {secret.reveal()}"))
    team.sends()
    assert receiver.got[0]["data"]["works"] == LEFT_OUT
    assert secret.reveal().encode() not in (team.directory / "journal.db.alerts").read_bytes()


def test_a_message_that_holds_one_all_the_same_is_not_sent(
    team: Team, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotation.alerts.message.contains_live_value", lambda text: True)
    team.finds(alert())
    (error,) = team.sends()
    assert isinstance(error, Permanent)
    assert error.code == "alerts.secret-refused"
    assert receiver.asked == []


def test_no_part_of_a_text_steers_a_terminal_or_pushes_another_out(
    receiver: Receiver, tmp_path: Path
) -> None:
    long = "\x1b[31m\n" + "x" * 1_000_000
    said = dict.fromkeys(("secret", "owner", "row", "why", "works", "next", "page"), long)
    sender = Sender(installation="i", host=f"db{long}")
    sender.transmit(webhook(receiver, tmp_path), alert(**said), "raised", "id", NOW)
    data = receiver.got[0]["data"]
    assert all(text.isprintable() for text in data.values() if isinstance(text, str))
    assert len(receiver.sent[0][1]) < 20_000
    assert all(f"{part}: " in data["text"] for part in ("why", "next", "page", "host"))
    assert len(data["text"]) < 1500


def test_a_service_in_trouble_is_asked_with_one_message_and_told_all_on_return(
    team: Team, receiver: Receiver
) -> None:
    """As one that does not answer: 503 says nothing of the message."""
    receiver.status = 503
    team.finds(*(alert(f"app{n}") for n in range(20)))
    for _ in range(5):
        assert [error.code for error in team.sends(after=timedelta(seconds=15))] == [
            "alerts.unavailable"
        ]
    assert len(receiver.asked) == 5
    receiver.status = 204
    team.sends(after=timedelta(seconds=15))
    team.sends(after=timedelta(seconds=1))
    assert sorted(event["subject"] for event in receiver.got) == sorted(
        f"app{n}" for n in range(20)
    )
