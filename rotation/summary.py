"""What came of a rotation: the baseline that its close leaves, and the derived row that `status`,
`due` and the runner's queue read. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from rotation.entries import Entry, Identity, Kind, unstamp
from rotation.fold import Outcome, Rotation, failed_row, fold, listed, text
from rotation.machine import Do, Held, Wait, next_action
from rotation.plan import Step
from rotation.types import Facts


def outcome_baseline(rotation: Rotation, outcome: Outcome) -> Facts:
    """What the journal holds to be true of the world once this rotation is closed."""
    before = {**rotation.baseline, "foreign": sorted(rotation.foreign)}
    if outcome in (Outcome.ABANDONED, Outcome.SUPERSEDED):
        placed = rotation.fact(Step.PLACE, "version")
        # A placeholder that stays current is what the next `create` finds.
        keeps = placed is not None and not rotation.intended(Step.PROMOTE)
        return {**before, "version": placed} if keeps else before
    if outcome is Outcome.ACCEPTED or rotation.plan in ("adopt", "repair"):
        return {**before, **_inspected(rotation), "retired": False}
    if outcome is Outcome.ROLLED_BACK:
        version = rotation.fact(Step.DEMOTE, "version") or rotation.old_version
        return before if version is None else {**before, "version": version}
    if rotation.plan == "retire":
        live = [i for i in listed(before, "live") if i != rotation.old]
        return {**before, "handle": None, "live": live, "retired": True}
    return _replaced(rotation, before)


def _inspected(rotation: Rotation) -> Facts:
    facts = rotation.state(Step.INSPECT).facts
    names = ("version", "handle", "created", "expires", "live", "known", "stated", "foreign")
    return {name: facts[name] for name in names if name in facts}


def _replaced(rotation: Rotation, before: Facts) -> Facts:
    if rotation.new is None:
        scope = set(listed(rotation.opened.facts, "scope"))
        return {**before, "live": [i for i in listed(before, "live") if i not in scope]}
    gone = {
        rotation.old,
        *listed(rotation.opened.facts, "scope"),
        *listed(rotation.state(Step.SWEEP).facts, "contained"),
        *rotation.ours,
    }
    live = sorted({rotation.new, *(i for i in listed(before, "live") if i not in gone)})
    issued = rotation.state(Step.ISSUE).facts
    return {
        **before,
        "version": rotation.new_version,
        "handle": rotation.new,
        "live": list(live),
        "created": issued.get("created"),
        "expires": issued.get("expires"),
        "stated": False,
        "retired": False,
        "known": sorted(v for v in (rotation.new_version, rotation.old_version) if v),
    }


def summarise(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """The derived row after these entries. A function of the whole stream: `before` is the row as
    it was after any earlier prefix, and only counts what earlier rotations left."""
    rotation = fold(entries)
    opened, last = rotation.opened, entries[-1]
    base = before or Identity(
        stream=opened.stream,
        identity=str(opened.facts["spec_identity"]),
        secret=str(opened.facts["secret"]),
        seq=0,
        hash="",
    )
    base = replace(
        base,
        secret=str(opened.facts["secret"]),
        identity=str(opened.facts["spec_identity"]),
        seq=last.seq,
        hash=last.hash,
        rotation=opened.seq,
        on_hold=rotation.on_hold is not None,
        epoch=max(base.epoch, last.epoch),
        unverified=rotation.spec.get("probe") is None,
    )
    if rotation.outcome is not None:
        return _closed(rotation, base, entries)
    return _open(rotation, base, last)


def _open(rotation: Rotation, base: Identity, last: Entry) -> Identity:
    action = next_action(rotation, last.at)
    row = action.row if isinstance(action, Do | Wait) else failed_row(rotation)
    until = action.until if isinstance(action, Wait) else last.at
    is_held = isinstance(action, Held)
    known = _known(rotation.baseline)
    return replace(
        base,
        plan=rotation.plan,
        opened_at=rotation.opened.at,
        phase=None if row is None else str(row.phase),
        row=None if row is None else row.name,
        wake_at=None if is_held and rotation.held else until,
        why=action.why if isinstance(action, Wait) else None,
        held=action.code if isinstance(action, Held) else None,
        held_at=(rotation.held_at or last.at) if is_held else None,
        old=rotation.old if rotation.new_version else None,
        **known,
    )


class _Known(TypedDict):
    version: str | None
    handle: str | None
    created: datetime | None
    expires: datetime | None
    stated: bool


def _known(baseline: Facts) -> _Known:
    return {
        "version": text(baseline.get("version")),
        "handle": text(baseline.get("handle")),
        "created": unstamp(text(baseline.get("created"))),
        "expires": unstamp(text(baseline.get("expires"))),
        "stated": baseline.get("stated") is True,
    }


def _closed(rotation: Rotation, base: Identity, entries: Iterable[Entry]) -> Identity:
    closed = next(entry for entry in entries if entry.kind is Kind.CLOSED)
    rotated = rotation.outcome == Outcome.SUCCEEDED and rotation.plan not in ("adopt", "repair")
    back = rotation.outcome == Outcome.ROLLED_BACK
    already = base.plan is None and base.last_closed_at == closed.at
    result = rotation.result or {}
    return replace(
        base,
        plan=None,
        opened_at=None,
        phase=None,
        row=None,
        wake_at=None,
        why=None,
        held=None,
        held_at=None,
        old=None,
        last_outcome=rotation.outcome,
        last_closed_at=closed.at,
        last_success_at=closed.at if rotated else base.last_success_at,
        rollbacks=base.rollbacks + (not already) if back else (0 if rotated else base.rollbacks),
        retired=result.get("retired") is True,
        **_known(result),
    )
