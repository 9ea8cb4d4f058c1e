"""An alert ends when what it says is over, never because something else is more urgent."""

from socket import gethostname

import pytest

from rotation.config.routes import Alerts
from rotation.errors import Denied, Transient
from tests.support.receiver import Receiver, webhook
from tests.support.shell import APP, Shell
from tests.support.simulator import PushedConsumer
from tests.support.watched import events, last, later, receiver, watched

__all__ = ["receiver", "watched"]  # the fixtures


def test_one_that_is_too_old_stays_so_while_it_is_held(watched: Shell, receiver: Receiver) -> None:
    watched.run("pause", "app", "--reason", "holiday")
    watched.configuration.entry = APP
    watched.run("run")
    watched.run("unpause", "app")
    watched.world.mint(by_person=True)
    assert watched.run("rotate", "app").exit_code == 11
    watched.run("run")
    assert receiver.received == [("past-max-age", "raised"), ("held", "raised")]
    watched.run("abandon", "app", "--yes")
    watched.run("run")
    assert receiver.received[2:] == [("held", "resolved")]


def test_one_that_is_unknown_stays_so_while_its_adoption_is_held(
    shell: Shell, receiver: Receiver
) -> None:
    shell.configuration.alerts = Alerts(
        routes=(webhook(receiver, shell.configuration.journal.parent),)
    )
    shell.run("run")
    shell.world.labels.clear()
    done = shell.run("adopt", "app", "--yes")
    assert done.exit_code == 11, done.output
    shell.run("run")
    assert receiver.received == [("unknown", "raised"), ("held", "raised")]
    said = last(receiver)
    assert "held.empty: the secret has no current version" in str(said["why"])
    assert said["next"] == "rotation status app"
    assert "rotation abandon app" in shell.run("status", "app").stdout
    shell.run("abandon", "app", "--yes")
    shell.run("run")
    assert receiver.received[2:] == [("held", "resolved")]


def test_an_adoption_on_its_way_raises_nothing_new(shell: Shell, receiver: Receiver) -> None:
    shell.configuration.alerts = Alerts(
        routes=(webhook(receiver, shell.configuration.journal.parent),)
    )
    shell.world.denied.add("store.read")
    shell.run("adopt", "app", "--yes")
    shell.run("run")
    assert "unknown" not in events(receiver)


def test_one_of_unknown_age_is_adopted_by_the_command_that_works(
    shell: Shell, receiver: Receiver
) -> None:
    shell.configuration.alerts = Alerts(
        routes=(webhook(receiver, shell.configuration.journal.parent),)
    )
    shell.world.dated = False
    shell.adopted().run("run")
    assert receiver.received == [("unknown", "raised")]
    assert last(receiver)["next"] == "rotation adopt app --created DATE"
    done = shell.run("adopt", "app", "--created", "2025-12-01", "--yes", "--wait")
    assert done.exit_code == 0, done.output


def test_a_consumer_that_is_late_stays_so_while_the_rotation_is_held(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Transient("sim.away", "the consumer does not answer", "wait")

    def refuses(*_: object, **__: object) -> None:
        raise Denied("sim.denied", "the consumer refuses it", "grant it")

    with monkeypatch.context() as down:
        down.setattr(PushedConsumer, "deliver", away)
        watched.run("rotate", "app")
        later(watched, minutes=12)
        watched.run("run")
        assert set(events(receiver)) == {"consumer-slow", "consumer-late"}
        down.setattr(PushedConsumer, "deliver", refuses)
        later(watched, hours=1)
        watched.run("run")
        assert "held" in events(receiver)
    ended = [event for event, state in receiver.received if state == "resolved"]
    assert ended == []


def test_the_reason_of_an_acknowledgement_is_one_line_that_steers_nothing(
    watched: Shell, receiver: Receiver
) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    for bad in ("\x1b[31mred", "x" * 1_000_000):
        assert watched.run("ack", "app", "--reason", bad).exit_code == 2
    assert watched.json("ack", "app", "--reason", "I look\nat it ")["reason"] == "I look at it"
    (listed,) = watched.json("alerts")["alerts"]
    assert listed["reason"] == "I look at it"


def test_the_text_has_the_reason_the_page_and_the_host(watched: Shell, receiver: Receiver) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    text = str(last(receiver)["text"])
    for part in (
        "held.unknown-instance: ",
        "page: docs/runbook/unknown-instance.md",
        f"host: {gethostname()}",
    ):
        assert part in text
