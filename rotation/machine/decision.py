"""What a runner decided, as the journal keeps it (`next`): nobody decides it again to know what a
rotation waits for. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from rotation.journal.decided import Decided, Deciding
from rotation.journal.entries import Draft, Entry
from rotation.journal.identity_row import standing
from rotation.machine.decide import Action, Close, Do, Held, Wait
from rotation.machine.replay import Rotation, failed_row


def decided(rotation: Rotation, action: Action) -> Decided:
    """What waits for a gate whose end nobody knows is due: no entry tells that it opened."""
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
    """The last of them says it; what is closed waits for nothing."""
    if isinstance(action, Close):
        return [*drafts]
    *before, last = drafts
    said = Deciding(next=decided(rotation, action).facts)
    return [*before, replace(last, facts={**last.facts, **said.facts})]


def is_recorded(entries: Sequence[Entry], rotation: Rotation, action: Action) -> bool:
    """Whether the journal has it. What is due is due whatever it says."""
    said, now, whenever = decided(rotation, action), standing(entries), Decided(held_at=None)
    if rotation.outcome is not None or not said.has(Decided.until):
        return True
    return now.stands and (now.decided | whenever).facts == (said | whenever).facts
