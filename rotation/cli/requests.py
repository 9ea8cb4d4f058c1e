"""Verbs that write entries: an operator decides, the journal has it, a runner acts on it."""

from pathlib import Path

import click

from rotation.cli.app import verb
from rotation.cli.carry_out import carry_out, went_back
from rotation.cli.failures import OK
from rotation.cli.options import (
    here_option,
    name_argument,
    some_names_argument,
    wait_option,
    yes_option,
)
from rotation.cli.outcome import local
from rotation.cli.output import done
from rotation.cli.prompts import checked_end, checked_reason, confirm
from rotation.cli.session import open_session
from rotation.errors import UsageError
from rotation.journal.entries import stamp
from rotation.journal.facts import Requested
from rotation.machine.held import Exit
from rotation.operations.requests import (
    chosen,
    ends_at_once,
    freeze_all,
    freeze_beside,
    going_on,
    latest_rotation,
    open_rotation_of,
    paused_rotation,
    refuse_going_on,
    refuse_no_way_back,
    refuse_unbuilt,
    refuse_unknown_instance,
    refuse_unless_exit,
    request,
    says_whose,
)

_ASKED = {
    Exit.DESTROY: "Destroy {old}, the old credential of {name}, for good?",
    Exit.UNVERIFIED: "Give the readers of {name} what the probe did not accept, in the place of one "
    "that is dead already?",
}

_RESOLVED = {
    Exit.ACCEPT_CURRENT: "Take what the store of {name} holds now as right, and remove what we made?",
    Exit.OURS: "Switch {instance} off, watch, then destroy it for good?",
    Exit.FOREIGN: "Leave {instance} alone from now on?",
}


@verb(
    "resume",
    "resume billing-iam",
    "resume billing-iam --destroy --yes",
    "resume orders-db --unverified",
    "resume billing-iam orders-db --now",
    "resume --all-of held.denied",
)
@some_names_argument
@click.option("--all-of", metavar="CODE", help="All that are Held for that code or cause.")
@click.option(
    "--now",
    "at_once",
    is_flag=True,
    help="The cause is over: try now, not at the next try; without NAME, for all.",
)
@click.option(
    "--destroy", "more", flag_value="destroy",
    help="Allow the destruction that waits for a person.",
)  # fmt: skip
@click.option(
    "--unverified", "more", flag_value="unverified",
    help="Give readers the new one without a login: the old one is replaced already.",
)  # fmt: skip
@yes_option
@wait_option
@here_option
def resume(
    names: tuple[str, ...], *, all_of: str | None, at_once: bool, more: str | None,
    yes: bool, wait: bool, here: bool,
) -> int:  # fmt: skip
    """Let Held rotations go on from the step that stopped them.

    With --now also those that are not Held but pause after a failed try. Grace, soak and windows are never skipped.
    """
    if bool(names) == bool(all_of) and (names or not at_once):
        raise UsageError(
            "cli.usage",
            "either NAMES or --all-of CODE is needed; --now alone is every one",
            "`rotation resume --help` has examples",
        )
    with open_session(effectful=True) as session:
        found = chosen(session, names, all_of, at_once=at_once)
        way = Exit(f"resume --{more}") if more else Exit.RESUME
        for name, rotation in found.items():
            refuse_going_on(rotation, name, way, at_once=at_once)
            refuse_unbuilt(session, rotation, by_itself=here)
        for name, rotation in found.items():
            if more:
                asked = _ASKED[way].format(name=name, old=rotation.old)
                confirm(asked, yes=yes)
        for rotation in found.values():
            request(session, rotation, going_on(rotation, way, at_once=at_once))
        streams = {rotation.stream: name for name, rotation in found.items()}
        width = session.configuration.concurrency
        return carry_out(session, streams, wait=wait, here=here, width=width)


@verb("rollback", "rollback billing-iam", "rollback billing-iam --yes --wait")
@name_argument
@yes_option
@wait_option
@here_option
def rollback(name: str, *, yes: bool, wait: bool, here: bool) -> int:
    """Go back to the old credential.

    Readers first, then the new one is removed. Possible until the old credential is destroyed. Afterwards only another rotation helps.
    """
    with open_session(effectful=True) as session:
        rotation = open_rotation_of(session, name)
        refuse_no_way_back(rotation, name)
        refuse_unbuilt(session, rotation, by_itself=here)
        confirm(f"Send the consumers of {name} back to {rotation.old}?", yes=yes)
        request(session, rotation, Requested(verb="rollback"))
        return went_back(carry_out(session, {rotation.stream: name}, wait=wait, here=here))


@verb(
    "resolve",
    "resolve billing-iam --accept-current",
    "resolve billing-iam --foreign AKIAIOSFODNN7EXAMPLE",
)
@name_argument
@click.option(
    "--accept-current", is_flag=True, help="What is current in the store is the new baseline."
)
@click.option("--ours", metavar="ID", help="That instance is ours: remove it carefully.")
@click.option("--foreign", metavar="ID", help="That instance is somebody else's: leave it alone.")
@yes_option
@wait_option
@here_option
def resolve(
    name: str, *, accept_current: bool, ours: str | None, foreign: str | None,
    yes: bool, wait: bool, here: bool,
) -> int:  # fmt: skip
    """Say whose an instance is, or which version is right: what the machine cannot know."""
    said = {Exit.ACCEPT_CURRENT: accept_current, Exit.OURS: ours, Exit.FOREIGN: foreign}
    ways = [way for way, given in said.items() if given]
    if len(ways) != 1:
        raise UsageError(
            "cli.usage",
            "one of --accept-current, --ours ID and --foreign ID is needed; nothing was done",
            f"`rotation status {name}` shows which of them apply",
        )
    way, instance = ways[0], ours or foreign
    with open_session(effectful=True) as session:
        rotation = open_rotation_of(session, name)
        refuse_unless_exit(rotation, name, way)
        refuse_unbuilt(session, rotation, by_itself=here)
        refuse_unknown_instance(session, rotation, instance)
        question = _RESOLVED[way]
        if way is Exit.OURS and ends_at_once(rotation):
            question = "Destroy {instance} for good, at once, so that a new one can be made?"
        confirm(question.format(name=name, instance=instance), yes=yes)
        request(session, rotation, says_whose(way, instance))
        return carry_out(session, {rotation.stream: name}, wait=wait, here=here)


@verb("abandon", "abandon billing-iam", "abandon billing-iam --yes")
@name_argument
@yes_option
def abandon(name: str, *, yes: bool) -> int:
    """Close a Held rotation and touch nothing.

    Both credentials stay as they are. What it minted, or replaced, stays recorded as ours: the
    next rotation removes it first.
    """
    with open_session(effectful=True) as session:
        rotation = open_rotation_of(session, name)
        refuse_unless_exit(rotation, name, Exit.ABANDON)
        left = f"; {rotation.new} stays behind" if rotation.new else ""
        confirm(f"Close the rotation of {name} as it is{left}?", yes=yes)
        request(session, rotation, Requested(verb="abandon"))
        carry_out(session, {rotation.stream: name}, wait=False, here=False)
        return OK


@verb("pause", 'pause billing-iam --reason "one person on call this week"')
@name_argument
@click.option("--reason", required=True, help="Why; everybody who looks will see it.")
@click.option("--until", help="When it goes on by itself: a day, as 2026-12-20 (UTC), or 36h, 7d.")
def pause(name: str, *, reason: str, until: str | None) -> int:
    """Stop a secret where it is.

    An open rotation stands still, none is opened, and nothing is undone; an old credential that
    must come back does. A pause that lands while a step is on its way stops the one after it.
    With --until it ends by itself: `serve` and `run` lift it then, and the journal says so. Without it
    it stays until `rotation unpause`.
    """
    reason = checked_reason(reason) or ""
    with open_session(effectful=True) as session:
        rotation = latest_rotation(session, name)
        end = checked_end(until, session.clock.now())
        request(session, rotation, Requested(verb="hold", reason=reason, until=end))
        ends = f" until {local(end)}" if end else ""
        text = f"{name} is paused{ends}; `rotation unpause {name}` lets it go on"
        done("pause", text, secret=name, paused=True, reason=reason, until=stamp(end))
        return OK


@verb("unpause", "unpause billing-iam")
@name_argument
@wait_option
@here_option
def unpause(name: str, *, wait: bool, here: bool) -> int:
    """Let a paused secret go on."""
    with open_session(effectful=True) as session:
        rotation = paused_rotation(session, name)
        request(session, rotation, Requested(verb="release"))
        if rotation.outcome is not None:
            text = f"{name} is no longer paused"
            done("pause", text, secret=name, paused=False, reason=None, until=None)
            return OK
        return carry_out(session, {rotation.stream: name}, wait=wait, here=here)


def _print_frozen_beside(path: Path, reason: str | None) -> int:
    text = f"everything is frozen: {reason} ({path})" if reason else f"no longer frozen by {path}"
    done("freeze", text, frozen=reason is not None, reason=reason, file=str(path))
    return OK


@verb("freeze", 'freeze --reason "incident 4711"', "freeze --lift", "freeze --all --lift")
@click.option("--reason", help="Why; everybody who looks will see it.")
@click.option("--lift", is_flag=True, help="Open the windows again.")
@click.option(
    "--all", "without_journal", is_flag=True, help="By a file: works without the journal."
)
def freeze(*, reason: str | None, lift: bool, without_journal: bool) -> int:
    """Close every window of this installation, or open them again.

    Meanwhile nothing is promoted, switched off or destroyed. What was begun goes on up to there. An emergency is never frozen.
    """
    if lift == bool(reason):
        raise UsageError(
            "cli.usage",
            "either --reason TEXT or --lift is needed; nothing was done",
            "`rotation freeze --help` has examples",
        )
    with open_session(effectful=True) as session:
        reason = checked_reason(reason) or None
        if without_journal:
            return _print_frozen_beside(freeze_beside(session, reason), reason)
        freeze_all(session, reason)
        text = "the freeze is lifted" if lift else f"everything is frozen: {reason}"
        done("freeze", text, frozen=not lift, reason=reason, file=None)
        return OK
