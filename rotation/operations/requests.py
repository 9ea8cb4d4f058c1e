"""An operator's decision is an entry in the journal, and a runner acts on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rotation.errors import JournalError, PolicyRefusal, UnknownName
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Cause, Requested
from rotation.journal.installation_facts import Frozen
from rotation.machine.decide import Wait, next_action
from rotation.machine.held import Exit
from rotation.machine.replay import Rotation, RowState, replay
from rotation.operations.continuation import is_retrying
from rotation.operations.installation import Installation
from rotation.plan import Step
from rotation.plan.specification import spec_from_json
from rotation.report.exits import can_roll_back, exits_of, leads_back, ways_out, why_held
from rotation.report.health import instances_in_question, met, present_row
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.schedule.breaker import Trip


def latest_rotation(here: Installation, name: str) -> Rotation:
    entries = here.journal.entries(here.stream_of(name))
    if not entries:
        raise PolicyRefusal(
            "request.unknown",
            f"the journal does not know {name} yet; nothing was done",
            f"`rotation adopt {name}` records what is there",
        )
    return replay(entries)


def open_rotation_of(here: Installation, name: str) -> Rotation:
    streams = here.open_streams_of(name)
    if streams:
        return replay(here.journal.entries(streams[0]))
    latest_rotation(here, name)
    raise PolicyRefusal(
        "request.nothing-open",
        f"{name} has no open rotation; nothing was done",
        f"`rotation rotate {name}` replaces its credential",
    )


def request(here: Installation, rotation: Rotation, asked: Requested) -> None:
    facts: Facts = {key: value for key, value in asked.facts.items() if value}
    draft = Draft(kind=Kind.REQUESTED, who=here.who, facts=facts)
    here.journal.request(rotation.stream, draft, here.runner.id, here.clock.now())


# ------------------------------------------------------------------------------- what leads on


def chosen(
    here: Installation, names: Sequence[str], all_of: str | None, *, at_once: bool
) -> dict[str, Rotation]:
    """The rotations of those names, or all open ones that match."""
    if names:
        return {name: open_rotation_of(here, name) for name in dict.fromkeys(names)}
    found = {}
    for row in here.journal.identities():
        rotation = replay(here.journal.entries(row.stream)) if row.plan else None
        if rotation is not None and _fits(rotation, all_of, at_once=at_once):
            found[here.called(row.secret)] = rotation
    if not found:
        raise PolicyRefusal(
            "request.nothing-fits",
            f"no open rotation {f'stands for {all_of}' if all_of else 'pauses after a failed try'}; "
            "nothing was done",
            "`rotation status` shows what each of them waits for",
        )
    return found


def _fits(rotation: Rotation, code: str | None, *, at_once: bool) -> bool:
    if rotation.held is not None:
        cause = met(rotation, rotation.held)
        return code is not None and code in (rotation.held, cause and cause["code"])
    pause = pause_of(rotation) if at_once else None
    return pause is not None and code in (None, pause.record(Cause).code)


def _instead(rotation: Rotation, name: str, way: Exit) -> str:
    """What helps a rotation that is not Held."""
    if rotation.on_hold:
        return f"`rotation unpause {name}` lets it go on"
    if pause_of(rotation) is not None:
        return f"`rotation resume {name} --now` tries again at once"
    if way is Exit.ABANDON and leads_back(rotation):
        return f"`rotation rollback {name}` ends it: the old credential stays, or comes back"
    return f"`rotation status {name}` shows what it waits for"


def pause_of(rotation: Rotation) -> RowState | None:
    """The state of the row that waits for the end of the pause after a failed try."""
    action = next_action(rotation, rotation.last.at)
    if not isinstance(action, Wait) or action.row is None or not is_retrying(rotation, action):
        return None
    return rotation.states[action.row.position]


def refuse_unless_exit(rotation: Rotation, name: str, way: Exit) -> None:
    if rotation.held is None:
        raise PolicyRefusal(
            "request.not-held",
            f"the rotation of {name} is not Held; nothing was done",
            _instead(rotation, name, way),
        )
    if way not in exits_of(rotation.held):
        raise PolicyRefusal(
            "request.no-such-exit",
            f"`{way}` is no way out: {why_held(rotation.held)}",
            " or ".join(f"`{line}`" for line in ways_out(rotation, name)),
        )


def refuse_going_on(rotation: Rotation, name: str, way: Exit, *, at_once: bool) -> None:
    """Where it is neither Held with that way out, nor pauses after a failed try that may be `at_once`."""
    if way is not Exit.RESUME or not at_once or pause_of(rotation) is None:
        refuse_unless_exit(rotation, name, way)


def going_on(rotation: Rotation, way: Exit, *, at_once: bool) -> Requested:
    verb = "now" if rotation.held is None else "resume"
    destroy, unverified = way is Exit.DESTROY, way is Exit.UNVERIFIED
    return Requested(verb=verb, now=at_once, destroy=destroy, unverified=unverified)


_SAYS = {Exit.ACCEPT_CURRENT: "accept-current", Exit.OURS: "ours", Exit.FOREIGN: "foreign"}


def says_whose(way: Exit, instance: str | None) -> Requested:
    return Requested(verb=_SAYS[way], instance=instance)


def ends_at_once(rotation: Rotation) -> bool:
    """An instance that is called ours is destroyed without being watched: a new one needs its room."""
    row = present_row(rotation)
    return row is not None and row.step is Step.MAKE_ROOM


def refuse_unbuilt(here: Installation, rotation: Rotation, *, by_itself: bool) -> None:
    """Refuses a request that this process could not act on. by_itself: it will act itself even
    beside a live runner."""
    if rotation.readable and (by_itself or here.live_runner() is None):
        here.bind(spec_from_json(rotation.spec))


def refuse_no_way_back(rotation: Rotation, name: str) -> None:
    if rotation.held is not None:
        refuse_unless_exit(rotation, name, Exit.ROLLBACK)
    if not can_roll_back(rotation):
        raise PolicyRefusal(
            "request.too-late",
            f"{rotation.old or 'the old credential'} is destroyed or was never there; "
            "there is nothing to go back to",
            f"let it finish, then `rotation rotate {name}`",
        )


def refuse_unknown_instance(here: Installation, rotation: Rotation, instance: str | None) -> None:
    """Where the failed row names instances, only one of them is meant; else one that the issuer
    lists or an earlier rotation left."""
    if instance is None:
        return
    about = instances_in_question(rotation)
    if not about:
        issuer = here.issuer(spec_from_json(rotation.spec))
        listed = issuer.listing().ids if issuer.traits.lists else frozenset()
        about = tuple(sorted(listed | rotation.ours))
    if instance not in about:
        raise UnknownName(
            "request.unknown-instance",
            f"{instance} is not what this rotation is Held for",
            f"it is about {', '.join(about) or 'none that can be named'}",
        )


def paused_rotation(here: Installation, name: str) -> Rotation:
    rotation = latest_rotation(here, name)
    if rotation.on_hold is None:
        raise PolicyRefusal(
            "request.not-on-hold",
            f"{name} is not paused; nothing was done",
            f"`rotation status {name}` shows where it stands",
        )
    return rotation


# ---------------------------------------------------------------------------- everything stands


def freeze_all(here: Installation, reason: str | None) -> None:
    """Closes every window of the installation. reason None: they are open again."""
    facts = Frozen(frozen=reason is not None, reason=reason).facts
    draft = Draft(kind=Kind.FROZEN, who=here.who, facts=facts)
    here.journal.record(draft, here.runner.id, here.clock.now())


def open_breakers(here: Installation) -> "list[Trip]":
    from rotation.schedule.breaker import trips  # noqa: PLC0415 -- only here

    return sorted(trips(here.records).values(), key=lambda trip: trip.group)


def reset_breaker(here: Installation, group: str, reason: str | None) -> None:
    """From now on the rotations of that class and connection go on. Raises UnknownName where that
    breaker is not open."""
    open_ = [trip.group for trip in open_breakers(here)]
    if group not in open_:
        raise UnknownName(
            "breaker.closed",
            f"no breaker of {group} is open; nothing was done",
            f"open: {', '.join(open_) or 'none'}",
        )
    facts = Frozen(breaker=group, broken=False, reason=reason).facts
    draft = Draft(kind=Kind.BREAKER, who=here.who, facts=facts)
    here.journal.record(draft, here.runner.id, here.clock.now())


# Runners of other users read why.
FREEZE_MODE = 0o644


def freeze_beside(here: Installation, reason: str | None) -> Path:
    """The same freeze by a file, without the journal: every runner of the installation reads it
    before it promotes, switches off or destroys. Returns the file."""
    from rotation.runtime.ownership import replace_whole  # noqa: PLC0415 -- only here
    from rotation.schedule.brakes import freeze_file  # noqa: PLC0415

    path = freeze_file(here.configuration)
    try:
        if reason is None:
            path.unlink(missing_ok=True)
        else:
            replace_whole(path, f"{reason}\n", mode=FREEZE_MODE)
    except OSError as error:
        raise JournalError(
            "installation.freeze-file",
            f"{path} cannot be changed ({error.strerror}); nothing was changed",
            "its directory must exist, have room and be writable for you; an empty file of that name "
            "freezes as well; or stop the runners",
        ) from None
    return path
