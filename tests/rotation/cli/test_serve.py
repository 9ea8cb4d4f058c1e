"""What `serve` opens by schedule; the process itself is tried in `test_processes` and end to end."""

from pathlib import Path
from types import SimpleNamespace

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


def test_it_says_once_what_the_journal_does_not_know(shell: Shell) -> None:
    served = Served(shell.configuration, SimulatedClock(shell.world))  # type: ignore[arg-type]
    with capture_logs() as logs:
        for _ in range(2):
            assert not list(served.due(shell.journal, "serve-here", shell.world.now))
    [told] = logs
    assert (told["event"], told["code"]) == ("serve.unknown-secrets", "run.unknown-secrets")
    shell.adopted()
    with capture_logs() as logs:
        list(served.due(shell.journal, "serve-here", shell.world.now))
    assert not logs


def test_what_reading_breaks_on_ends_no_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SimpleNamespace(path=Path("rotation.yaml"), digest="before")

    def breaks(path: Path) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr("rotation.cli.serve.load", breaks)
    served = Served.__new__(Served)
    served.configuration = before  # type: ignore[assignment]
    with capture_logs() as logs:
        served.reload()
    assert served.configuration is before
    assert [(told["event"], told["code"]) for told in logs] == [
        ("configuration.refused", "OverflowError")
    ]


def test_the_end_gives_back_the_connections_of_earlier_configurations_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = []

    class Registry:
        def __init__(self, configuration, clock) -> None:
            self._of = configuration.digest

        def close(self) -> None:
            closed.append(self._of)

    first, second = (
        SimpleNamespace(
            path=Path("rotation.yaml"), installation="i", journal="j", seal_key=None, digest=digest
        )
        for digest in ("first", "second")
    )
    monkeypatch.setattr("rotation.cli.serve.Registry", Registry)
    monkeypatch.setattr("rotation.cli.serve.load", lambda path: second)
    served = Served(first, clock=None)  # type: ignore[arg-type]
    served.reload()
    assert closed == [], "a row may be at work with them"
    served.close()
    assert sorted(closed) == ["first", "second"]
