"""A journal that fails when it is told to."""

from typing import Any

from rotation.errors import JournalError
from rotation.journal.memory import MemoryJournal

WORDS = ("emergency", "app", "--yes", "--reason", "leak")
WRITES = ("supersede", "append", "claim", "request", "open", "record", "release")


class FailingJournal(MemoryJournal):
    """failing: the writes that it does not take any more."""

    failing: tuple[str, ...] = ()
    unreadable = False
    left: int | None = None
    """So many writes it still takes."""

    def __getattribute__(self, name: str) -> Any:
        broken = object.__getattribute__(self, "failing")
        left = object.__getattribute__(self, "left")
        if name in WRITES and left is not None:
            self.left = left - 1
            broken = broken if left > 0 else WRITES
        reads = ("entries", "history", "identities", "identity")
        if name in broken or (name in reads and object.__getattribute__(self, "unreadable")):
            return _refuse
        return super().__getattribute__(name)


def _refuse(*_: object, **__: object) -> Any:
    raise JournalError("journal.full", "the journal's disk is full (SQLITE_FULL)", "make room")
