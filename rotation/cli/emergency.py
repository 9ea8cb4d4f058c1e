"""A key leaked. Contain first: evidence, off, then the replacement. A person starts it, always."""

from collections.abc import Sequence

import click

from rotation.cli.app import verb
from rotation.cli.ask import checked_reason, confirm_typed
from rotation.cli.opening import carry_out, went_back
from rotation.cli.options import here_option, yes_option
from rotation.cli.requests import open_rotation_of, request
from rotation.cli.say import note
from rotation.cli.scope import contained_lines, scope_lines
from rotation.cli.session import Session, open_session
from rotation.errors import JournalMoved, PolicyRefusal, RotationError, UnknownName, Usage
from rotation.fold import Rotation, can_go_back, fold, listed, replaced_by
from rotation.incident import Survey, survey
from rotation.machine import Held, Wait
from rotation.plan import Step
from rotation.types import Facts, Specification


@verb(
    "emergency",
    "emergency billing-iam",
    'emergency billing-iam --yes --reason "pasted in a public chat"',
    "emergency billing-iam --key-id AKIAIOSFODNN7EXAMPLE",
    "emergency cancel billing-iam",
)
@click.argument("words", nargs=-1, metavar="[cancel] [NAME]")
@click.option("--key-id", metavar="ID", help="Contain that instance alone, ours or not.")
@click.option("--reason", help="What happened; it goes into the record, so no key in it.")
@click.option("--override-hold", is_flag=True, help="Although the secret is on hold.")
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

    `emergency cancel NAME` switches it on again, while nothing is destroyed or replaced.
    """
    checked_reason(reason)
    with open_session(effectful=True) as session:
        if len(words) == 2 and words[0] == "cancel":
            return _cancel(session, words[1], yes=yes, here=here)
        if yes and not reason:
            raise Usage("cli.needs-reason", "--yes needs --reason TEXT here; nothing was done")
        name = _named(session, words, key_id)
        spec = session.specification(name)
        stream = session.entry(name).stream
        facts: Facts = {"reason": reason or "not given"}
        if destroy_foreign:
            facts["destroy_foreign"] = True
        traits = session.traits(spec)
        found, confirmed = None, list[str]()
        while found is None:
            _refuse_on_hold(session, name, override=override_hold)
            seen = _surveyed(session, stream, spec)
            scope = _scope(seen, key_id, all_instances=all_instances)
            if scope != confirmed:
                now = session.clock.now()
                for line in scope_lines(name, spec, seen, scope, now, traits=traits):
                    note(line)
                confirm_typed(name, f"Switch off {', '.join(scope)} now?", yes=yes)
            found, confirmed = (
                _opened(session, stream, spec, seen, {**facts, "scope": scope}),
                scope,
            )
        rotation = _contain(session, stream)
        for line in contained_lines(rotation, found):
            note(line)
        return carry_out(session, {stream: name}, wait=True, here=here)


def _surveyed(session: Session, stream: str, spec: Specification) -> Survey:
    try:
        return survey(session.journal, session.bind(spec), stream, spec)
    except RotationError:
        note("NOT CONTAINED: the issuer does not say what is alive; nothing was switched off")
        raise


def _opened(
    session: Session, stream: str, spec: Specification, found: Survey, facts: Facts
) -> Survey | None:
    """None where a runner wrote something after the look, perhaps the id of another instance: look
    again."""
    try:
        session.runner.open_emergency(
            stream, spec, found.baseline, who=session.who, facts=facts, seen=found.seen
        )
    except JournalMoved:
        return None
    return found


def _named(session: Session, words: Sequence[str], key_id: str | None) -> str:
    """The secret that was meant; a key's id alone is looked up in the journal."""
    if len(words) == 1:
        return session.entry(words[0]).id
    if words or key_id is None:
        raise Usage("cli.usage", "name one secret, or give --key-id ID")
    for identity in session.journal.identities():
        known = fold(session.journal.entries(identity.stream))
        if key_id in {identity.handle, identity.old, known.new, *_live(known)}:
            return session.entry(identity.secret).id
    raise UnknownName(
        "emergency.unknown-key",
        f"the journal does not know {key_id}; nothing was done",
        f"name the secret as well: `rotation emergency NAME --key-id {key_id}`",
    )


def _live(rotation: Rotation) -> list[str]:
    return listed(rotation.result or rotation.baseline, "live")


def _refuse_on_hold(session: Session, name: str, *, override: bool) -> None:
    row = session.journal.identity(session.entry(name).stream)
    if row is not None and row.on_hold and not override:
        raise PolicyRefusal(
            "emergency.on-hold",
            f"{name} is on hold; nothing was done",
            f"ask whoever holds it (`rotation status {name}`), or add --override-hold",
        )


def _scope(found: Survey, key_id: str | None, *, all_instances: bool) -> list[str]:
    if key_id is not None:
        if key_id not in {suspect.id for suspect in found.suspects}:
            known = ", ".join(suspect.id for suspect in found.suspects) or "none"
            raise UnknownName(
                "emergency.unknown-key",
                f"the issuer does not list {key_id}; nothing was done",
                f"it lists: {known}",
            )
        return [key_id]
    scope = found.ours + (found.others if all_instances else [])
    if not scope:
        raise PolicyRefusal(
            "emergency.nothing-ours",
            "no live instance is known to be ours; nothing was done",
            "--key-id ID names one, --all-instances means all that are listed",
        )
    return scope


def _contain(session: Session, stream: str) -> Rotation:
    """Evidence and containment, here and now: whatever goes wrong is tried again at once."""
    rotation = fold(session.journal.entries(stream))
    contains = replaced_by(rotation) or Step.CONTAIN
    positions = [row.step for row in rotation.rows]
    after = positions[positions.index(contains) + 1]
    session.stop_on_signals()
    while not rotation.done(contains):
        action = session.runner.advance(stream, until=after)
        rotation = fold(session.journal.entries(stream))
        if isinstance(action, Held) or session.stop():
            break
        if isinstance(action, Wait) and action.until is not None:
            note(f"not contained yet: {action.why}; tries again at {action.until:%H:%M:%S}Z")
            session.pause(action.until)
    return rotation


def _cancel(session: Session, name: str, *, yes: bool, here: bool) -> int:
    """A mistake: what was contained works again, what was made meanwhile goes."""
    rotation = open_rotation_of(session, name)
    if rotation.plan != "compromised":
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
