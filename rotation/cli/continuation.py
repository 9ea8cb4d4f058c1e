"""Says which process continues an open rotation, when, and how an operator makes it try at once."""

from datetime import datetime
from typing import Any

from rotation.approvals.rules import Asks
from rotation.cli.output import plain
from rotation.journal.entries import stamp
from rotation.machine.decide import Action
from rotation.machine.replay import Rotation
from rotation.operations.continuation import goes_on, ways_on
from rotation.report.describe import relative


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


def ways_on_lines(rotation: Rotation, action: Action, name: str) -> list[str]:
    """What an operator can type while it waits."""
    when = "for who may agree" if isinstance(action, Asks) else "once the cause is over"
    return [plain(f"{when}: {line}") for line in ways_on(rotation, action, name)]


def goes_on_json(rotation: Rotation, runner: str | None, now: datetime) -> dict[str, Any] | None:
    found = goes_on(rotation, runner, now)
    if found is None:
        return None
    return {"who": found.who, "at": stamp(found.at), "command": found.command}
