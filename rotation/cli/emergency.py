"""A key leaked. Contain first: evidence, off, then the replacement. A person starts it, always."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from rotation.cli.app import verb
from rotation.cli.ask import checked_reason, confirm_typed
from rotation.cli.by_hand import by_hand_lines, deeds_lines, told_by_hand
from rotation.cli.failures import AT_RISK, OK
from rotation.cli.opening import carry_out, is_open, went_back
from rotation.cli.options import emergency_words, here_option, yes_option
from rotation.cli.replacing import open_replacement
from rotation.cli.requests import open_rotation_of, request
from rotation.cli.say import done, note, plain
from rotation.cli.scope import as_shown, contained_lines, scope_lines, scope_of
from rotation.cli.session import POLL, Session, open_session
from rotation.cli.target import Target, past_of, target_of
from rotation.cli.under_way import joined
from rotation.cli.without_journal import bound_for_containment, without_journal
from rotation.entries import NONSENSE, Draft, Kind, as_damage
from rotation.errors import (
    JournalError,
    JournalMoved,
    PolicyRefusal,
    RotationError,
    Usage,
)
from rotation.fold import Rotation, can_go_back, fold, listed, replaced_by
from rotation.incident import Past, Survey, survey
from rotation.machine import Do, Held, Wait, next_action
from rotation.plan import Step
from rotation.specification import spec_from_json
from rotation.spill import is_known, read
from rotation.types import Facts, stream_of

PATIENCE_S = 3.0
"""A leaked credential does not wait for a process that holds the journal and may be frozen."""


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
@click.option("--destroy-foreign", is_flag=True, help="Destroy what is not ours, too.")
@yes_option
@here_option
def emergency(words: tuple[str, ...], *, key_id: str | None, reason: str | None,  # noqa: PLR0913 -- one option each
              override_hold: bool, all_instances: bool, destroy_foreign: bool,
              yes: bool, here: bool) -> int:  # fmt: skip
    """A key leaked: switch it off first, then replace it.

    Shows what would be switched off and who would notice, and asks. Then evidence is saved and
    the credential is off at once, from this process; consumers are without it until its successor
    is delivered, which follows by itself.

    It needs no journal to switch off: what it did without one is in a file, which `emergency merge
    FILE` brings into the journal later.

    `emergency cancel NAME` switches it on again, while nothing is destroyed or replaced.
    """
    checked_reason(reason)
    with open_session(effectful=True) as session:
        session.patience_s = PATIENCE_S
        if len(words) == 2 and words[0] == "cancel":
            return _cancel(session, words[1], yes=yes, here=here)
        if len(words) == 2 and words[0] == "merge":
            return _merge(session, Path(words[1]), here=here)
        if yes and not reason:
            raise Usage(
                "cli.needs-reason",
                "--yes needs --reason TEXT here; nothing was done",
                'add --reason "what happened"',
            )
        asked = Asked(key_id, override_hold, all_instances, yes)
        facts: Facts = {"reason": reason or "not given"}
        if destroy_foreign:
            facts["destroy_foreign"] = True
        with told_by_hand(session, words, key_id):
            target, declared = _declared_for(session, words, asked, facts)
            if declared.nothing_lives:
                return _replace(session, target.name, reason, yes=yes, here=here)
            if declared.found is not None and declared.why is not None:
                return without_journal(session, target, declared.found, facts, declared.why)
        found = declared.found or _looked_at(session, target)
        return _carried_out(session, target, found, declared.facts, here=here)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed beside the name and the reason."""

    key_id: str | None
    override_hold: bool
    all_instances: bool
    yes: bool


@dataclass(frozen=True, slots=True)
class Declared:
    """The open emergency: facts as it was opened with. found: what was confirmed; None where
    somebody else's is gone on with. why: the switch-off is all that can be done. nothing_lives:
    none was opened, for nothing is to be switched off."""

    facts: Facts
    found: Survey | None = None
    why: RotationError | None = None
    nothing_lives: bool = False


def _declared_for(
    session: Session, words: Sequence[str], asked: Asked, facts: Facts
) -> tuple[Target, Declared]:
    """By what the journal says; where that cannot be read, as without a journal."""
    past, unwritable = past_of(session)
    if past is None:
        target = target_of(session, None, words, asked.key_id)
        return target, _declared(session, None, target, asked, facts, unwritable)
    try:
        target = target_of(session, past, words, asked.key_id)
        if unwritable is None:
            _tell_doubt(session, target.stream)
        return target, _declared(session, past, target, asked, facts, unwritable)
    except (JournalError, *NONSENSE) as error:
        damage = as_damage(error)
    if words and session.configuration.secret(words[0]) is None:
        raise damage  # it alone knows what that is
    target = target_of(session, None, words, asked.key_id)
    return target, _declared(session, None, target, asked, facts, damage)


def _tell_doubt(session: Session, stream: str) -> None:
    """It stops no containment, but whose an instance is may be what somebody wrote there."""
    with suppress(JournalError):
        doubt = session.journal.doubt(stream)
        if doubt is not None:
            note(plain(f"the journal may have been changed from outside: {doubt}"))
            note("look twice at what is to be switched off")


def _declared(
    session: Session,
    past: Past | None,
    target: Target,
    asked: Asked,
    facts: Facts,
    why: RotationError | None,
) -> Declared:
    """Shown, confirmed and open. `facts` get the scope."""
    spec, confirmed = target.spec, list[str]()
    traits = session.traits(spec)
    bound, broken = bound_for_containment(session, spec)
    why = why or broken
    while True:
        before = _latest(past, target)
        _refuse_on_hold(before, target, override=asked.override_hold)
        if why is None and (mine := _joined(session, target, before, asked)) is not None:
            return Declared(mine.opened.facts)
        found = survey(past, bound, target.stream, spec, asked.key_id)
        if found.seen != (before.last.seq if before is not None else 0):
            continue  # somebody else may have declared it
        if asked.key_id is None and why is None and not found.suspects:
            return Declared(facts, nothing_lives=True)
        scope = scope_of(found, asked.key_id, all_instances=asked.all_instances)
        scope = as_shown(target.name, found, scope, confirmed if asked.yes else [])
        if scope != confirmed:
            now = session.clock.now()
            for line in scope_lines(target.name, spec, found, scope, now, traits=traits):
                note(line)
            confirm_typed(target.name, f"Switch off {', '.join(scope)} now?", yes=asked.yes)
        confirmed = scope
        facts["scope"] = list(scope)
        if why is not None:
            return Declared(facts, found, why)
        try:
            session.runner.open_emergency(
                target.stream, spec, found.baseline, who=session.who, facts=facts, seen=found.seen
            )
        except JournalMoved:
            continue  # perhaps with the id of another instance: it is looked at again
        except (JournalError, *NONSENSE) as error:
            return Declared(facts, found, as_damage(error))
        return Declared(facts, found)


def _carried_out(
    session: Session, target: Target, found: Survey, facts: Facts, *, here: bool
) -> int:
    """Contained here and now; the rest follows, by a live runner or by this process."""
    try:
        rotation = _contain(session, target)
    except (JournalError, *NONSENSE) as error:
        with told_by_hand(session, (target.name,), None):
            return without_journal(session, target, found, facts, as_damage(error))
    for line in contained_lines(rotation, found):
        note(line)
    if not _is_contained(rotation):
        for line in by_hand_lines(session, target.spec, listed(facts, "scope")):
            note(line)
    streams, failures = {target.stream: target.name}, list[RotationError]()
    code = carry_out(session, streams, wait=True, here=here, failures=failures)
    lost = next((each for each in failures if isinstance(each, JournalError)), None)
    if lost is not None and _still_given(session, target, found):
        return _journal_lost(session, target, found, facts, lost)
    if not here and (runner := _frozen(session, target.stream)) is not None:
        note(f"{runner} is alive and does not move: this process goes on in its place")
        code = carry_out(session, streams, wait=True, here=True)
    for line in deeds_lines(session, target.spec, listed(rotation.opened.facts, "scope")):
        note(line)
    return code


def _still_given(session: Session, target: Target, found: Survey) -> bool:
    """As the store says, or while it does not answer: readers get what was switched off."""
    try:
        state = session.bind(target.spec).store.state()
    except RotationError:
        return True
    return state.current == found.baseline.get("version")


def _journal_lost(
    session: Session, target: Target, found: Survey, facts: Facts, error: JournalError
) -> int:
    """After it had the containment. What an older copy of it would not know goes into a spill."""
    if not session.traits(target.spec).overlap:
        return AT_RISK
    return without_journal(session, target, found, facts, error)


def _frozen(session: Session, stream: str) -> str | None:
    """The live runner that was waited for, where it left undone what can be done now."""
    rotation, now = fold(session.journal.entries(stream)), session.clock.now()
    undone = not session.stop() and isinstance(next_action(rotation, now), Do)
    return session.live_runner() if undone else None


def _replace(session: Session, name: str, reason: str | None, *, yes: bool, here: bool) -> int:
    """Readers need a successor, and there is nothing to contain."""
    entry = session.entry(name)
    note(f"EMERGENCY {name}: the issuer lists nothing alive; nothing has to be switched off")
    confirm_typed(name, "Make a new credential for its readers now?", yes=yes)
    open_replacement(session, entry, reason)
    return carry_out(session, {entry.stream: name}, wait=True, here=here)


def _is_contained(rotation: Rotation) -> bool:
    return rotation.done(replaced_by(rotation) or Step.CONTAIN)


def _latest(past: Past | None, target: Target) -> Rotation | None:
    entries = past.entries(target.stream) if past is not None else ()
    return fold(entries) if entries else None


def _joined(
    session: Session, target: Target, before: Rotation | None, asked: Asked
) -> Rotation | None:
    return joined(session, target.name, before, asked.key_id, others=asked.all_instances)


def _looked_at(session: Session, target: Target) -> Survey:
    return survey(session.journal, session.bind(target.spec), target.stream, target.spec)


def _refuse_on_hold(rotation: Rotation | None, target: Target, *, override: bool) -> None:
    if rotation is not None and rotation.on_hold is not None and not override:
        raise PolicyRefusal(
            "emergency.on-hold",
            f"{target.name} is {rotation.paused}; nothing was done",
            "ask who paused it, or add --override-pause",
        )


def _contain(session: Session, target: Target) -> Rotation:
    """Evidence and containment, here and now: whatever goes wrong is tried again at once."""
    stream = target.stream
    rotation = fold(session.journal.entries(stream))
    contains = replaced_by(rotation) or Step.CONTAIN
    positions = [row.step for row in rotation.rows]
    after = positions[positions.index(contains) + 1]
    session.stop_on_signals()
    hands = by_hand_lines(session, target.spec, listed(rotation.opened.facts, "scope"))
    while not rotation.done(contains):
        action = session.runner.advance(stream, until=after)
        rotation = fold(session.journal.entries(stream))
        if isinstance(action, Held) or session.stop():
            break
        if isinstance(action, Wait) and action.until is not None:
            note(f"not contained yet: {action.why}; tries again at {action.until:%H:%M:%S}Z")
            while hands:
                note(hands.pop(0))
            session.pause(action.until)
        elif isinstance(action, Wait):
            session.pause(session.clock.now() + POLL)  # another runner is at it
    return rotation


def _merge(session: Session, path: Path, *, here: bool) -> int:
    """What was contained without the journal goes into it, once, and on to its successor."""
    told = read(path, session.configuration.installation)
    spec = session.live_specification(told.secret) or spec_from_json(told.spec)
    if stream_of(spec.issuer.type, spec.identity) != told.stream:
        spec = spec_from_json(told.spec)
    target = Target(session.called(told.secret), told.stream, spec)
    facts: Facts = {
        "spill": told.id, "reason": told.reason, "scope": list(told.scope),
        "active": list(told.active), "contained": list(told.contained), "contained_at": told.at,
        "merged_by": session.who,
    }  # fmt: skip
    if told.destroy_foreign:
        facts["destroy_foreign"] = True
    while not is_known((e.facts for e in session.journal.history(told.stream)), told.id):
        entries = session.journal.entries(told.stream)
        rotation = fold(entries) if entries else None
        if rotation is not None and _covers(rotation, told.scope):
            draft = Draft(kind=Kind.REQUESTED, who=told.who, facts={"verb": "merge", **facts})
            session.journal.request(told.stream, draft, session.runner.id, session.clock.now())
            continue
        found = _looked_at(session, target)
        facts["scope"] = list(dict.fromkeys([*told.scope, *found.declared]))
        with suppress(JournalMoved):
            session.runner.open_emergency(
                told.stream, spec, found.baseline, who=told.who, facts=facts, seen=found.seen
            )
    said = f"{path} is in the journal; the file is no longer needed"
    if not is_open(session, told.stream):
        done("merged", said, secret=target.name, spill=str(path))
        return OK
    note(said)
    return _carried_out(session, target, _looked_at(session, target), facts, here=here)


def _covers(rotation: Rotation, scope: Sequence[str]) -> bool:
    """An emergency that is open is about all of it already."""
    return (
        rotation.outcome is None
        and rotation.rules.contains
        and {*scope} <= {*listed(rotation.opened.facts, "scope")}
    )


def _cancel(session: Session, name: str, *, yes: bool, here: bool) -> int:
    """A mistake: what was contained works again, what was made meanwhile goes."""
    rotation = open_rotation_of(session, name)
    if not rotation.rules.contains:
        raise PolicyRefusal(
            "emergency.none",
            f"{name} has no open emergency; nothing was done",
            f"`rotation rollback {name}` goes back in an ordinary rotation",
        )
    if not can_go_back(rotation):
        raise PolicyRefusal(
            "emergency.too-late",
            "the successor is current, or what leaked is destroyed; there is no way back",
            f"let it finish: `rotation show {name}`",
        )
    scope = ", ".join(listed(rotation.opened.facts, "scope"))
    confirm_typed(name, f"Switch {scope} on again, although somebody called it leaked?", yes=yes)
    request(session, rotation, "cancel")
    return went_back(carry_out(session, {rotation.stream: name}, wait=True, here=here))
