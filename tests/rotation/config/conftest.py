"""Configurations on disk, and what is found in them."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from rotation.config import ConfigInvalid, Finding, load
from tests.rotation.config.files import Find, Load


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, name: str = "rotation.yaml") -> Path:
        path = tmp_path / name
        path.write_text(dedent(text))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def loaded(write: Callable[[str], Path]) -> Load:
    return lambda text: load(write(text))


@pytest.fixture
def found(write: Callable[[str], Path]) -> Find:
    """Everything that is found, errors or not."""

    def found(text: str) -> list[Finding]:
        try:
            return list(load(write(text)).warnings)
        except ConfigInvalid as invalid:
            return list(invalid.findings)

    return found
