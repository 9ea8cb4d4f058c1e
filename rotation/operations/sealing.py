"""How far back a journal's seals prove it."""

from typing import TYPE_CHECKING

from rotation.execution.opening import refuse_doubtful
from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import Sealed
from rotation.operations.installation import Installation

if TYPE_CHECKING:
    from rotation.journal.sql import SqlJournal


def reach(here: Installation) -> str:
    sealed = latest_seal(here)
    if sealed is None:
        return "not sealed: whoever can write the journal's file can write it anew"
    before = Sealed.of(sealed.facts).entries
    text = f"sealed since {sealed.at:%Y-%m-%d %H:%M}Z by {sealed.who}"
    return f"{text}; {before} entries before that are only chained"


def refuse_unproved(here: Installation) -> None:
    """Beside a live writer, changing nothing."""
    journal = opened_for_proof(here, read_only=True)
    try:
        refuse_doubtful(journal)
    finally:
        journal.close()


def latest_seal(here: Installation) -> Entry | None:
    sealed = [e for e in here.records.installation_entries() if e.kind is Kind.SEALED]
    return sealed[-1] if sealed else None


def opened_for_proof(here: Installation, *, read_only: bool) -> "SqlJournal":
    from rotation.journal.sql import open_journal  # noqa: PLC0415

    path, installation = here.journal_file(), here.configuration.installation
    return open_journal(path, installation, read_only=read_only, seals=here.seals)
