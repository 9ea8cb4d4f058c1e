"""What a look at the whole installation raises, and what it leaves alone."""

import pytest

from rotation.errors import JournalError
from rotation.journal import Draft, Journal, Kind
from rotation.journal.memory import MemoryJournal
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
            assert list(sending.update(30)) == []
    assert receiver.received == [("held", "raised"), ("journal", "raised")]
    watched.run("run")
    assert receiver.received[2:] == [("journal", "resolved")]


@pytest.mark.provokes("configuration")
def test_a_change_of_the_configuration_that_is_refused_is_told(
    watched: Shell, receiver: Receiver
) -> None:
    session = at_work(watched)
    session.refused = "config.unreadable"
    with Sending(here=session) as sending:
        assert list(sending.update(30)) == []
        assert events(receiver) == ["configuration"]
        session.refused = None
        list(sending.update(30))
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
        assert list(sending.update(30)) == []
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
            assert list(sending.update(30)) == []
        list(sending.update(30))
        list(sending.update(30))
    assert receiver.received == [("succeeded", "raised")]


def test_all_rotations_since_the_last_look_are_seen(watched: Shell, receiver: Receiver) -> None:
    for _ in range(2):
        assert watched.run("rotate", "app", "--wait").exit_code == 0
    with Sending(here=at_work(watched)) as sending:
        list(sending.update(30))
    assert receiver.received == [("succeeded", "raised")] * 2


def copy(journal: Journal) -> MemoryJournal:
    assert isinstance(journal, MemoryJournal)
    made = MemoryJournal(journal.installation)
    made._entries = {stream: list(each) for stream, each in journal._entries.items()}
    made._rows = dict(journal._rows)
    return made


@pytest.mark.parametrize("recorded", [True, False])
def test_news_of_a_history_that_was_put_back_is_sent_and_none_of_before_again(
    watched: Shell, receiver: Receiver, *, recorded: bool
) -> None:
    """The rotation that comes has the numbers of those that are gone. recorded: by `journal
    restore`, or by a copy of the file."""
    watched.run("rotate", "app", "--wait")
    watched.run("run")
    backup = copy(watched.journal)
    for _ in range(4):
        assert watched.run("rotate", "app", "--wait").exit_code == 0
    watched.run("run")
    assert receiver.received == [("succeeded", "raised")] * 5
    watched.journal = backup
    if recorded:
        backup.record(Draft(kind=Kind.RESTORED), "one", watched.world.now)
    watched.run("run")
    assert len(receiver.got) == 5
    assert watched.run("rotate", "app").exit_code == 11
    watched.run("run")
    assert watched.run("resolve", "app", "--accept-current", "--yes").exit_code == 0
    done = watched.run("rotate", "app", "--wait")
    assert done.exit_code == 0, done.output
    watched.run("run")
    assert events(receiver)[5:] == ["held", "held", "succeeded"]
    assert receiver.received[6] == ("held", "resolved")
