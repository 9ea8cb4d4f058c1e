"""Where a part of the engine is missing, its tests are skipped, and say which one."""

import json
from pathlib import Path

import pytest

from tests.infra import engine
from tests.infra.account import as_file

VAULT = {"name": "vault", "kind": "resource", "version": "7.0.0"}


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ([VAULT], ""),
        ([], "no vault plugin"),
        ([{**VAULT, "kind": "language"}], "no vault plugin"),
        (None, "pulumi is not on PATH"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: list[dict[str, str]] | None, said: str
) -> None:
    script = f"#!/bin/sh\necho '{json.dumps(plugins)}'\n"
    command = as_file(tmp_path, "pulumi", script, mode=0o700)
    as_file(tmp_path, "pulumi-language-python", "#!/bin/sh\n", mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "COMMAND", None if plugins is None else str(command))
    assert said in engine.missing("vault")
    assert bool(engine.missing("vault")) is bool(said)


def test_so_is_the_language_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine, "COMMAND", str(tmp_path / "pulumi"))
    assert "pulumi-language-python is not on PATH" in engine.missing()
