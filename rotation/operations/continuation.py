"""Which process continues an open rotation, and when."""

from dataclasses import dataclass
from datetime import datetime

from rotation.approvals.rules import Asks
from rotation.machine.decide import Action, Held, Wait, gives_up, next_action
from rotation.machine.replay import Rotation


def is_retrying(rotation: Rotation, action: Action) -> bool:
    """Whether it waits for the end of the pause after a failed try."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and rotation.states[row.position].retrying


def ways_on(rotation: Rotation, action: Action, name: str) -> list[str]:
    """What an operator can type for a rotation that is not Held, once the cause is gone."""
    if isinstance(action, Asks):
        return [f"rotation approve {name}"]
    return [f"rotation resume {name} --now"] if is_retrying(rotation, action) else []


def keeps_failing(rotation: Rotation, action: Action) -> bool:
    """Whether it will be tried for ever while the cause lasts."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and is_retrying(rotation, action) and not gives_up(row)


@dataclass(frozen=True, slots=True)
class GoesOn:
    """Who continues an open rotation."""

    who: str | None  # the live runner that does it by itself; None: only `command` does
    at: datetime | None  # not before this time

    @property
    def command(self) -> str | None:
        return "rotation run" if self.who is None else None


def goes_on(rotation: Rotation, runner: str | None, now: datetime) -> GoesOn | None:
    """Who continues it, and when. None where it is closed, Held or paused: those say their own way
    out."""
    action = next_action(rotation, now)
    if rotation.outcome is not None or isinstance(action, Held) or rotation.on_hold:
        return None
    until = action.until if isinstance(action, Wait) else None
    return GoesOn(runner, until if until is not None and until > now else None)
