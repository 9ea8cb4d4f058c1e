"""Which other entries of the configuration log in as the same user of the same service."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rotation.journal.facts import Baseline, baseline_of
from rotation.machine.baseline import left_by
from rotation.machine.replay import replay
from rotation.types import Specification

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal.entries import Entry


class Records(Protocol):
    """The part of a journal that is read here."""

    def entries(self, stream: str) -> tuple["Entry", ...]: ...
    def closing(self, stream: str) -> "Entry | None": ...


@dataclass(frozen=True, slots=True)
class Sharing:
    """Compares what the configuration says of each entry and what the journal last found. A secret
    that is retired or no longer configured counts no more, because nothing rotates it."""

    configuration: Callable[[], "Configuration"]
    records: Records

    def __call__(self, spec: Specification, logins: Collection[str]) -> list[str]:
        configuration = self.configuration()
        own = configuration.secret(spec.secret)
        wanted = {*logins, *(own.turns if own else ())}
        if not wanted:
            return []
        return [
            entry.id
            for entry in configuration.secrets()
            if entry.turns  # only some kinds of issuer reach one login in several ways
            and (entry.issuer, entry.identity) != (spec.issuer.type, spec.identity)
            and entry is not own
            and not wanted.isdisjoint(self._names(entry))
        ]

    def _names(self, entry: "ConfiguredSecret") -> set[str]:
        left = self._left(entry.stream)
        found = left.logins if left.handle else []
        return {*entry.turns, *found}

    def _left(self, stream: str) -> Baseline:
        """The close of a rotation has it in one entry; every other entry of the configuration is
        asked before each mint."""
        closed = self.records.closing(stream)
        if closed is not None:
            return baseline_of(closed)
        entries = self.records.entries(stream)
        return left_by(replay(entries)) if entries else Baseline()
