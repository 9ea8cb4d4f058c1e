"""What `serve` makes of a hang-up; the process itself is tried in `test_processes` and end to end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from rotation.cli.serve import reload
from rotation.operations.installation import Installation
from tests.support.configured import file

__all__ = ["file"]


def before(configuration: Any) -> Installation:
    here = Installation(configuration_path=configuration.path, effectful=True)
    here.configuration = configuration
    return here


def test_what_reading_breaks_on_ends_no_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    here = before(SimpleNamespace(path=Path("rotation.yaml"), digest="before"))

    def breaks(path: Path) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr("rotation.config.load", breaks)
    with capture_logs() as logs:
        reload(here)
    assert here.configuration.digest == "before"
    assert here.refused == "OverflowError"
    assert [(reply["event"], reply["code"]) for reply in logs] == [
        ("configuration.refused", "OverflowError")
    ]


def test_the_end_gives_back_the_connections_of_earlier_configurations_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed = []

    class Registry:
        def __init__(self, logged_in, clock) -> None:
            self._of = logged_in.configuration.digest

        def close(self) -> None:
            closed.append(self._of)

    first, second = (
        SimpleNamespace(
            path=Path("rotation.yaml"), installation="i", journal="j", seal_key=None, digest=digest
        )
        for digest in ("first", "second")
    )
    monkeypatch.setattr("rotation.plugins.registry.Registry", Registry)
    monkeypatch.setattr("rotation.config.load", lambda path: second)
    with before(first) as here:
        assert here.registry
        reload(here)
        assert here.configuration is second
        assert closed == [], "a row may be at work with them"
    assert sorted(closed) == ["first", "second"]


def test_another_installation_s_file_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = (
        SimpleNamespace(
            path=Path("rotation.yaml"), installation=name, journal="j", seal_key=None, digest=name
        )
        for name in ("ours", "other")
    )
    monkeypatch.setattr("rotation.config.load", lambda path: other)
    with before(first) as here, capture_logs() as logs:
        reload(here)
        assert here.configuration is first
        assert here.refused == "config.other-journal"
    assert [reply["code"] for reply in logs] == ["config.other-journal"]


def test_a_hang_up_reads_the_included_files_again(file: Path) -> None:
    """A team's file that names too much changes nothing: the runner goes on with what it had."""
    text = file.read_text()
    head, secrets = text[: text.index("secrets:")], text[text.index("secrets:") :]
    team = file.parent / "team.yaml"
    team.write_text(secrets)
    team.chmod(0o600)
    file.write_text(
        f"{head}include:\n  - files: team.yaml\n    owner: nobody-yet\n    may:\n"
        "      {names: [prod-billing], stored: ['*'], issued: ['*'], connections: ['*']}\n"
    )
    here = Installation(configuration_path=file, effectful=False)
    assert [entry.id for entry in here.configuration.secrets()] == ["prod-billing"]
    kept = here.configuration.digest
    team.write_text(secrets.replace("id: prod-billing", "id: prod-orders"))
    with capture_logs() as logs:
        reload(here)
    assert (here.configuration.digest, here.refused) == (kept, "config.invalid")
    assert "prod-orders" in logs[0]["message"]
    team.write_text(secrets.replace("5m", "6m"))
    reload(here)
    assert here.refused is None
    assert here.configuration.digest != kept
