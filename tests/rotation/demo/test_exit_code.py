"""The demo ends with 0 only if every number is what it must be, on any environment."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rotation.demo.environment import (
    APPLICATIONS,
    BILLING,
    ORDERS,
    PARTNER,
    SERVICES,
    Number,
    Version,
    Words,
)
from rotation.demo.report import report
from rotation.demo.scenario import Scenario
from rotation.demo.screen import Screen
from rotation.demo.workspace import Workspace

WORDS = Words(vendor="V", about="", details=(), credential="key", due="", leak="", containing="",
              other=("rotation demo", "again"))  # fmt: skip


@dataclass
class Vendor:
    """Where the third key is in use."""

    words: Words = WORDS
    consumer: str = ""
    claimant: tuple[str, ...] = ()
    keys: set[str] = field(default_factory=lambda: {"billing-key-value-2"})
    waiting: int = 0
    more: list[Number] = field(default_factory=list)

    def access(self, name: str) -> dict[str, str]:
        return {}

    def versions(self, name: str) -> list[Version]:
        return [Version(name, f"{name}-value-{2 if name == BILLING else 1}", "K2")]

    def accepts(self, version: Version) -> bool:
        return version.value in self.keys

    def issued(self) -> int:
        return len(self.keys)

    def staged(self) -> int:
        return self.waiting

    def contained_at(self, public: str, since: float) -> float | None:
        return since

    def runner_was_killed(self) -> None:
        return None

    def numbers(self) -> list[Number]:
        return self.more


@dataclass
class Ended:
    """A scenario that went as it must."""

    vendor: Vendor
    scenario: Scenario

    @property
    def workspace(self) -> Workspace:
        return self.scenario.workspace


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[Ended]:
    with ExitStack() as stack:
        vendor, workspace = Vendor(), Workspace(root=tmp_path, stack=stack)
        scenario = Scenario(vendor, workspace, Screen())
        for name in APPLICATIONS:
            old = 2 if name == BILLING else 1
            scenario.held |= {Version(name, f"{name}-value-{n}") for n in range(old + 1)}
        for service in SERVICES:
            workspace.services.accept(service, f"{service}-value-1", "current")
        workspace.handed.write_text(f"{ORDERS}-value-1")
        scenario.events += [{"event": "rotation.death-proved", "grade": "proved"}] * 4
        scenario.measured.contained, scenario.measured.takeover_s = "K1", 1.0
        scenario.measured.stop_code = 0
        scenario.counters[BILLING].heard('[false, "K1"]')
        yield Ended(vendor, scenario)


def test_it_ends_well_where_everything_is_as_it_must_be(ended: Ended) -> None:
    assert report(ended.scenario) == 0


BROKEN: dict[str, Callable[[Ended], object]] = {
    "a login failed": lambda e: e.scenario.counters[ORDERS].heard('[false, ""]'),
    "an application broke": lambda e: e.scenario.counters[ORDERS].heard("Traceback"),
    "nothing was contained": lambda e: e.scenario.counters[BILLING].refusals.clear(),
    "nobody took over": lambda e: setattr(e.scenario.measured, "takeover_s", 0.0),
    "a death was not proved": lambda e: e.scenario.events.pop(),
    "an old key lives": lambda e: e.vendor.keys.add("billing-key-value-0"),
    "the key in use is dead": lambda e: setattr(e.vendor, "keys", {"somebody-elses"}),
    "an old token lives": lambda e: e.workspace.services.accept(PARTNER, f"{PARTNER}-value-0", "o"),
    "a token is nobody's": lambda e: e.workspace.services.accept(PARTNER, "nobody-s", "stray"),
    "the token in use is dead": lambda e: e.workspace.services.drop(PARTNER, "", "current"),
    "a key is nobody's": lambda e: e.vendor.keys.add("nobody-s"),
    "a value is left staged": lambda e: setattr(e.vendor, "waiting", 1),
    "a secret was written": lambda e: (e.workspace.captured / "log").write_text(f"{ORDERS}-value-0"),
    "a secret was shown": lambda e: e.scenario.screen.said.append(f"{ORDERS}-value-0"),
    "the application has no secret": lambda e: e.workspace.handed.unlink(),
    "the runner ended badly": lambda e: setattr(e.scenario.measured, "stop_code", 1),
    "a number of the vendor's own": lambda e: e.vendor.more.append(Number("locked", "1", False)),
}  # fmt: skip


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN)
def test_it_does_not_where_a_single_thing_is_not(
    ended: Ended, breaks: Callable[[Ended], object], capsys: pytest.CaptureFixture[str]
) -> None:
    breaks(ended)
    assert report(ended.scenario) == 1
    assert "    BAD " in capsys.readouterr().out
