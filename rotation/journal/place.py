"""Where a journal lies. A user who can replace it can stop every rotation silently."""

from pathlib import Path

from rotation.errors import JournalError
from rotation.runtime.ownership import flaws


def refuse_replaceable(path: Path) -> None:
    """Raises for a journal that somebody else owns or may remove, and for a link to one: the files
    beside a journal, such as its runners' locks, belong to one name only."""
    if path.is_symlink():
        raise JournalError(
            "journal.link", f"{path} is a link", "name the journal's own file in the configuration"
        )
    refuse_open_way(path)
    if not path.is_file():
        raise JournalError(
            "journal.no-file",
            f"{path} is not an ordinary file",
            "name the journal's own file in the configuration",
        )


def refuse_open_way(path: Path) -> None:
    """Raises where somebody else may change the file or a directory on the way to it."""
    for flaw in flaws(path):
        code = "journal.owner" if flaw.foreign else "journal.mode"
        message = f"{flaw}, who could put another journal in the place of this one"
        raise JournalError(code, message, flaw.remedy)
