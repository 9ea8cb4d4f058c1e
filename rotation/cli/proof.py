"""How far back a journal's seals prove it, and a person's word where they do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotation.cli.ask import confirm
from rotation.cli.say import done, note, plain
from rotation.cli.session import Session
from rotation.entries import Draft, Entry, Kind
from rotation.errors import JournalError, PolicyRefusal, Usage
from rotation.opening import refuse_doubtful
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.journal.seal import Fault
    from rotation.journal.sql import SqlJournal


def reach(session: Session) -> str:
    sealed = _latest(session)
    if sealed is None:
        return "not sealed: whoever can write the journal's file can write it anew"
    before = sealed.facts.get("entries")
    told = f"sealed since {sealed.at:%Y-%m-%d %H:%M}Z by {sealed.who}"
    return f"{told}; {before} entries before that are only chained"


def refuse_unproved(session: Session) -> None:
    """Beside a live writer, changing nothing."""
    journal = _opened(session, read_only=True)
    try:
        refuse_doubtful(journal)
    finally:
        journal.close()


def seal_anew(session: Session, *, accept: bool, yes: bool) -> None:
    if session.seals is None:
        raise Usage(
            "journal.no-seal-key",
            "the configuration names no `seal_key`; nothing was sealed",
            "name a file of 32 random bytes or more there, mode 600, in a directory of its own",
        )
    journal = _opened(session, read_only=False)
    try:
        faults = journal.faults(thorough=True)
        if not faults:
            done("journal-seal", f"nothing to do: {reach(session)}", sealed=[])
            return
        if _is_first(session, faults):
            _refuse_damaged(session)
            confirm("Seal the journal as it is, from now on?", yes=yes)
        else:
            _refuse_unseen(faults, accept=accept)
            confirm("Take what no seal proves as it is?", yes=yes)
        accepted = [str(fault) for fault in faults] if accept else []
        facts: Facts = {"entries": journal.size(), "accepted": accepted}
        draft = Draft(kind=Kind.SEALED, who=session.who, facts=facts)
        journal.seal(draft, session.runner.id, session.clock.now(), faults)
    finally:
        journal.close()
    done("journal-seal", reach(session), accepted=accepted)


def _is_first(session: Session, faults: "Sequence[Fault]") -> bool:
    """Nobody sealed it yet; seals that were taken away are not that."""
    return not faults[0].stream and _latest(session) is None and len(faults) == 1


def _refuse_damaged(session: Session) -> None:
    from rotation.journal import upkeep  # noqa: PLC0415 -- brings the database along

    found = upkeep.check(session.configuration.journal, session.configuration.installation)
    if found:
        raise JournalError(
            "journal.damaged", f"the journal is damaged: {found[0].message}; nothing was sealed"
        )


def _refuse_unseen(faults: "Sequence[Fault]", *, accept: bool) -> None:
    for fault in faults:
        note(plain(str(fault)))
    if not accept:
        raise PolicyRefusal(
            "journal.seal-broken",
            f"the journal may have been changed from outside, in {len(faults)} places; nothing was sealed",
            "find out who wrote it, or restore a backup; then `rotation journal seal --accept`",
        )


def _latest(session: Session) -> Entry | None:
    sealed = [e for e in session.records.installation_entries() if e.kind is Kind.SEALED]
    return sealed[-1] if sealed else None


def _opened(session: Session, *, read_only: bool) -> "SqlJournal":
    from rotation.journal.sql import open_journal  # noqa: PLC0415

    configuration = session.configuration
    return open_journal(
        configuration.journal, configuration.installation, read_only=read_only, seals=session.seals
    )
