"""A story whose world is real services, or their strict doubles, and whose journal is a file."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotation.execution.runner import Runner
from tests.support.crash import AFTERWARDS, KillableJournal, Story


@dataclass
class RealStory(Story):
    """The world has beside what a simulated one has: `adapters` as a new process has them, a
    `clock`, the instances that are `live`, whether `current_works`, and all `secrets` as bytes."""

    world: Any
    directory: Path = Path()

    def runner(self) -> Runner:
        self.runners += 1
        own = f"runner-{self.runners}"
        adapters = self.world.adapters()
        journal: Any = KillableJournal(self.journal, self.world, self.boundaries)
        return Runner(
            journal=journal,
            bind=lambda spec: adapters,
            clock=self.world.clock,
            id=own,
            dead=lambda other: other != own,
        )

    def violations(self) -> list[str]:
        self.world.advance(self.world.now + AFTERWARDS)
        live = set(self.rotation().result.live)
        return [
            *self.world.outages,
            *(f"unaccounted: {key}" for key in self.world.live() if key not in live),
            *([] if self.world.current_works() else ["what readers get does not log in"]),
            *self._leaks(),
        ]

    def _leaks(self) -> list[str]:
        """Any twelve bytes of a secret, plain or encoded, in the journal's raw files."""
        raw = b"".join(path.read_bytes() for path in self.directory.iterdir() if path.is_file())
        return [
            f"a secret in the journal as {spelling!r}"
            for secret in self.world.secrets
            for spelling in (secret, secret.hex().encode(), b64encode(secret))
            if any(spelling[n : n + 12] in raw for n in range(len(spelling) - 11))
        ]
