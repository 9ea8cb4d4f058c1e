"""A key leaked. Contain first: evidence, switch-off, then the replacement. Only a person starts
it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from rotation.cli.alerting import alerting, alerts_after
from rotation.cli.app import verb
from rotation.cli.by_hand import audit_lines, by_hand_lines, offering_by_hand
from rotation.cli.carry_out import carry_out, went_back
from rotation.cli.emergency_report import contained_lines, other_lines, scope_lines
from rotation.cli.failures import AT_RISK, OK
from rotation.cli.options import emergency_words, here_option, yes_option
from rotation.cli.output import done, note, plain
from rotation.cli.prompts import checked_reason, confirm_typed
from rotation.cli.replacing import open_replacement
from rotation.cli.session import Session, open_session
from rotation.cli.without_journal import without_journal
from rotation.errors import JournalError, RotationError, UsageError
from rotation.journal.entries import NONSENSE, as_damage
from rotation.journal.facts import Opened, Requested
from rotation.journal.spill import read
from rotation.machine.decide import Wait
from rotation.machine.replay import Rotation, replay
from rotation.operations.approvals import approval_wait, go_without
from rotation.operations.containment import contain, frozen_runner, is_contained, still_given
from rotation.operations.emergency import Asked, declare, looked_at, merge, to_cancel
from rotation.operations.opening import is_open
from rotation.operations.requests import request
from rotation.operations.survey import ExposureReport
from rotation.operations.target import Target
from rotation.operations.under_way import UnderWay

# How long it waits for a process that holds the journal and may be frozen.
PATIENCE_S = 3.0


@verb(
    "emergency",
    "emergency billing-iam",
    'emergency billing-iam --yes --reason "pasted in a public chat"',
    "emergency billing-iam --key-id AKIAIOSFODNN7EXAMPLE",
    "emergency cancel billing-iam",
    "emergency merge rotation-emergency-1f0c2a9b7d3e.spill",
)
@click.argument(
    "words", nargs=-1, metavar="[cancel|merge] [NAME|FILE]", shell_complete=emergency_words
)
@click.option("--key-id", metavar="ID", help="Contain that instance alone, ours or not.")
@click.option("--reason", help="What happened; it goes into the record, so no key in it.")
@click.option(
    "--override-pause", "--override-hold", "override_hold", is_flag=True,
    help="Even if the secret is paused.",
)  # fmt: skip
@click.option("--all-instances", is_flag=True, help="Contain instances that are not ours as well.")
@click.option("--break-glass", is_flag=True, help="Do not wait for approval; a review follows.")
@click.option("--destroy-foreign", is_flag=True, help="Destroy what is not ours, too.")
@yes_option
@here_option
def emergency(words: tuple[str, ...], *, key_id: str | None, reason: str | None,  # noqa: PLR0913 -- one option each
              override_hold: bool, all_instances: bool, break_glass: bool, destroy_foreign: bool,
              yes: bool, here: bool) -> int:  # fmt: skip
    """A key leaked: switch it off first, then replace it.

    Shows what would be switched off and who would notice, and asks. Then evidence is saved and
    the credential is off at once, from this process; consumers are without it until its successor
    is delivered. The command stays until that is done; once the credential is off, Ctrl-C leaves
    the rest to a live `serve`, or to `rotation run`.

    It needs no journal to switch off: what it did without one is in a file, which `emergency merge
    FILE` brings into the journal later.

    `emergency cancel NAME` switches it on again, while nothing is destroyed or replaced.
    """
    reason = checked_reason(reason)
    with open_session(effectful=True) as session:
        session.patience_s = PATIENCE_S
        if len(words) == 2 and words[0] == "cancel":
            return _cancel(session, words[1], yes=yes, here=here)
        if len(words) == 2 and words[0] == "merge":
            return _merge(session, Path(words[1]), here=here)
        if (yes or break_glass) and not reason:
            raise UsageError(
                "cli.needs-reason",
                f"{'--yes' if yes else '--break-glass'} needs --reason TEXT here; nothing was done",
                'add --reason "what happened"',
            )
        asked = Asked(
            key_id=key_id, reason=reason, override_hold=override_hold,
            all_instances=all_instances, destroy_foreign=destroy_foreign, yes=yes,
            without_approval=break_glass,
        )  # fmt: skip
        return _declare(session, words, asked, here=here)


def _declare(session: Session, words: Sequence[str], asked: Asked, *, here: bool) -> int:
    with offering_by_hand(session, words, asked.key_id):
        declared = declare(session, words, asked, _AtTerminal(session, yes=asked.yes))
        target = declared.target
        if declared.nothing_lives:
            return _replace(session, target.name, asked.reason, yes=asked.yes, here=here)
        if declared.found is not None and declared.why is not None:
            return without_journal(session, target, declared.found, declared.said, declared.why)
    if asked.without_approval and go_without(session, target.stream, str(asked.reason)):
        note(plain(f"not waiting for approval; review: `rotation approvals review {target.name}`"))
    found = declared.found or looked_at(session, target)
    with _heard(session):
        return _carried_out(session, target, found, declared.said | asked.alone, here=here)


@contextmanager
def _heard(session: Session) -> Iterator[None]:
    """Those who have to agree, or to look at who did not wait for them, hear of it at once, and not by the
    next `run`."""
    if session.configuration.approvals is None or session.live_runner() is not None:
        yield
        return
    with alerts_after(session), alerting(session):
        yield


class _AtTerminal:
    """The operator who declares it: reads standard error and types the name."""

    def __init__(self, session: Session, *, yes: bool) -> None:
        self._session = session
        self._yes = yes

    def doubts(self, doubt: str) -> None:
        note(plain(f"the journal may have been changed from outside: {doubt}"))
        note("look twice at what is to be switched off")

    def agrees(self, target: Target, found: ExposureReport, scope: Sequence[str]) -> None:
        now, traits = self._session.clock.now(), self._session.traits(target.spec)
        for line in scope_lines(target.name, target.spec, found, scope, now, traits=traits):
            note(line)
        confirm_typed(target.name, f"Switch off {', '.join(scope)} now?", yes=self._yes)

    def misses(self, target: Target, handle: str) -> None:
        note(plain(f"{handle} came meanwhile and is left alone; if it leaked as well: "
                   f"`rotation emergency {target.name} --key-id {handle}`"))  # fmt: skip

    def meets(self, target: Target, other: UnderWay) -> None:
        for line in other_lines(target.name, other):
            note(line)


def _carried_out(
    session: Session, target: Target, found: ExposureReport, said: Opened, *, here: bool
) -> int:
    """Contains here and now; a live runner or this process does the rest."""
    try:
        rotation = contain(session, target, _Waits(session, target))
    except (JournalError, *NONSENSE) as error:
        with offering_by_hand(session, (target.name,), None):
            return without_journal(session, target, found, said, as_damage(error))
    for line in contained_lines(rotation, found):
        note(line)
    if not is_contained(rotation) and not _waits_for_people(session, target.name, rotation):
        for line in by_hand_lines(session, target.spec, said.scope):
            note(line)
    streams, failures = {target.stream: target.name}, list[RotationError]()
    code = carry_out(session, streams, wait=True, here=here, failures=failures)
    lost = next((each for each in failures if isinstance(each, JournalError)), None)
    if lost is not None and still_given(session, target, found):
        return _journal_lost(session, target, found, said, lost)
    if not here and (runner := frozen_runner(session, target.stream)) is not None:
        note(f"{runner} is alive and does not move: this process goes on in its place")
        code = carry_out(session, streams, wait=True, here=True)
    for line in audit_lines(session, target.spec, rotation.scope):
        note(line)
    return code


def _waits_for_people(session: Session, name: str, rotation: Rotation) -> bool:
    wait = approval_wait(session, rotation, session.clock.now())
    if wait is not None:
        note(plain(f"NOT CONTAINED: it {wait.why}; `rotation approve {name}`"))
        note(plain(f'not to wait: `rotation emergency {name} --break-glass --reason "..."`'))
    return wait is not None


def _journal_lost(
    session: Session, target: Target, found: ExposureReport, said: Opened, error: JournalError
) -> int:
    """The journal failed after the containment began. A spill records what an older copy of it
    would not know."""
    if not session.traits(target.spec).overlap:
        return AT_RISK
    return without_journal(session, target, found, said, error)


def _replace(session: Session, name: str, reason: str | None, *, yes: bool, here: bool) -> int:
    """Readers need a new credential, and there is nothing to contain."""
    entry = session.entry(name)
    note(f"EMERGENCY {name}: the issuer lists nothing alive; nothing has to be switched off")
    confirm_typed(name, "Make a new credential for its readers now?", yes=yes)
    open_replacement(session, entry, reason)
    return carry_out(session, {entry.stream: name}, wait=True, here=here)


class _Waits:
    """Prints each further attempt and, with the first one, how to end the credential by hand
    meanwhile."""

    def __init__(self, session: Session, target: Target) -> None:
        scope = replay(session.journal.entries(target.stream)).scope
        self._hands = by_hand_lines(session, target.spec, scope)

    def __call__(self, wait: Wait) -> None:
        note(f"not contained yet: {wait.why}; tries again at {wait.until:%H:%M:%S}Z")
        while self._hands:
            note(self._hands.pop(0))


def _merge(session: Session, path: Path, *, here: bool) -> int:
    """Brings what was contained without the journal into it, and goes on to the replacement."""
    record = read(path, session.configuration.installation)
    target, said = merge(session, record)
    text = f"{path} is in the journal; the file is no longer needed"
    if not is_open(session, record.stream):
        done("merged", text, secret=target.name, spill=str(path))
        return OK
    note(text)
    return _carried_out(session, target, looked_at(session, target), said, here=here)


def _cancel(session: Session, name: str, *, yes: bool, here: bool) -> int:
    """Takes an emergency back: what was contained works again, and what was made meanwhile is
    removed."""
    rotation = to_cancel(session, name)
    scope = ", ".join(rotation.scope)
    confirm_typed(name, f"Switch {scope} on again, although somebody called it leaked?", yes=yes)
    request(session, rotation, Requested(verb="cancel"))
    return went_back(carry_out(session, {rotation.stream: name}, wait=True, here=here))
