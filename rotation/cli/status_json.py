"""`status` for a program: one secret, with what only its journal tells."""

from datetime import datetime
from typing import Any

from rotation.cli import status_table
from rotation.cli.continuation import goes_on_json
from rotation.cli.outcome import on_hold_json
from rotation.cli.session import Session
from rotation.journal.entries import stamp
from rotation.machine.decide import next_action
from rotation.machine.replay import Rotation
from rotation.operations.continuation import ways_on
from rotation.operations.fleet import Health, gated_wait, hold_end, on_hold, open_rotation
from rotation.report.describe import old_dies, what_works
from rotation.report.exits import ways_out
from rotation.report.health import given, seen_at


def secret_json(session: Session, health: Health, now: datetime) -> dict[str, Any]:
    document = {**status_table.as_json(health), **_rotation_json(session, health, now)}
    paused = on_hold_json(on_hold(session, health))
    until = stamp(hold_end(session, health))
    return {**document, **paused, "exception": health.exempt or None, "on_hold_until": until}


def _rotation_json(session: Session, health: Health, now: datetime) -> dict[str, Any]:
    rotation = open_rotation(session, health)
    if rotation is None:
        return {
            "what_works": None,
            "seen_at": None,
            "old_dies_not_before": None,
            "exits": [],
            "goes_on": None,
        }
    return {
        **_current(rotation),
        **_frozen(session, rotation, now),
        "what_works": what_works(rotation),
        "seen_at": stamp(seen_at(rotation)),
        "old_dies_not_before": stamp(old_dies(rotation, now)),
        "exits": [
            *ways_out(rotation, health.secret),
            *ways_on(rotation, next_action(rotation, now), health.secret),
        ],
        "goes_on": goes_on_json(rotation, session.at_work(rotation), now),
    }


def _current(rotation: Rotation) -> dict[str, Any]:
    """What readers get now. The row has what they got before the rotation was opened; that stays
    while a move of the label is in doubt."""
    found = given(rotation)
    return {"current": next(iter(found))} if len(found) == 1 else {}


def _frozen(session: Session, rotation: Rotation, now: datetime) -> dict[str, Any]:
    waits = gated_wait(session, rotation, now)
    return {} if waits is None else {"waits_until": stamp(waits.until), "waits_for": waits.why}
