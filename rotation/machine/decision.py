"""A runner's decision, as the journal keeps it (`next`): a reader learns from it what a rotation waits
for, and does not decide again. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from rotation.journal.decided import Decided, Deciding
from rotation.journal.entries import Draft, Entry
from rotation.journal.identity_row import standing
from rotation.machine.decide import Action, Close, Do, Held, Wait
from rotation.machine.replay import Rotation, failed_row


def decided(rotation: Rotation, action: Action) -> Decided:
    """The decision as facts. A wait without a known end is not among them, so the rotation stays due:
    no entry says when its gate opens."""
    row = action.row if isinstance(action, Do | Wait) else failed_row(rotation)
    said = Decided() if row is None else Decided(phase=str(row.phase), row=row.name)
    match action:
        case Held(code):
            said |= Decided(held=code, until=None)
            said |= Decided() if rotation.held is None else Decided(held_at=rotation.held_at)
        case Wait(until, why, row) if until is not None or row is None:
            said |= Decided(until=until, why=why)
    return said | Decided(old=rotation.old) if rotation.new_version else said


def with_decision(drafts: Sequence[Draft], rotation: Rotation, action: Action) -> list[Draft]:
    """The drafts, with the decision in the last one. A closed rotation waits for nothing."""
    if isinstance(action, Close):
        return [*drafts]
    *before, last = drafts
    said = Deciding(next=decided(rotation, action).facts)
    return [*before, replace(last, facts={**last.facts, **said.facts})]


def is_recorded(entries: Sequence[Entry], rotation: Rotation, action: Action) -> bool:
    """Whether the journal has that decision. One without `until` is due anyway and is not compared."""
    said, now, whenever = decided(rotation, action), standing(entries), Decided(held_at=None)
    if rotation.outcome is not None or not said.has(Decided.until):
        return True
    return now.stands and (now.decided | whenever).facts == (said | whenever).facts
