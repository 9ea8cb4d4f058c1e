"""Where a journal lies: a user who can replace it can stop every rotation in silence."""

from pathlib import Path

from rotation.errors import JournalError
from rotation.runtime.ownership import flaws


def refuse_replaceable(path: Path) -> None:
    """A journal that somebody else owns, or may take away; or a link to one: what lies beside a
    journal, as the locks of its runners, lies beside one name only."""
    if path.is_symlink():
        raise JournalError(
            "journal.link", f"{path} is a link", "name the journal's own file in the configuration"
        )
    refuse_open_way(path)
    if not path.is_file():
        raise JournalError(
            "journal.no-file",
            f"{path} is no ordinary file, as a journal is",
            "name the journal's own file in the configuration",
        )


def refuse_open_way(path: Path) -> None:
    """Not where somebody else may change the file, or a directory on the way to it."""
    for flaw in flaws(path):
        code = "journal.owner" if flaw.foreign else "journal.mode"
        message = f"{flaw}, who could put another journal in the place of this one"
        raise JournalError(code, message, flaw.remedy)
