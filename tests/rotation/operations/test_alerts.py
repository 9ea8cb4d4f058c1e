"""What a look at the whole installation raises, and what it leaves alone."""

import pytest

from rotation.errors import JournalError
from rotation.operations.alerts import Alerts as Sending
from tests.support.receiver import Receiver
from tests.support.shell import Shell, at_work, shell
from tests.support.watched import events, receiver, watched

__all__ = ["receiver", "shell", "watched"]  # the fixtures


def test_a_journal_that_cannot_be_read_is_told_and_ends_nothing_else(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    with monkeypatch.context() as broken:

        def fails() -> None:
            raise JournalError("journal.io", "the disk failed under the journal")

        broken.setattr(watched.journal, "identities", fails)
        with Sending(here=at_work(watched)) as sending:
            assert list(sending.update()) == []
    assert receiver.received == [("held", "raised"), ("journal", "raised")]
    watched.run("run")
    assert receiver.received[2:] == [("journal", "resolved")]


def test_a_change_of_the_configuration_that_is_refused_is_told(
    watched: Shell, receiver: Receiver
) -> None:
    session = at_work(watched)
    session.refused = "config.unreadable"
    with Sending(here=session) as sending:
        assert list(sending.update()) == []
        assert events(receiver) == ["configuration"]
        session.refused = None
        list(sending.update())
    assert receiver.received[1:] == [("configuration", "resolved")]


def test_a_process_that_ends_takes_a_closed_journal_for_no_trouble(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise JournalError("journal.error", "the journal failed")

    monkeypatch.setattr(watched.journal, "identities", fails)
    session = at_work(watched)
    monkeypatch.setattr(type(session), "stop", lambda session: True)
    with Sending(here=session) as sending:
        assert list(sending.update()) == []
    assert receiver.received == []


def test_what_lands_during_a_look_is_of_the_next_one(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, doubt = at_work(watched), watched.journal.doubt
    with Sending(here=session) as sending:
        with monkeypatch.context() as meanwhile:

            def rotates() -> str | None:
                meanwhile.undo()
                assert watched.run("rotate", "app", "--wait").exit_code == 0
                return doubt()

            meanwhile.setattr(watched.journal, "doubt", rotates)
            assert list(sending.update()) == []
        list(sending.update())
        list(sending.update())
    assert receiver.received == [("succeeded", "raised")]


def test_all_rotations_since_the_last_look_are_seen(watched: Shell, receiver: Receiver) -> None:
    for _ in range(2):
        assert watched.run("rotate", "app", "--wait").exit_code == 0
    with Sending(here=at_work(watched)) as sending:
        list(sending.update())
    assert receiver.received == [("succeeded", "raised")] * 2
