"""What `serve` opens by schedule; the process itself is tried in `test_processes` and end to end."""

import pytest
from structlog.testing import capture_logs

from rotation.cli.serve import Served
from rotation.testing.simulator import SimulatedClock
from tests.rotation.cli.conftest import Shell


@pytest.mark.parametrize("words", [("freeze", "--all"), ("freeze",)])
def test_while_everything_is_frozen_nothing_is_opened_and_why_is_told_once(
    shell: Shell, words: tuple[str, ...]
) -> None:
    shell.adopted()
    served = Served(shell.configuration, SimulatedClock(shell.world))  # type: ignore[arg-type]

    def tick() -> int:
        return len(list(served.due(shell.journal, "serve-here", shell.world.now)))

    assert tick() == 1
    assert shell.run(*words, "--reason", "incident 4711").exit_code == 0
    with capture_logs() as logs:
        assert [tick(), tick()] == [0, 0]
    (told,) = logs
    assert (told["event"], told["code"]) == ("serve.stopped", "installation.frozen")
    assert "incident 4711" in told["message"]
    assert shell.run(*words, "--lift").exit_code == 0
    assert tick() == 1
