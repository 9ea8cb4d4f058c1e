"""What an installation begins by itself."""

import pytest
from structlog.testing import capture_logs

from rotation.operations.by_schedule import BySchedule
from rotation.runtime import logs
from tests.support.shell import Shell, at_work


@pytest.mark.parametrize("words", [("freeze", "--all"), ("freeze",)])
def test_while_everything_is_frozen_nothing_is_opened_and_why_is_told_once(
    shell: Shell, words: tuple[str, ...]
) -> None:
    shell.adopted()
    schedule = BySchedule(installation=at_work(shell), log_error=logs.log_error)

    def tick() -> int:
        return len(list(schedule.due(shell.world.now)))

    assert tick() == 1
    assert shell.run(*words, "--reason", "incident 4711").exit_code == 0
    with capture_logs() as captured:
        assert [tick(), tick()] == [0, 0]
    (reply,) = captured
    assert (reply["event"], reply["code"]) == ("serve.stopped", "installation.frozen")
    assert "incident 4711" in reply["message"]
    assert shell.run(*words, "--lift").exit_code == 0
    assert tick() == 1


def test_it_says_once_what_the_journal_does_not_know(shell: Shell) -> None:
    schedule = BySchedule(installation=at_work(shell), log_error=logs.log_error)
    with capture_logs() as captured:
        for _ in range(2):
            assert not list(schedule.due(shell.world.now))
    [reply] = captured
    assert (reply["event"], reply["code"]) == ("serve.unknown-secrets", "run.unknown-secrets")
    shell.adopted()
    with capture_logs() as captured:
        list(schedule.due(shell.world.now))
    assert not captured
