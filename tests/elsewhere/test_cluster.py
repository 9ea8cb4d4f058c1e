"""A consumer with a connection keeps the contract of consumers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rotation.testing.consumer import ConsumerBench, ConsumerConformance
from tests.support.elsewhere import PATH, built


class Bench:
    package = "acme_rotation"

    def __init__(self, site: Path, directory: Path) -> None:
        self._site, self._directory = site, directory
        self._object = directory / PATH.replace("/", "+")

    def consumer(self) -> Any:
        return built(str(self._directory))

    def held(self) -> Mapping[str, str] | None:
        return json.loads(self._object.read_text()) if self._object.exists() else None

    def program(self, version: str, password: str) -> str:
        return f"""
import sys
sys.path[:0] = [{str(self._site)!r}, {str(Path(__file__).parents[2])!r}]
from tests.support.elsewhere import built
from rotation.testing.consumer import fields
consumer = built({str(self._directory)!r})
def deliver():
    consumer.deliver({version!r}, fields({password!r}))
"""

    def traces(self) -> bytes:
        return b""

    def refuse(self) -> None:
        self._directory.rename(self._directory.with_name("away"))
        self._object = self._directory.with_name("away") / self._object.name


class TestConformance(ConsumerConformance):
    @pytest.fixture
    def bench(self, site: Path, tmp_path: Path) -> ConsumerBench:
        (tmp_path / "cluster").mkdir()
        return Bench(site, tmp_path / "cluster")
