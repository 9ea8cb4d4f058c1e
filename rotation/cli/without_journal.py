"""The lines of an emergency whose journal cannot be written, and where it is recorded instead."""

from rotation.cli.by_hand import by_hand_lines
from rotation.cli.failures import AT_RISK, code_of, worst
from rotation.cli.output import done, note, plain
from rotation.cli.session import Session
from rotation.errors import JournalError, RotationError
from rotation.journal.facts import Opened
from rotation.operations import containment
from rotation.operations.approvals import refuse_unapproved
from rotation.operations.containment import SwitchedOff
from rotation.operations.survey import ExposureReport
from rotation.operations.target import Target


def without_journal(
    session: Session, target: Target, found: ExposureReport, said: Opened, why: RotationError
) -> int:
    """why: the reason why nothing but the switch-off is possible. Returns the exit code."""
    refuse_unapproved(session, target.name, said, why)
    what = (
        "the journal cannot be written" if isinstance(why, JournalError) else "no more can be done"
    )
    note(plain(f"{what}: {why.message}; containing without it"))
    ended = containment.without_journal(session, target, found, said, _Watcher(session))
    _print(session, target, found, ended, why)
    were = "were" if len(ended.off) > 1 else "was"
    done(
        "contained",
        plain(
            f"{target.name}  {', '.join(ended.off) or 'nothing'} {were} switched off; the journal does "
            "not have it yet"
        ),
        secret=target.name, contained=list(ended.off), not_contained=sorted(ended.failures),
        by_hand=[session.by_hand(target.spec, handle) for handle in sorted(ended.failures)],
        spill=str(ended.spill) if ended.spill else None, journal=why.code,
    )  # fmt: skip
    return worst([AT_RISK if ended.down else code_of(why), *map(code_of, ended.failures.values())])


class _Watcher:
    def __init__(self, session: Session) -> None:
        self._session = session

    def is_off(self, handle: str) -> None:
        at = f"{self._session.clock.now():%H:%M:%S}Z"
        note(plain(f"{at}  the issuer accepted the switch-off of {handle}"))

    def tries_again(self, why: RotationError) -> None:
        note(plain(f"not contained yet: {why.message}; tries again"))


def _print(
    session: Session, target: Target, found: ExposureReport, ended: SwitchedOff, why: RotationError
) -> None:
    left, path = list(ended.failures), ended.spill
    if left:
        note(plain(f"NOT CONTAINED: {', '.join(left)}"))
        for line in by_hand_lines(session, target.spec, left):
            note(line)
    current = found.baseline.handle
    if current in ended.off:
        note(
            plain(
                f"readers of {target.name} get {current}, which is off, and nothing replaces it "
                "until that is fixed"
            )
        )
    repair = why.hint.partition(", then ")[0] or "make the journal writable again"
    if path is None:
        note("no file could be written either: these lines are the only record, keep them")
        note(plain(f"  next: {repair}; then `rotation emergency {target.name}`"))
    else:
        note(plain(f"what was switched off is recorded in {path}"))
        note(plain(f"  next: {repair}; then `rotation emergency merge {path}`"))
