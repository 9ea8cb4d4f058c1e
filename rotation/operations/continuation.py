"""Who goes on with what is left open, and from when on."""

from dataclasses import dataclass
from datetime import datetime

from rotation.machine.decide import Action, Held, Wait, gives_up, next_action
from rotation.machine.replay import Rotation


def is_retrying(rotation: Rotation, action: Action) -> bool:
    """Whether it waits out the pause after a failed try."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and rotation.states[row.position].retrying


def keeps_failing(rotation: Rotation, action: Action) -> bool:
    """Whether it never comes to rest by itself while the cause stands."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and is_retrying(rotation, action) and not gives_up(row)


@dataclass(frozen=True, slots=True)
class GoesOn:
    """who: the live runner that does it by itself; None where only `command` does. at: not before."""

    who: str | None
    at: datetime | None

    @property
    def command(self) -> str | None:
        return "rotation run" if self.who is None else None


def goes_on(rotation: Rotation, runner: str | None, now: datetime) -> GoesOn | None:
    """Who goes on with what is still open, and when. A Held one says its ways out itself, as does
    one that a person paused."""
    action = next_action(rotation, now)
    if rotation.outcome is not None or isinstance(action, Held) or rotation.on_hold:
        return None
    until = action.until if isinstance(action, Wait) else None
    return GoesOn(runner, until if until is not None and until > now else None)
