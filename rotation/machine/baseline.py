"""What came of a rotation: the baseline that its close leaves, and the derived row that `status`,
`due` and the runner's queue read. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from rotation.journal.entries import Entry, Identity, Kind, unstamp
from rotation.machine.decide import Do, Held, Wait, next_action
from rotation.machine.leftover import Leftover, as_kept
from rotation.machine.replay import (
    Mode,
    Outcome,
    Rotation,
    failed_row,
    listed,
    replaced_by,
    replay,
    text,
)
from rotation.plan import Step
from rotation.types import Facts


def left_by(before: Rotation | None) -> Facts:
    """What the next rotation begins with. before: the identity's latest rotation."""
    if before is None:
        return {}
    if before.outcome is None:
        return outcome_baseline(before, Outcome.SUPERSEDED)
    return before.result or {}


def outcome_baseline(rotation: Rotation, outcome: Outcome) -> Facts:
    """What the journal holds to be true of the world once this rotation is closed. live: every
    instance that is ours, with those that the next `issue` removes (`ours`)."""
    before = {**rotation.baseline, **_edited(rotation)}
    current = {**before, **_current(rotation, outcome)}
    handle = text(current.get("handle"))
    left = _left_behind(rotation, handle)
    versions = {rotation.old_version, rotation.new_version, text(current.get("version"))}
    versions |= {leftover.version for leftover in left.values()}
    attempts = rotation.attempts
    if outcome is Outcome.SUCCEEDED and rotation.new is not None:
        attempts -= {*listed(before, "attempts"), str(rotation.state(Step.ISSUE).attempt)}
    else:
        versions |= set(listed(current, "known"))
    strangers = {*rotation.foreign, *listed(current, "foreign")} - {*left, handle}
    return {
        **current,
        "live": sorted({*left, *([handle] if handle else [])}),
        "ours": as_kept(left),
        "known": sorted(version for version in versions if version),
        "attempts": sorted(attempts),
        "foreign": sorted(stranger for stranger in strangers if stranger),
    }


def _current(rotation: Rotation, outcome: Outcome) -> Facts:
    """What readers get, where that is not what it was before."""
    inspected = {**_inspected(rotation), "retired": False}
    if outcome is Outcome.ROLLED_BACK:
        version = rotation.fact(Step.DEMOTE, "version") or rotation.value_of_old
        return {} if version is None else {"version": version}
    if outcome is Outcome.SUCCEEDED and rotation.rules.retires:
        return {"handle": None, "retired": True}
    if outcome is Outcome.ACCEPTED:
        return inspected
    if outcome is Outcome.SUCCEEDED and rotation.rules.keeps_credential:
        return inspected
    if rotation.mode is Mode.ACCEPT and rotation.state(Step.INSPECT).done:
        return inspected
    if rotation.done(Step.PROMOTE) and not rotation.state(Step.DEMOTE).done:
        return _issued(rotation)
    placed = rotation.fact(Step.PLACE, "version")
    # A placeholder that stays current is what the next `create` finds.
    return {"version": placed} if placed and not rotation.intended(Step.PROMOTE) else {}


def _edited(rotation: Rotation) -> Facts:
    edited = rotation.fact(Step.ISSUE, "edited")
    return {"version": edited} if edited else {}


def _inspected(rotation: Rotation) -> Facts:
    facts = rotation.state(Step.INSPECT).facts
    names = ("version", "handle", "created", "expires", "known", "stated", "foreign", "logins")
    return {name: facts[name] for name in names if name in facts}


def _issued(rotation: Rotation) -> Facts:
    issued = rotation.state(Step.ISSUE).facts
    return {
        "version": rotation.new_version,
        "handle": rotation.new,
        "created": issued.get("created"),
        "expires": issued.get("expires"),
        "stated": False,
        "retired": False,
        "logins": issued.get("logins"),
    }


def _left_behind(rotation: Rotation, handle: str | None) -> dict[str, Leftover]:
    """What is ours beside the current one, and not destroyed."""
    left = dict(rotation.leftovers)
    if rotation.old is not None:
        left.setdefault(rotation.old, Leftover(rotation.value_of_old, served=True))
    if rotation.new is not None:
        served = rotation.intended(Step.PROMOTE)
        left.setdefault(rotation.new, Leftover(rotation.new_version, served))
    gone = _destroyed(rotation) | {handle}
    # What a person declared leaked goes without anybody's evidence.
    return {
        instance: replace(it, served=it.served and instance not in rotation.scope)
        for instance, it in left.items()
        if instance not in gone
    }


def _destroyed(rotation: Rotation) -> set[str | None]:
    gone: set[str | None] = {rotation.fact(Step.MAKE_ROOM, "destroyed")}
    if (step := replaced_by(rotation)) is not None and rotation.done(step):
        gone.add(rotation.old)
    for step in (Step.DESTROY, Step.DESTROY_NEW):
        state = rotation.state(step)
        if state.done:
            gone |= {text(state.facts.get("destroyed")), *listed(state.facts, "destroyed")}
    return gone


def identity_row(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """The derived row after these entries. A function of the whole stream: `before` is the row as
    it was after any earlier prefix, and only counts what earlier rotations left."""
    rotation = replay(entries)
    opened, last = rotation.opened, entries[-1]
    base = before or Identity(stream=opened.stream, identity="", secret="", seq=0, hash="")
    columns = (
        _open(rotation, last) if rotation.outcome is None else _closed(rotation, base, entries)
    )
    return replace(
        base,
        secret=str(opened.facts["secret"]),
        identity=str(opened.facts["spec_identity"]),
        seq=last.seq,
        hash=last.hash,
        rotation=opened.seq,
        on_hold=rotation.on_hold is not None,
        epoch=max(base.epoch, last.epoch),
        unverified=rotation.spec.get("probe") is None,
        **columns,
    )


def _open(rotation: Rotation, last: Entry) -> dict[str, Any]:
    action = next_action(rotation, last.at)
    row = action.row if isinstance(action, Do | Wait) else failed_row(rotation)
    until: datetime | None = last.at
    why: str | None = None
    if isinstance(action, Wait):
        until, why = action.until, action.why
    elif isinstance(action, Do) and (told := rotation.states[action.row.position]).opens_at:
        until, why = told.opens_at, told.why
    is_held = isinstance(action, Held)
    return {
        "plan": rotation.plan,
        "opened_at": rotation.opened.at,
        "phase": None if row is None else str(row.phase),
        "row": None if row is None else row.name,
        "wake_at": None if is_held and rotation.held else until,
        "why": why,
        "held": action.code if isinstance(action, Held) else None,
        "held_at": (rotation.held_at or last.at) if is_held else None,
        "old": rotation.old if rotation.new_version else None,
        **_known(rotation.baseline),
    }


def _known(baseline: Facts) -> dict[str, Any]:
    return {
        "version": text(baseline.get("version")),
        "handle": text(baseline.get("handle")),
        "created": unstamp(text(baseline.get("created"))),
        "expires": unstamp(text(baseline.get("expires"))),
        "stated": baseline.get("stated") is True,
    }


_NOTHING_OPEN = dict.fromkeys(
    ("plan", "opened_at", "phase", "row", "wake_at", "why", "held", "held_at", "old")
)


def _closed(rotation: Rotation, base: Identity, entries: Iterable[Entry]) -> dict[str, Any]:
    closed = next(entry for entry in entries if entry.kind is Kind.CLOSED)
    rotated = rotation.outcome == Outcome.SUCCEEDED and not rotation.rules.keeps_credential
    back = rotation.outcome == Outcome.ROLLED_BACK
    already = base.plan is None and base.last_closed_at == closed.at
    result = rotation.result or {}
    return {
        **_NOTHING_OPEN,
        "last_outcome": rotation.outcome,
        "last_closed_at": closed.at,
        "last_success_at": closed.at if rotated else base.last_success_at,
        "rollbacks": base.rollbacks + (not already) if back else (0 if rotated else base.rollbacks),
        "retired": result.get("retired") is True,
        **_known(result),
    }
