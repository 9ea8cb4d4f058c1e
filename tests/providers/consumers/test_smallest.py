"""The smallest consumer that keeps the contract: its last line is its commit."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from rotation.errors import Refused
from rotation.testing.consumer import ConsumerBench, ConsumerConformance
from rotation.types import Fields


class Smallest:
    def __init__(self, place: Path) -> None:
        self._place = place

    def deliver(self, version: str, fields: Fields) -> None:
        new = self._place / ".new"
        with suppress(FileNotFoundError):
            new.unlink()
        if (self._place / "closed").exists():
            raise Refused("smallest.closed", "it is closed; nothing was delivered", "open it")
        secret = {name: value.reveal() for name, value in fields.secret.items()}
        new.write_text(json.dumps({**fields.public, **secret}))
        new.replace(self._place / "held.json")


class Bench:
    package = __name__

    def __init__(self, place: Path) -> None:
        self._place = place

    def consumer(self) -> Smallest:
        return Smallest(self._place)

    def held(self) -> Mapping[str, str] | None:
        held = self._place / "held.json"
        return json.loads(held.read_text()) if held.exists() else None

    def program(self, version: str, password: str) -> str:
        return (
            "from pathlib import Path\n"
            "from rotation.testing.consumer import fields\n"
            f"from {__name__} import Smallest\n"
            "def deliver():\n"
            f"    Smallest(Path({str(self._place)!r})).deliver({version!r}, fields({password!r}))\n"
        )

    def traces(self) -> bytes:
        return b""

    def refuse(self) -> None:
        (self._place / "closed").touch()


class TestConformance(ConsumerConformance):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> ConsumerBench:
        return Bench(tmp_path)
