"""What a runner decided, as the journal keeps it (`next`): nobody decides it again to know what a
rotation waits for. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from rotation.journal.entries import NEXT, Draft, Entry, stamp
from rotation.journal.identity_row import standing
from rotation.machine.decide import Action, Close, Do, Held, Wait
from rotation.machine.replay import Rotation, failed_row
from rotation.types import Facts


def decision_facts(rotation: Rotation, action: Action) -> Facts:
    """What waits for a gate whose end nobody knows is due: no entry tells that it opened."""
    row = action.row if isinstance(action, Do | Wait) else failed_row(rotation)
    facts: Facts = {} if row is None else {"phase": str(row.phase), "row": row.name}
    match action:
        case Held(code):
            facts |= {"held": code, "until": None}
            facts |= {} if rotation.held is None else {"held_at": stamp(rotation.held_at)}
        case Wait(until, why, row) if until is not None or row is None:
            facts |= {"until": stamp(until), "why": why}
    return {**facts, "old": rotation.old} if rotation.new_version else facts


def with_decision(drafts: Sequence[Draft], rotation: Rotation, action: Action) -> list[Draft]:
    """The last of them says it; what is closed waits for nothing."""
    if isinstance(action, Close):
        return [*drafts]
    *before, last = drafts
    return [*before, replace(last, facts={**last.facts, NEXT: decision_facts(rotation, action)})]


def is_recorded(entries: Sequence[Entry], rotation: Rotation, action: Action) -> bool:
    """Whether the journal has it. What is due is due whatever it says."""
    decided, now = decision_facts(rotation, action), standing(entries)
    if rotation.outcome is not None or "until" not in decided:
        return True
    return now.stands and {**now.decided, "held_at": None} == {**decided, "held_at": None}
