"""Who goes on with what is left open, from when on, and how a person makes it try at once."""

from datetime import datetime

from rotation.describe import relative
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


def goes_on_lines(
    rotation: Rotation, runner: str | None, now: datetime, *, stopped: bool
) -> list[str]:
    """Who goes on with what is still open, and when. A Held one says its ways out itself, as does
    one that a person put on hold."""
    action = next_action(rotation, now)
    if rotation.outcome is not None or isinstance(action, Held) or rotation.on_hold:
        return []
    begin = "stopped by you: " if stopped else ""
    until = action.until if isinstance(action, Wait) else None
    late = until is not None and until > now
    when = (
        f", not before {until:%Y-%m-%d %H:%M:%S}Z ({relative(until, now)})"
        if until and late
        else ""
    )
    if runner is not None:
        return [f"{begin}{runner} is alive and goes on by itself{when}"]
    return [f"{begin}nobody goes on with it; `rotation run` does{when}"]
