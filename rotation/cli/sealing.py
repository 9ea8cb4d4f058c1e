"""A person's word for what a journal's seals do not prove."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotation.cli.output import done, note, plain
from rotation.cli.prompts import confirm
from rotation.cli.session import Session
from rotation.errors import JournalError, PolicyRefusal, UsageError
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Sealed
from rotation.operations.sealing import latest_seal, opened_for_proof, reach

if TYPE_CHECKING:
    from rotation.journal.seal import Fault


def seal_anew(session: Session, *, accept: bool, yes: bool) -> None:
    if session.seals is None:
        raise UsageError(
            "journal.no-seal-key",
            "the configuration names no `seal_key`; nothing was sealed",
            "name a file of 32 random bytes or more there, mode 600, in a directory of its own",
        )
    journal = opened_for_proof(session, read_only=False)
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
        facts = Sealed(entries=journal.size(), accepted=accepted).facts
        draft = Draft(kind=Kind.SEALED, who=session.who, facts=facts)
        journal.seal(draft, session.runner.id, session.clock.now(), faults)
    finally:
        journal.close()
    done("journal-seal", reach(session), accepted=accepted)


def _is_first(session: Session, faults: "Sequence[Fault]") -> bool:
    """Nobody sealed it yet; seals that were taken away are not that."""
    return not faults[0].stream and latest_seal(session) is None and len(faults) == 1


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
