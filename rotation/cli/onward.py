"""Who goes on with what is left open, from when on, and how a person makes it try at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rotation.describe import relative
from rotation.entries import stamp
from rotation.fold import Rotation
from rotation.machine import Action, Held, Wait, gives_up, next_action


def is_retrying(rotation: Rotation, action: Action) -> bool:
    """Whether it waits out the pause after a failed try."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and rotation.states[row.position].retrying


def keeps_failing(rotation: Rotation, action: Action) -> bool:
    """Whether it never comes to rest by itself while the cause stands."""
    row = action.row if isinstance(action, Wait) else None
    return row is not None and is_retrying(rotation, action) and not gives_up(row)


def ways_on(rotation: Rotation, action: Action, name: str) -> list[str]:
    """What a person can type though it is not Held, once the cause is over."""
    return [f"rotation resume {name} --now"] if is_retrying(rotation, action) else []


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


def goes_on_lines(
    rotation: Rotation, runner: str | None, now: datetime, *, stopped: bool
) -> list[str]:
    found = goes_on(rotation, runner, now)
    if found is None:
        return []
    begin = "stopped by you: " if stopped else ""
    at = found.at
    when = f", not before {at:%Y-%m-%d %H:%M:%S}Z ({relative(at, now)})" if at else ""
    if found.who is not None:
        return [f"{begin}{found.who} is alive and goes on by itself{when}"]
    return [f"{begin}nobody goes on with it; `{found.command}` does{when}"]


def goes_on_json(rotation: Rotation, runner: str | None, now: datetime) -> dict[str, Any] | None:
    found = goes_on(rotation, runner, now)
    if found is None:
        return None
    return {"who": found.who, "at": stamp(found.at), "command": found.command}
