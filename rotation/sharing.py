"""Which other entries of the configuration log in as the same user of the same service."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation.fold import fold, listed
from rotation.summary import left_by
from rotation.types import Specification

if TYPE_CHECKING:
    from rotation.config import Configuration, Entry
    from rotation.entries import Entry as JournalEntry


@dataclass(frozen=True, slots=True)
class Sharing:
    """By what the configuration says of each entry, and what the journal last found of it. Who is
    retired, or no longer configured, rotates nothing. configuration: as it is now. entries: of
    the latest rotation of a stream."""

    configuration: Callable[[], "Configuration"]
    entries: Callable[[str], Sequence["JournalEntry"]]

    def __call__(self, spec: Specification, logins: Collection[str]) -> list[str]:
        configuration = self.configuration()
        own = configuration.secret(spec.secret)
        wanted = {*logins, *(own.turns if own else ())}
        if not wanted:
            return []
        return [
            entry.id
            for entry in configuration.secrets()
            if entry.turns  # only of some kinds are there several ways to one login
            and (entry.issuer, entry.identity) != (spec.issuer.type, spec.identity)
            and entry is not own
            and not wanted.isdisjoint(self._names(entry))
        ]

    def _names(self, entry: "Entry") -> set[str]:
        entries = tuple(self.entries(entry.stream))
        left = left_by(fold(entries)) if entries else {}
        found = listed(left, "logins") if left.get("handle") else []
        return {*entry.turns, *found}
