"""An emergency while the journal takes nothing, killed at every boundary, and its merge as well: what
was switched off stands in a spill, and in the end nothing is unaccounted for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rotation.journal.spill import Spill
from tests.support.crash import Boundaries, KillableJournal
from tests.support.failing_journal import WORDS, WRITES, FailingJournal
from tests.support.shell import STREAM, furnished
from tests.support.turns import EVERY, SOME, taken
from tests.support.world import INSTALLATION


class KillableEmergency:
    """One story. Its boundaries are the provider's calls, the lines of the spill and, while it is
    merged, the journal's writes."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        directory.mkdir()
        self.shell = furnished(directory, monkeypatch)
        # Else a mint in doubt waits for a person.
        self.shell.configuration.spec = replace(self.shell.configuration.spec, exclusive=True)
        self.failing = FailingJournal(INSTALLATION)
        self.shell.journal = self.failing
        self.shell.adopted().world.emergency = True
        self.boundaries = Boundaries(world=self.shell.world)
        self.shell.world.before = lambda _, name: self.boundaries.cross(f"before {name}")
        self.shell.world.after = lambda _, name: self.boundaries.cross(f"after {name}")
        killable: Any = KillableJournal(self.failing, self.shell.world, self.boundaries)
        self.shell.journal = killable
        add: Callable[[Spill, Any], None] = _ADD

        def crossing(spill: Spill, facts: Any) -> None:
            self.boundaries.cross("before a line")
            add(spill, facts)
            self.boundaries.cross("after a line")

        monkeypatch.setattr(Spill, "add", crossing)

    def begin(self, *, kill: int | None) -> list[str]:
        """The emergency without the journal; the names of its boundaries."""
        self.failing.failing = WRITES
        return self._run(*WORDS, kill=kill)

    def merge(self, *, kill: int | None) -> list[str]:
        self.failing.failing = ()
        names = []
        for spill in self.spills():
            names += self._run("emergency", "merge", str(spill), kill=kill)
        return names

    def spills(self) -> list[Path]:
        return sorted(self.shell.configuration.journal.parent.glob("*.spill"))

    def _run(self, *words: str, kill: int | None) -> list[str]:
        self.boundaries.names.clear()
        self.boundaries.kill_at = frozenset() if kill is None else frozenset({kill})
        self.shell.run(*words)
        self.shell.world.dead = False
        return list(self.boundaries.names)

    def findings(self) -> list[str]:
        """Contained and replaced, or not a hair of it touched."""
        world = self.shell.world
        if not self.spills():
            return [] if world.instances["KEY1"].active else ["KEY1 is off and nobody knows"]
        handle, secret = world.versions[world.labels["current"]]
        journal = [str(entry.facts) for entry in self.failing.history(STREAM)]
        text = "\n".join([*(path.read_text() for path in self.spills()), *journal])
        return [
            *(f"{i} is unaccounted for" for i in world.instances if i != handle),
            *([] if world.accepts(handle, secret) else [f"current {handle} is dead"]),
            *(["KEY1 is alive"] if "KEY1" in world.instances else []),
            *(["a secret is written down"] if any(s in text for s in world.secrets()) else []),
        ]


_ADD = Spill.add


def settled(reply: KillableEmergency) -> list[str]:
    for _ in range(5):
        reply.merge(kill=None)
    reply.shell.world.advance(reply.shell.world.now + reply.shell.world.lag * 2)
    return reply.findings()


def test_killed_at_every_boundary_of_the_containment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = KillableEmergency(tmp_path / "clean", monkeypatch)
    names = clean.begin(kill=None)
    assert {"before issuer.suspend", "after a line"} <= set(names)
    assert settled(clean) == []
    bad = []
    for number, name in enumerate(names):
        reply = KillableEmergency(tmp_path / str(number), monkeypatch)
        reply.begin(kill=number)
        off = [i.id for i in reply.shell.world.instances.values() if not i.active]
        unknown = [i for i in off if not any(i in path.read_text() for path in reply.spills())]
        if unknown or settled(reply):
            bad.append((number, name, unknown, reply.findings()))
    assert bad == []


@pytest.mark.parametrize("stride", [SOME, EVERY])
def test_killed_at_every_boundary_of_the_merge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    clean = KillableEmergency(tmp_path / "clean", monkeypatch)
    clean.begin(kill=None)
    names = clean.merge(kill=None)
    bad = []
    for number in taken(len(names), stride, "merge"):
        reply = KillableEmergency(tmp_path / str(number), monkeypatch)
        reply.begin(kill=None)
        reply.merge(kill=number)
        if findings := settled(reply):
            bad.append((number, names[number], findings))
    assert bad == []
