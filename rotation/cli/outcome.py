"""What a verb prints at its end: the state of each rotation, what works, and what to do next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from rotation.approvals.rules import Asks
from rotation.cli.app import settings
from rotation.cli.continuation import goes_on_json, goes_on_lines, ways_on_lines
from rotation.cli.failures import AT_RISK, CANCELLED, FAILED, HELD, LOCKED, OK
from rotation.cli.output import as_json, plain, result
from rotation.cli.session import Session
from rotation.journal.entries import stamp
from rotation.journal.facts import Cause, HeldFor, Inspected, Requested
from rotation.machine.decide import Close, Do, Held, Wait
from rotation.machine.replay import Outcome, Rotation
from rotation.operations.continuation import ways_on
from rotation.plan import Step
from rotation.report.describe import (
    awaited,
    death,
    destroyed,
    duration,
    old_dies,
    outcome_text,
    relative,
    sent_back_by,
    what_works,
)
from rotation.report.exits import ways_out, ways_out_lines, why_held
from rotation.report.health import consumers_at_risk, left_alive, met, seen_at

if TYPE_CHECKING:
    from rotation.operations.advance import RunResult


def print_outcomes(session: Session, arrivals: Mapping[str, "RunResult"]) -> None:
    """arrivals: by the secret's id."""
    now = session.clock.now()
    if settings().output == "json":
        document = [
            outcome_json(name, arrival, session.at_work(arrival.rotation), now)
            for name, arrival in arrivals.items()
        ]
        as_json("rotations", {"rotations": document})
        return
    for name, arrival in arrivals.items():
        for line in _lines(name, arrival, now):
            result(line)
        if not isinstance(arrival.action, Close | Held):
            for line in _goes_on(session, arrival.rotation, now):
                result(f"  {line}")


def _goes_on(session: Session, rotation: Rotation, now: datetime) -> list[str]:
    return goes_on_lines(rotation, session.at_work(rotation), now, stopped=session.stop())


def outcome_json(
    name: str, arrival: "RunResult", runner: str | None, now: datetime
) -> dict[str, Any]:
    rotation, action = arrival.rotation, arrival.action
    dies = old_dies(rotation, now)
    return {
        "secret": name,
        "plan": rotation.plan,
        "rotation": rotation.opened.seq,
        "state": state_word(arrival),
        "outcome": rotation.outcome,
        "held": action.code if isinstance(action, Held) else None,
        "met": met(rotation, action.code) if isinstance(action, Held) else met_on_the_way(rotation),
        "waits_until": stamp(action.until) if isinstance(action, Wait) else None,
        "waits_for": action.why if isinstance(action, Wait) else None,
        "old": rotation.old,
        "new": rotation.new,
        "destroyed": list(destroyed(rotation)),
        "left_alive": list(left_alive(rotation)),
        "death": death(rotation),
        "old_dies_not_before": stamp(dies),
        "what_works": what_works(rotation),
        "seen_at": stamp(seen_at(rotation)),
        "exits": [*ways_out(rotation, name), *ways_on(rotation, action, name)],
        "goes_on": goes_on_json(rotation, runner, now),
        **on_hold_json(rotation),
        "exit_code": exit_code_of(arrival),
    }


def on_hold_json(rotation: Rotation | None) -> dict[str, str | None]:
    """Why it is paused, and who paused it."""
    if rotation is None:
        return {"on_hold": None, "on_hold_by": None}
    return {"on_hold": rotation.on_hold, "on_hold_by": rotation.on_hold_by}


def exit_code_of(arrival: "RunResult") -> int:
    if consumers_at_risk(arrival.rotation):
        return AT_RISK
    match arrival.action:
        case Close(Outcome.SUCCEEDED | Outcome.ACCEPTED):
            return OK
        case Close(Outcome.ROLLED_BACK):
            return FAILED
        case Close():
            return CANCELLED
        case Held():
            return HELD
        case Asks():
            return HELD
        case Wait(None, _, None) if not arrival.rotation.on_hold:
            return LOCKED
        case Wait() | Do():
            return OK


def state_word(arrival: "RunResult") -> str:
    match arrival.action:
        case Close():
            return "closed"
        case Held():
            return "held"
        case _:
            return "waiting"


def _lines(name: str, arrival: "RunResult", now: datetime) -> list[str]:
    rotation, action = arrival.rotation, arrival.action
    label = click.style(plain(name), bold=True)
    match action:
        case Close(outcome):
            works = f"{plain(what_works(rotation))}{_logged_in(rotation, now)}"
            line = f"{label}  {outcome_text(outcome)}{_death(rotation)}; {works}"
            return [line, *sent_back(rotation), *_left(rotation, name), *_warnings(rotation)]
        case Held(code):
            return [
                f"{label}  {click.style('held', fg='red')}",
                *held_lines(rotation, code, name, now),
            ]
        case Wait(until, why):
            when = "" if until is None else f" until {local(until)} ({relative(until, now)})"
            line = f"{label}  waits{when}: {plain(why)}"
            out = [f"  way out: rotation unpause {plain(name)}"] if rotation.on_hold else []
            out += [f"  {line}" for line in ways_on_lines(rotation, action, name)]
            works = works_now(rotation, now)
            return [line, f"  {plain(works)}", *_dies(rotation, now), *out]
        case _:
            return [f"{label}  goes on at the next run"]


def met_on_the_way(rotation: Rotation) -> dict[str, str] | None:
    """The sentence of the row whose refusal started the rollback."""
    row = sent_back_by(rotation)
    if row is None:
        return None
    state = rotation.states[row.position]
    return {
        "message": state.message or state.why or f"{row.name} was refused",
        "code": str(state.record(Cause).cause or state.failed),
        "hint": state.record(Cause).hint or "",
    }


def sent_back(rotation: Rotation) -> list[str]:
    """Why it was rolled back: who asked for it, or which row was refused and what it met."""
    if rotation.asked is not None:
        by = rotation.asked.who or "a person"
        return [f"  why: {plain(str(Requested.of(rotation.asked.facts).verb))} by {plain(by)}"]
    row, found = sent_back_by(rotation), met_on_the_way(rotation)
    if row is None or found is None:
        return []
    why = f"  why: {row.name}: {found['message']} [{found['code']}]"
    return [plain(line) for line in (why, *_next(found))]


def _next(found: Mapping[str, str]) -> list[str]:
    return [f"  next: {found['hint']}"] if found["hint"] else []


def _logged_in(rotation: Rotation, now: datetime) -> str:
    """When the credential that readers were sent back to logged in. It is not tried where readers
    never left it."""
    tried = rotation.state(Step.VERIFY_OLD)
    if rotation.outcome != Outcome.ROLLED_BACK or not tried.done or tried.done_at is None:
        return ""
    return f"; it logged in {ago(tried.done_at, now)}"


def still_alive(left: Sequence[str], name: str) -> str:
    is_, it = ("is", "it") if len(left) == 1 else ("are", "them")
    return (
        f"{', '.join(left)} {is_} not destroyed; the next rotation removes {it} once nobody "
        f"uses {it}: rotation rotate {name}"
    )


def _left(rotation: Rotation, name: str) -> list[str]:
    left = left_alive(rotation)
    return [f"  {plain(still_alive(left, name))}"] if left else []


def _warnings(rotation: Rotation) -> list[str]:
    stale = rotation.state(Step.INSPECT).record(Inspected).stale
    if not stale:
        return []
    keys = plain(", ".join(stale))
    return [
        f"  warning: the secret holds the same credential under {keys} as well",
        "  next: declare that under `composed:` or `accept_stale:`, or no rotation begins",
    ]


def held_lines(rotation: Rotation, code: str, name: str, now: datetime) -> list[str]:
    """Why it is Held, exactly what was met, what works, and the ways out."""
    lines = [
        f"  why: {why_held(code)}",
        *_met_lines(rotation, code),
        *(f"  changed: {each}" for each in HeldFor.of(rotation.last.facts).changed),
        f"  {works_now(rotation, now)}",
        *([f"  {rotation.paused}"] if rotation.on_hold else []),
        *(f"  way out: {line}" for line in ways_out_lines(rotation, name)),
        f"  code: {code}",
    ]
    return [plain(line) for line in lines]


def works_now(rotation: Rotation, now: datetime) -> str:
    """What works, and when that was seen. The time is never later than now, even where the clock
    that saw it was ahead."""
    at = seen_at(rotation)
    seen = "not looked at since it was opened" if at is None else f"seen {ago(min(at, now), now)}"
    return f"works now: {what_works(rotation)} ({seen})"


def _met_lines(rotation: Rotation, code: str) -> list[str]:
    found = met(rotation, code)
    if found is None:
        return []
    cause = "" if found["code"] == code else f" [{found['code']}]"
    return [f"  met: {found['message']}{cause}", *_next(found)]


def _death(rotation: Rotation) -> str:
    grade = death(rotation)
    dead = destroyed(rotation)
    are = "is" if len(dead) == 1 else "are"
    return "" if grade is None else f"; {', '.join(dead)} {are} dead ({grade})"


def _dies(rotation: Rotation, now: datetime) -> list[str]:
    return [f"  {line}" for line in dies_lines(rotation, now)]


def dies_lines(rotation: Rotation, now: datetime) -> list[str]:
    """Empty where the old credential stays, or is gone."""
    dies, awaits = old_dies(rotation, now), awaited(rotation, now)
    if dies is None:
        return []
    if awaits is None:
        return [f"{rotation.old} dies no earlier than {local(dies)} ({relative(dies, now)})"]
    names, after = awaits
    when = f"{duration(after)} after that" if after else "that"
    moved = f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} moved"
    return [plain(f"{rotation.old} lives until {moved}, and dies no earlier than {when}")]


def ago(at: datetime, now: datetime) -> str:
    return f"{local(at)}, {relative(at, now)}"


def local(at: datetime) -> str:
    """In the reader's own time zone, with its name."""
    return f"{at.astimezone():%Y-%m-%d %H:%M %Z}"
