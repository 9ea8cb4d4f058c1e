"""The past: `history` lists rotations, `show` prints one."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.options import maybe_name_argument, name_argument
from rotation.cli.outcome import (
    dies_lines,
    held_lines,
    local,
    met_on_the_way,
    on_hold_json,
    sent_back,
    works_now,
)
from rotation.cli.output import Cell, as_json, plain, result, table
from rotation.cli.progress import SPARED, evidence_of, is_spared
from rotation.cli.session import open_session
from rotation.journal.entries import stamp, unstamp
from rotation.journal.facts import (
    Confirmed,
    Contained,
    Destroyed,
    Drained,
    FoundDead,
    Issued,
    Logins,
    Opened,
    Proof,
    Relabelled,
    Saved,
    Soaked,
    Suspended,
    Written,
)
from rotation.journal.record import Fact
from rotation.machine.replay import Rotation
from rotation.operations.approvals import words_about
from rotation.operations.history import latest, the_one
from rotation.plan import RowInstance, Step
from rotation.report.describe import (
    death,
    destroyed,
    duration,
    old_dies,
    outcome_text,
    relative,
    row_mark,
    rows_taken,
    sent_back_by,
    what_works,
)
from rotation.report.exits import ways_out
from rotation.report.health import seen_at


@verb("history", "history", "history billing-iam", "history -n 5 -o json")
@maybe_name_argument
@click.option("-n", "--number", default=20, show_default=True, help="At most this many.")
def history(name: str | None, *, number: int) -> int:
    """List past rotations, the latest first."""
    with open_session(effectful=False) as session:
        found = latest(session, name, number)
        if settings().output == "json":
            as_json("history", {"rotations": [_summary(rotation) for rotation in found]})
            return 0
        if not found:
            result("no rotation yet")
            return 0
        rows = [_row(rotation, session.clock.now()) for rotation in found]
        for line in table(HEAD, rows, spare=("took", "by", "plan")):
            result(line)
        return 0


def _summary(rotation: Rotation) -> dict[str, Any]:
    opened = rotation.opened
    return {
        "secret": Opened.of(opened.facts).secret,
        "rotation": opened.seq,
        "plan": rotation.plan,
        "trigger": Opened.of(opened.facts).trigger,
        "who": opened.who,
        "opened_at": stamp(opened.at),
        "last_at": stamp(rotation.last.at),
        "outcome": rotation.outcome,
        "held": rotation.held,
        "met": met_on_the_way(rotation),
        "old": rotation.old,
        "new": rotation.new,
        "destroyed": list(destroyed(rotation)),
        "death": death(rotation),
        **_incident(rotation),
    }


def _incident(rotation: Rotation) -> dict[str, Any]:
    """The facts of an emergency: its reason, its scope, and what was saved before anything was
    erased."""
    saved = Saved.only(rotation.state(Step.EVIDENCE).facts)
    return {
        "reason": Opened.of(rotation.opened.facts).reason,
        "scope": rotation.scope,
        "evidence": saved.facts,
    }


HEAD = ("secret", "rotation", "plan", "opened", "took", "by", "outcome")


def _row(rotation: Rotation, now: datetime) -> list[Cell]:
    opened = rotation.opened
    span = (rotation.last.at if rotation.outcome else now) - opened.at
    return [
        Cell(plain(Opened.of(opened.facts).secret), {"bold": True}),
        Cell(str(opened.seq)),
        Cell(rotation.plan),
        Cell(local(opened.at)),
        Cell(duration(span)),
        Cell(plain(opened.who or str(Opened.of(opened.facts).trigger))),
        _outcome_cell(rotation),
    ]


def _outcome_cell(rotation: Rotation) -> Cell:
    if rotation.outcome is None:
        return Cell("held", {"fg": "red"}) if rotation.held else Cell("open", {"fg": "yellow"})
    good = rotation.outcome in ("succeeded", "accepted")
    grade = death(rotation)
    reason = Opened.of(rotation.opened.facts).reason
    refused = sent_back_by(rotation)
    return Cell(
        rotation.outcome
        + (f", old one {grade} dead" if grade else "")
        + (plain(f"; {refused.name} was refused") if refused else "")
        + (plain(f"; {reason}") if reason else ""),
        {"fg": "green" if good else "yellow"},
    )


@verb("show", "show billing-iam", "show billing-iam --rotation 41", "show billing-iam -o json")
@name_argument
@click.option("--rotation", "number", type=int, help="Its number in `history`; else the latest.")
def show(name: str, *, number: int | None) -> int:
    """Show one rotation, row by row.

    When each row was done and what it found; what works now, and what can be done.
    """
    with open_session(effectful=False) as session:
        rotation = the_one(session, name, number)
        now = session.clock.now()
        if settings().output == "json":
            words = [
                {**asdict(each), "at": stamp(each.at)} for each in words_about(session, rotation)
            ]
            as_json("rotation", {**_details(rotation, name, now), "approvals": words})
            return 0
        for line in _lines(rotation, name, now):
            result(line)
        for each in words_about(session, rotation):
            result(plain(f"{local(each.at)}  {each.who}: {each}"))
        return 0


def _details(rotation: Rotation, name: str, now: datetime) -> dict[str, Any]:
    return {
        **_summary(rotation),
        "mode": rotation.mode,
        "rows": [_row_json(rotation, row) for row in rows_taken(rotation)],
        "what_works": what_works(rotation),
        "seen_at": stamp(seen_at(rotation)),
        "old_dies_not_before": stamp(old_dies(rotation, now)),
        "exits": list(ways_out(rotation, name)),
        **on_hold_json(rotation),
    }


def _row_json(rotation: Rotation, row: RowInstance) -> dict[str, Any]:
    state = rotation.states[row.position]
    return {
        "row": row.name,
        "phase": row.phase,
        "state": row_mark(rotation, row),
        "began_at": stamp(state.began_at),
        "done_at": stamp(state.done_at) if state.done else None,
        "waits_until": stamp(state.until) if not state.done else None,
        "tries": state.tries,
        "code": state.failed,
        "message": None if state.done else state.message or state.why,
        "facts": state.facts,
    }


_STYLES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "done": ("✓", {"fg": "green"}),
    "failed": ("✗", {"fg": "red"}),
    "doubt": ("?", {"fg": "yellow"}),
    "waits": ("…", {"fg": "cyan"}),
    "open": ("·", {"dim": True}),
}


def _lines(rotation: Rotation, name: str, now: datetime) -> Iterator[str]:
    opened = rotation.opened
    by = opened.who or Opened.of(opened.facts).trigger
    yield plain(f"{name}  {rotation.plan}, opened {local(opened.at)} by {by}")
    yield from map(plain, _incident_lines(rotation, now))
    yield ""
    rows = [_row_cells(rotation, row, now) for row in rows_taken(rotation)]
    yield from table(("", "", "", "", ""), rows, indent="  ")
    yield ""
    if rotation.outcome is not None:
        yield f"outcome: {outcome_text(rotation.outcome)}"
        yield from sent_back(rotation)
    elif rotation.held is not None:
        yield from held_lines(rotation, rotation.held, name, now)
        return
    yield plain(works_now(rotation, now))
    yield from dies_lines(rotation, now)


def _incident_lines(rotation: Rotation, now: datetime) -> Iterator[str]:
    incident, opened = _incident(rotation), Opened.of(rotation.opened.facts)
    if incident["reason"]:
        yield f"  reason: {incident['reason']}"
    if incident["scope"]:
        yield f"  scope: {', '.join(incident['scope'])}"
    if opened.spill:
        yield f"  contained without the journal {_when(opened.contained_at, now)}"
    for handle, state, created, used, service in incident["evidence"].get("instances", ()):
        where = f" at {service}" if service else ""
        last = f"last used {_when(used, now)}{where}" if used else "no known use"
        made = f"made {_when(created, now)}" if created else "age unknown"
        yield f"  evidence: {handle} was {state}, {made}, {last}"


def _when(at: object, now: datetime) -> str:
    moment = unstamp(str(at))
    return "" if moment is None else f"{local(moment)} ({relative(moment, now)})"


def _row_cells(rotation: Rotation, row: RowInstance, now: datetime) -> list[Cell]:
    state = rotation.states[row.position]
    word = row_mark(rotation, row)
    sign, style = _STYLES[word]
    at = state.done_at if state.done else state.began_at
    return [
        Cell(sign, style),
        Cell(str(row.phase)),
        Cell(row.name, {"bold": True}),
        Cell(f"{at.astimezone():%m-%d %H:%M:%S}" if at else ""),
        Cell(plain(_found(rotation, row, now)), {"dim": word == "open"}),
    ]


_SHOWN: tuple[Fact[Any, Any], ...] = (
    Issued.new, Issued.new_version, Logins.logins, Confirmed.evidence, Written.version,
    Suspended.suspended, Destroyed.destroyed, Soaked.signal, Proof.grade, Contained.contained,
    FoundDead.handle, Relabelled.repair, Drained.last_used,
)  # fmt: skip


def _found(rotation: Rotation, row: RowInstance, now: datetime) -> str:
    """What the row met or found, in a few words."""
    state = rotation.states[row.position]
    if state.failed:
        return state.message or state.failed
    if not state.done and state.until is not None:
        return f"{state.why}; {relative(state.until, now)}"
    if state.done and is_spared(row.step, state.facts):
        return SPARED
    return ", ".join(
        f"{fact.name.replace('_', ' ')} {_short(fact, state.facts[fact.name])}"
        for fact in _SHOWN
        if state.facts.get(fact.name)
    )


def _short(fact: Fact[Any, Any], value: object) -> str:
    if fact is Confirmed.evidence:
        return evidence_of(str(value))
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)
