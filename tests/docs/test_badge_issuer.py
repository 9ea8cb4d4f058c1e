"""The provider of docs/adding-a-provider.md keeps the contract."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rotation.interfaces import PluginContext
from rotation.plugins.registry import Plugins
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from rotation.testing.issuer import IssuerBench, IssuerConformance
from rotation.types import Fields, KeyState
from tests.docs.badge_issuer import BadgeIssuer, BadgeOptions
from tests.docs.badge_service import BadgeService

OPERATIONS = {
    "listing": "list",
    "issue": "create",
    "suspend": "set_valid",
    "resume": "set_valid",
    "destroy": "delete",
}
CODES = {
    CallFault.DENIED: "forbidden",
    CallFault.THROTTLED: "slow-down",
    CallFault.UNREACHABLE: "unreachable",
    CallFault.BROKEN: "broken",
    CallFault.LOST: "lost",
}


class Bench:
    """The issuer, and what its service says of it. Never what the issuer says of itself."""

    def __init__(self) -> None:
        self.service = BadgeService()
        context = PluginContext(
            installation="0f3a9c2b71de",
            clock=SystemClock(),
            connections={"office": self.service},
        )
        self.options = BadgeOptions(connection="office", door="main")
        self.issuer = BadgeIssuer(self.options, context)

    def accepts(self, fields: Fields) -> bool:
        return self.service.accepts(fields.public["badge_id"], fields.secret["code"].reveal())

    def use(self, fields: Fields) -> None:
        self.accepts(fields)

    def live(self) -> Mapping[str, KeyState]:
        return {
            badge: KeyState.SUSPENDED if badge in self.service.blocked else KeyState.ACTIVE
            for badge in self.service.badges
        }

    def mints(self) -> int:
        return self.service.made

    def settle(self) -> None:
        """The service takes note at once."""

    @contextmanager
    def trouble(self, operation: str, kind: CallFault) -> Iterator[None]:
        self.service.fault = (OPERATIONS[operation], CODES[kind])
        yield
        self.service.fault = None


class TestConformance(IssuerConformance, traits=BadgeOptions.TRAITS):
    @pytest.fixture
    def bench(self) -> IssuerBench:
        return Bench()


def test_the_entry_points_name_the_adapter_and_its_options() -> None:
    named = tomllib.loads((Path(__file__).parent / "entry_points.toml").read_text())
    plugins = Plugins(
        EntryPoint(name, target, group)
        for group, points in named["project"]["entry-points"].items()
        for name, target in points.items()
    )
    assert plugins.load("issuers", "badges") is BadgeIssuer
    assert plugins.options("issuers", "badges") is BadgeOptions
