"""How much of a journal its seals prove, and how an operator seals it again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rotation.errors import JournalError, PolicyRefusal, UsageError
from rotation.execution.opening import refuse_doubtful
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.installation_facts import Sealed
from rotation.operations.installation import Installation

if TYPE_CHECKING:
    from rotation.journal.seal import Fault
    from rotation.journal.sql import SqlJournal


def reach(here: Installation) -> str:
    sealed = latest_seal(here)
    if sealed is None:
        return "not sealed: anybody who can write the journal's file can rewrite it"
    before = Sealed.of(sealed.facts).entries
    text = f"sealed since {sealed.at:%Y-%m-%d %H:%M}Z by {sealed.who}"
    return f"{text}; {before} entries before that are only chained"


def refuse_unproved(here: Installation) -> None:
    """Raises where a seal proves nothing. Safe beside a live writer; changes nothing."""
    journal = opened_for_proof(here, read_only=True)
    try:
        refuse_doubtful(journal)
    finally:
        journal.close()


def latest_seal(here: Installation) -> Entry | None:
    sealed = here.records.installation_entries(Kind.SEALED)
    return sealed[-1] if sealed else None


def opened_for_proof(here: Installation, *, read_only: bool) -> "SqlJournal":
    from rotation.journal.sql import open_journal  # noqa: PLC0415

    path, installation = here.journal_file(), here.configuration.installation
    return open_journal(path, installation, read_only=read_only, seals=here.seals)


class Witness(Protocol):
    """Whose word it is, behind whatever door. Raises where they do not agree."""

    def sees(self, faults: "Sequence[Fault]") -> None:
        """What no seal proves."""

    def begins(self) -> None:
        """The first seal is set on what is there."""

    def accepts(self) -> None:
        """What was seen is as it should be."""


def seal_anew(here: Installation, witness: Witness, *, accept: bool) -> list[str] | None:
    """The faults that are taken as they are. None: a seal proves everything already."""
    if here.seals is None:
        raise UsageError(
            "journal.no-seal-key",
            "the configuration names no `seal_key`; nothing was sealed",
            "name a file of 32 random bytes or more there, mode 600, in a separate directory",
        )
    journal = opened_for_proof(here, read_only=False)
    try:
        faults = journal.faults(thorough=True)
        if not faults:
            return None
        if _is_first(here, faults):
            _refuse_damaged(here)
            witness.begins()
        else:
            witness.sees(faults)
            _refuse_unaccepted(faults, accept=accept)
            witness.accepts()
        accepted = [str(fault) for fault in faults] if accept else []
        facts = Sealed(entries=journal.size(), accepted=accepted).facts
        draft = Draft(kind=Kind.SEALED, who=here.who, facts=facts)
        journal.seal(draft, here.runner.id, here.clock.now(), faults)
    finally:
        journal.close()
    return accepted


def _is_first(here: Installation, faults: "Sequence[Fault]") -> bool:
    """Nobody sealed it yet; seals that were taken away are not that."""
    return not faults[0].stream and latest_seal(here) is None and len(faults) == 1


def _refuse_damaged(here: Installation) -> None:
    from rotation.journal import upkeep  # noqa: PLC0415 -- brings the database along

    found = upkeep.check(here.configuration.journal, here.configuration.installation)
    if found:
        raise JournalError(
            "journal.damaged", f"the journal is damaged: {found[0].message}; nothing was sealed"
        )


def _refuse_unaccepted(faults: "Sequence[Fault]", *, accept: bool) -> None:
    if not accept:
        raise PolicyRefusal(
            "journal.seal-broken",
            f"the journal may have been changed from outside, in {len(faults)} places; nothing was sealed",
            "find out who wrote it, or restore a backup; then `rotation journal seal --accept`",
        )
