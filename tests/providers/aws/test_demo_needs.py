"""`rotation demo` where its libraries are not installed."""

import importlib.util
from typing import Any

import pytest
from click.testing import CliRunner

from rotation.cli.app import program


@pytest.mark.parametrize("library", ["moto", "flask", "flask_cors", "boto3", "cryptography"])
def test_it_says_what_to_install(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == library else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    done = CliRunner().invoke(program, ["demo"])
    assert done.exit_code == 2
    assert f"the demo needs {library}" in done.stderr
    assert "pip install 'rotation[demo]'" in done.stderr
    assert "demo.library-missing" in done.stderr
