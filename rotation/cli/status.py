"""`status`: what an operator looks at every day."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import click

from rotation.cli import status_table
from rotation.cli.app import settings, verb
from rotation.cli.continuation import goes_on_lines, ways_on_lines
from rotation.cli.failures import AT_RISK, GENERIC, HELD, OK, worst
from rotation.cli.options import maybe_names_argument
from rotation.cli.outcome import dies_lines, held_lines, local, still_alive, works_now
from rotation.cli.output import as_json, note, plain, result, table
from rotation.cli.session import Session, open_session
from rotation.cli.status_json import secret_json
from rotation.errors import JournalError, PolicyRefusal
from rotation.journal.spill import SpillRecord
from rotation.machine.decide import next_action
from rotation.operations.approvals import reviews_of_approvals
from rotation.operations.fleet import (
    Health,
    Rank,
    Spills,
    gated_wait,
    hold_end,
    most_urgent,
    on_hold,
    open_rotation,
    spilled,
    standing,
)
from rotation.report.health import left_alive
from rotation.schedule.brakes import stops
from rotation.schedule.breaker import trips


@verb("status", "status", "status billing-iam", "status --check -o json")
@maybe_names_argument
@click.option("--all", "everything", is_flag=True, help="Every secret, not the urgent ones first.")
@click.option(
    "--connections", is_flag=True, help="What the tool itself logs in with; asks each service."
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit 12 where readers are without a credential, 11 where one is held, 1 where one is too "
    "old, unknown, or alive and nobody's, or where alerts do not get through.",
)
def status(names: tuple[str, ...], *, everything: bool, connections: bool, check: bool) -> int:
    """Show how old each secret is and where it stands.

    What needs somebody comes first, with what works right now, when the old credential dies, and
    the ways out. Reads the configuration and the journal; asks no provider, except with
    --connections.
    """
    if connections:
        from rotation.cli.connections import print_connections  # noqa: PLC0415 -- loads adapters

        return print_connections()
    # this process ends soon; over a fleet, looking for cycles takes a fifth of its time
    gc.disable()
    with open_session(effectful=False) as session:
        now, spills = session.clock.now(), list(spilled(session))
        left = [_unmerged(path, spill) for path, spill in spills]
        healths = _standing(session, names, now, spills)
        silent, reviews = _undelivered(session), _reviews(session)
        shown = most_urgent(healths, everything=everything or bool(names))
        if settings().output == "json":
            as_json("status", {
                "stops": stops_json(session), "unmerged": left, "alerts": silent, "reviews": reviews, "summary": _summary(healths),
                "secrets": [secret_json(session, health, now) for health in shown],
            })  # fmt: skip
        else:
            for each in left:
                result(_unmerged_line(each))
            for each in reviews:
                result(plain(f"REVIEW: {each['message']}; {each['hint']} [{each['code']}]"))
            for each in silent:
                result(plain(f"ALERTS: {each['message']}; {each['hint']} [{each['code']}]"))
            _print(session, healths, shown, now)
        return _exit_code(healths, left=bool(left), silent=bool(silent)) if check else OK


def _undelivered(session: Session) -> list[dict[str, str]]:
    """The routes that alerts do not get through."""
    if not session.configuration.alerts.routes:
        return []
    from rotation.cli.alerts import failing_routes  # noqa: PLC0415 -- only where there are routes

    return failing_routes(session)


def _reviews(session: Session) -> list[dict[str, str]]:
    """Of emergencies that did not wait for approval."""
    return [
        {"code": "approval.review", "message": f"{name}: {found.why}", "hint": f"`{next_}`"}
        for name, found, next_ in reviews_of_approvals(session)
    ]


def _standing(
    session: Session, names: tuple[str, ...], now: datetime, spills: Spills
) -> list[Health]:
    """Where the journal cannot be read, what it does not have yet is told all the same."""
    try:
        return list(standing(session, names, now, spills))
    except JournalError:
        for path, spill in spills:
            note(_unmerged_line(_unmerged(path, spill)))
        raise


def _unmerged(path: Path, spill: SpillRecord) -> dict[str, str]:
    return {
        "code": "emergency.unmerged",
        "message": spill.unknown,
        "hint": f"`rotation emergency merge {path}`",
    }


def _unmerged_line(left: dict[str, str]) -> str:
    return plain(f"UNMERGED: {left['message']}; {left['hint']} [{left['code']}]")


def _print(session: Session, healths: list[Health], shown: list[Health], now: datetime) -> None:
    print_stops(session)
    lines = table(
        status_table.HEAD,
        [status_table.cells(health, now) for health in shown],
        spare=status_table.SPARE,
    )
    result(lines[0])
    for health, line in zip(shown, lines[1:], strict=True):
        result(line)
        if health.exempt:
            result(f"    {plain(health.exempt)}")
        for detail in _details(session, health, now):
            result(f"    {detail}")
    if len(shown) < len(healths):
        result(f"… and {len(healths) - len(shown)} more that are less urgent: --all")
    result()
    result(_summary_line(healths))


def print_stops(session: Session) -> None:
    """Printed first: what stops every secret, or those of a class on a connection."""
    for stop in _stops(session):
        kind, _, reason = stop.message.partition(": ")
        result(plain(f"{kind.upper()}: {reason}; {stop.hint} [{stop.code}]"))


def stops_json(session: Session) -> list[dict[str, str]]:
    return [
        {"code": stop.code, "message": stop.message, "hint": stop.hint} for stop in _stops(session)
    ]


def _stops(session: Session) -> Iterator[PolicyRefusal]:
    yield from stops(session.configuration, session.records)
    yield from (trip.refusal for trip in trips(session.records).values())


def _details(session: Session, health: Health, now: datetime) -> list[str]:
    """For an open rotation: what works, until when, and the ways out."""
    name = plain(health.secret)
    if health.rank is Rank.UNKNOWN and health.row is not None:
        return [f"next: rotation adopt {name} --created DATE, the day on which it was made"]
    if health.rank is Rank.UNKNOWN:
        return [f"next: rotation adopt {name}, or rotation create {name} where it is empty"]
    if health.unmerged:
        return ["next: bring in what the emergency did, by the command above"]
    out = _orphaned(health)
    out += _paused(session, health)
    if health.rotation is not None and (left := left_alive(health.rotation)):
        out.append(f"left alive: {still_alive(left, health.secret)}")
    out += [*_strangers(health), *_drift(health)]
    rotation = open_rotation(session, health)
    if rotation is None and health.rank is Rank.DOWN:
        return [*_down(health, now), *out]
    if rotation is None:
        return out
    if rotation.held is not None:
        held = held_lines(rotation, rotation.held, health.secret, now)
        return [*(line.strip() for line in held), *_strangers(health), *_drift(health)]
    gated = gated_wait(session, rotation, now)
    waits = gated.why if gated else health.row.why if health.row else None
    lines = [f"waits for: {plain(waits.removeprefix('waits for '))}"] if waits else []
    lines.append(plain(works_now(rotation, now)))
    lines += dies_lines(rotation, now)
    action = gated or next_action(rotation, now)
    lines += ways_on_lines(rotation, action, health.secret)
    lines += goes_on_lines(rotation, session.at_work(rotation), now, stopped=False)
    return [*lines, *out]


def _orphaned(health: Health) -> list[str]:
    if health.rank is not Rank.ORPHANED:
        return []
    name = plain(health.secret)
    ends = f"to end it for good, `rotation retire {name}` before its entry goes again"
    return [f"next: put {name} back into the configuration; {ends}"]


def _strangers(health: Health) -> list[str]:
    if not health.strangers or health.strangers_at is None:
        return []
    found, name = ", ".join(health.strangers), plain(health.secret)
    lines = [f"alive and not known: {plain(found)} (seen {local(health.strangers_at)})"]
    if health.rank is Rank.UNACCOUNTED:
        lines.append(
            f"next: remove it where nobody needs it, then rotation reconcile {name}; or "
            f"rotation rotate {name} asks whose it is"
        )
    return lines


def _drift(health: Health) -> list[str]:
    if health.differs_at is None:
        return []
    seen = f"(seen {local(health.differs_at)})"
    return [
        plain(line)
        for code, (message, next_) in health.differs.items()
        for line in (f"differs: {message} {seen} [{code}]", *([f"next: {next_}"] if next_ else []))
    ]


def _paused(session: Session, health: Health) -> list[str]:
    """Who paused it, why, and how it goes on."""
    rotation = on_hold(session, health)
    if rotation is None:
        return []
    name, end = plain(health.secret), hold_end(session, health)
    ends = f"the pause ends {local(end)}: `serve` or `run` lifts it then" if end else ""
    way_out = f"way out: rotation unpause {name}"
    return [plain(rotation.paused), *([ends] if ends else []), way_out]


def _down(health: Health, now: datetime) -> list[str]:
    """Nothing is open, but what readers get has ended, or the last rotation was given up in that
    state."""
    works = plain(works_now(health.rotation, now)) if health.rotation is not None else ""
    ended = health.row is not None and health.row.expires is not None and not works
    return [
        *([works] if works else []),
        *(
            [f"ended: {local(health.row.expires)}"]
            if ended and health.row and health.row.expires
            else []
        ),
        f"way out: rotation rotate {plain(health.secret)} --replace",
    ]


def _summary(healths: Iterable[Health]) -> dict[str, int]:
    counted = Counter(health.rank.word for health in healths)
    return {rank.word: counted[rank.word] for rank in Rank}


def _summary_line(healths: list[Health]) -> str:
    parts = [f"{count} {word}" for word, count in _summary(healths).items() if count]
    count = f"{len(healths)} secret{'' if len(healths) == 1 else 's'}"
    return count + (f": {', '.join(parts)}" if parts else "")


def _exit_code(healths: Iterable[Health], *, left: bool, silent: bool) -> int:
    codes = [_CODES[health.rank] for health in healths if health.rank in _CODES]
    return worst([*codes, *[HELD] * left, *[GENERIC] * silent])


_CODES = {
    Rank.DOWN: AT_RISK,
    Rank.HELD: HELD,
    Rank.PAST_MAX_AGE: GENERIC,
    Rank.ORPHANED: GENERIC,
    Rank.LEFT_ALIVE: GENERIC,
    Rank.UNACCOUNTED: GENERIC,
    Rank.DRIFT: GENERIC,
    Rank.UNKNOWN: GENERIC,
}
