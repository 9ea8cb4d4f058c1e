"""`status`: what an operator looks at every day."""

import gc
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import click

from rotation.calendar import Freeze
from rotation.cli import status_table
from rotation.cli.app import settings, verb
from rotation.cli.continuation import goes_on_lines, ways_on
from rotation.cli.failures import AT_RISK, GENERIC, HELD, OK, worst
from rotation.cli.options import maybe_names_argument
from rotation.cli.outcome import dies_lines, held_lines, local, still_alive, works_now
from rotation.cli.output import as_json, plain, result, table
from rotation.cli.session import Session, open_session
from rotation.cli.status_json import frozen_wait, on_hold, open_rotation, secret_json
from rotation.cli.status_table import Health, Rank
from rotation.cli.unaccounted import with_strangers
from rotation.cli.unmerged import Unmerged, by_stream, unmerged_json, with_spills
from rotation.journal.entries import Entry, Identity
from rotation.journal.facts import baseline_of
from rotation.machine.decide import next_action
from rotation.machine.leftover import NOTHING_LEFT, leftovers_of
from rotation.machine.replay import Rotation, replay
from rotation.machine.unaccounted import Seen, seen_of, with_look
from rotation.report.health import consumers_at_risk, left_alive, may_be_at_risk
from rotation.schedule.brakes import stops
from rotation.schedule.due import DueState, due

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret

Found: TypeAlias = "tuple[str, ConfiguredSecret | None, Identity | None]"
"""A stream, with its secret and its row where there are any."""

Closing: TypeAlias = Entry | None

SHOWN = 20
"""Lines without --all; whatever needs attention is shown up to three times as many."""


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
    "old, unknown, or alive and nobody's.",
)
def status(names: tuple[str, ...], *, everything: bool, connections: bool, check: bool) -> int:
    """Show how old each secret is and where it stands.

    What needs somebody comes first, with what works right now, when the old credential dies, and
    the ways out. Reads the configuration and the journal; asks no provider, except with
    --connections.
    """
    if connections:
        from rotation.cli.connections import tell_connections  # noqa: PLC0415 -- loads adapters

        return tell_connections()
    gc.disable()  # this process ends soon; over a fleet, looking for cycles takes a fifth of it
    with open_session(effectful=False) as session:
        now, found = session.clock.now(), list(unmerged_json(session))
        left, spills = [each for _, each in found], by_stream([told for told, _ in found])
        healths = list(_healths(session, names, now, spills))
        shown = _shown(healths, everything=everything or bool(names))
        if settings().output == "json":
            as_json("status", {
                "stops": stops_json(session), "unmerged": left, "summary": _summary(healths),
                "secrets": [secret_json(session, health, now) for health in shown],
            })  # fmt: skip
        else:
            for each in left:
                result(plain(f"UNMERGED: {each['message']}; {each['hint']} [{each['code']}]"))
            _print(session, healths, shown, now)
        return _exit_code(healths, left=bool(left)) if check else OK


def _healths(
    session: Session, names: Sequence[str], now: datetime, spills: Unmerged
) -> Iterator[Health]:
    seen = seen_of(session.records.installation_entries())
    for stream, health in _by_stream(session, names, now, seen):
        yield with_spills(session, with_strangers(session, health, stream, seen), stream, spills)


def _by_stream(
    session: Session, names: Sequence[str], now: datetime, seen: Mapping[str, Seen]
) -> Iterator[tuple[str, Health]]:
    records, freezes = session.records, session.configuration.freezes
    if names:
        found: Iterable[Found] = list(_named(session, names))
        closings: Iterable[Closing] = (records.closing(stream) for stream, *_ in found)
    else:
        found, closings = _all(session), records.closings(without=NOTHING_LEFT)
    left = _left_alive(closings)
    for stream, entry, row in found:
        off = stream in seen and bool(seen[stream].off)
        folds = row is not None and (may_be_at_risk(row) or stream in left or off)
        rotation = with_look(replay(records.entries(stream)), seen.get(stream)) if folds else None
        if entry is not None:
            yield stream, _health(entry, row, rotation, freezes, now)
        elif row is not None:
            yield stream, _orphan(row, rotation, now)


def _named(session: Session, names: Sequence[str]) -> Iterator[Found]:
    records = session.records
    orphans = [row for name in dict.fromkeys(names) for row in session.orphans_of(name)]
    yield from ((row.stream, None, row) for row in orphans)
    told = {row.secret for row in orphans}
    for entry in dict.fromkeys(session.entry(name) for name in names if name not in told):
        yield entry.stream, entry, records.identity(entry.stream)
        for stream in session.open_streams_of(entry.id):
            if stream != entry.stream:
                yield stream, None, records.identity(stream)


def _all(session: Session) -> Iterator[Found]:
    rows = {row.stream: row for row in session.records.identities()}
    for entry in session.configuration.secrets():
        yield entry.stream, entry, rows.pop(entry.stream, None)
    yield from ((stream, None, row) for stream, row in rows.items() if row.is_alive)


def _left_alive(closings: Iterable[Closing]) -> frozenset[str]:
    """By the closes alone: to fold each rotation of a large fleet takes long."""
    closed = (each for each in closings if each is not None)
    return frozenset(each.stream for each in closed if leftovers_of(baseline_of(each)))


def _orphan(row: Identity, rotation: Rotation | None, now: datetime) -> Health:
    """Only the journal still names it: nothing rotates it, and what is open goes on."""
    held = Rank.HELD if row.held is not None else Rank.ORPHANED
    return Health(
        secret=row.secret,
        policy="?",
        rank=Rank.DOWN if rotation is not None and consumers_at_risk(rotation) else held,
        max_age=timedelta(),
        age=now - row.created if row.created is not None else None,
        due_at=None,
        why="not in the configuration",
        row=row,
        rotation=rotation,
    )


def _health(
    entry: "ConfiguredSecret", row: Identity | None, rotation: Rotation | None,
    freezes: Sequence[Freeze], now: datetime,
) -> Health:  # fmt: skip
    told = due(entry, row, now, freezes)
    age = now - row.created if row is not None and row.created is not None else None
    max_age = timedelta(seconds=entry.max_age_s - entry.over_s(now))
    return Health(
        secret=entry.id,
        policy=entry.class_name,
        rank=_rank(row, rotation, max_age, told.kind, now),
        max_age=max_age,
        age=age,
        due_at=told.at
        if told.kind in (DueState.DUE, DueState.LATER, DueState.PAUSED, DueState.UNKNOWN)
        else None,
        why=told.reason,
        row=row,
        exempt=str(entry.exempt_at(now) or ""),
        rotation=rotation,
    )


def _rank(
    row: Identity | None,
    rotation: Rotation | None,
    max_age: timedelta,
    kind: DueState,
    now: datetime,
) -> Rank:
    if rotation is not None and consumers_at_risk(rotation):
        return Rank.DOWN
    if row is not None and row.held is not None:
        return Rank.HELD
    if kind is DueState.RETIRED:
        return Rank.RETIRED
    if row is not None and row.plan is None and row.expires is not None and row.expires <= now:
        return Rank.DOWN
    if row is not None and row.created is not None and now - row.created > max_age:
        return Rank.PAST_MAX_AGE
    if rotation is not None and left_alive(rotation):
        return Rank.LEFT_ALIVE
    if row is not None and row.on_hold:
        return Rank.ON_HOLD
    return _BY_KIND[kind]


_BY_KIND = {
    DueState.HELD: Rank.HELD,
    DueState.NEVER: Rank.UNKNOWN,
    DueState.UNKNOWN: Rank.UNKNOWN,
    DueState.OPEN: Rank.OPEN,
    DueState.DUE: Rank.DUE,
    DueState.LATER: Rank.FINE,
    DueState.PAUSED: Rank.PAUSED,
}


def _shown(healths: list[Health], *, everything: bool) -> list[Health]:
    if everything:
        return sorted(healths, key=lambda health: health.order)
    urgent = sum(health.rank.needs_attention for health in healths)
    many = min(max(SHOWN, urgent), 3 * SHOWN)
    return heapq.nsmallest(many, healths, key=lambda health: health.order)


def _print(session: Session, healths: list[Health], shown: list[Health], now: datetime) -> None:
    tell_stops(session)
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


def tell_stops(session: Session) -> None:
    """First of all: what keeps every secret where it is."""
    for stop in stops(session.configuration, session.records):
        kind, _, reason = stop.message.partition(": ")
        result(plain(f"{kind.upper()}: {reason}; {stop.hint} [{stop.code}]"))


def stops_json(session: Session) -> list[dict[str, str]]:
    return [
        {"code": stop.code, "message": stop.message, "hint": stop.hint}
        for stop in stops(session.configuration, session.records)
    ]


def _details(session: Session, health: Health, now: datetime) -> list[str]:
    """Of a rotation that is open: what works, until when, and the ways out."""
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
    out += _strangers(health)
    rotation = open_rotation(session, health)
    if rotation is None and health.rank is Rank.DOWN:
        return [*_down(health, now), *out]
    if rotation is None:
        return out
    if rotation.held is not None:
        held = held_lines(rotation, rotation.held, health.secret, now)
        return [*(line.strip() for line in held), *_strangers(health)]
    frozen = frozen_wait(session, rotation, now)
    waits = frozen.why if frozen else health.row.why if health.row else None
    lines = [f"waits for: {plain(waits.removeprefix('waits for '))}"] if waits else []
    lines.append(plain(works_now(rotation, now)))
    lines += dies_lines(rotation, now)
    action = next_action(rotation, now)
    lines += [
        f"once the cause is over: {plain(line)}"
        for line in ways_on(rotation, action, health.secret)
    ]
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


def _paused(session: Session, health: Health) -> list[str]:
    """Who paused it, why, and how it goes on."""
    rotation = on_hold(session, health)
    if rotation is None:
        return []
    return [plain(rotation.paused), f"way out: rotation unpause {plain(health.secret)}"]


def _down(health: Health, now: datetime) -> list[str]:
    """Nothing is open: what readers get ended, or the last rotation was given up in that state."""
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


def _exit_code(healths: Iterable[Health], *, left: bool) -> int:
    codes = [_CODES[health.rank] for health in healths if health.rank in _CODES]
    return worst([*codes, HELD] if left else codes)


_CODES = {
    Rank.DOWN: AT_RISK,
    Rank.HELD: HELD,
    Rank.PAST_MAX_AGE: GENERIC,
    Rank.ORPHANED: GENERIC,
    Rank.LEFT_ALIVE: GENERIC,
    Rank.UNACCOUNTED: GENERIC,
    Rank.UNKNOWN: GENERIC,
}
