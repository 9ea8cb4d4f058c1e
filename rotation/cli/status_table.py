"""The rows of `status`, for a person and for a program. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rotation.cli.outcome import local
from rotation.cli.output import Cell, plain
from rotation.journal.entries import stamp
from rotation.journal.identity_row import AT_ONCE
from rotation.operations.fleet import Health, Rank
from rotation.report.describe import duration, relative
from rotation.report.health import left_alive

BAR = 10


_STYLES: Mapping[Rank, Mapping[str, Any]] = {
    Rank.DOWN: {"fg": "red", "bold": True},
    Rank.ORPHANED: {"fg": "yellow"},
    Rank.LEFT_ALIVE: {"fg": "yellow"},
    Rank.UNACCOUNTED: {"fg": "yellow"},
    Rank.DRIFT: {"fg": "yellow"},
    Rank.HELD: {"fg": "red", "bold": True},
    Rank.PAST_MAX_AGE: {"fg": "red"},
    Rank.UNKNOWN: {"fg": "yellow"},
    Rank.ON_HOLD: {"fg": "yellow"},
    Rank.OPEN: {"fg": "cyan"},
    Rank.DUE: {"fg": "cyan"},
    Rank.FINE: {"fg": "green"},
    Rank.PAUSED: {"dim": True},
    Rank.RETIRED: {"dim": True},
}

HEAD = ("secret", "class", "age", "", "next due", "where it stands")
# Columns that a narrow terminal leaves out: the bar first, because the age stands beside it in
# words.
SPARE = ("age", "class", "")


def cells(health: Health, now: datetime) -> list[Cell]:
    return [
        Cell(plain(health.secret), {"bold": health.rank.needs_attention}),
        Cell(health.policy, {"dim": True}),
        Cell(_bar(health), _STYLES[_age_rank(health)]),
        Cell(_age(health)),
        Cell(_due(health, now)),
        Cell(plain(_where(health, now)), _STYLES[health.rank]),
    ]


def _age_rank(health: Health) -> Rank:
    if health.age is None or not health.max_age:
        return Rank.UNKNOWN
    if health.age > health.max_age:
        return Rank.PAST_MAX_AGE
    return Rank.DUE if health.age > health.max_age * 0.8 else Rank.FINE


def _bar(health: Health) -> str:
    if health.age is None or not health.max_age:
        return "?" * BAR
    filled = min(BAR, max(0, round(health.age / health.max_age * BAR)))
    return "█" * filled + "░" * (BAR - filled)


def _age(health: Health) -> str:
    limit = duration(health.max_age) if health.max_age else "?"
    if health.age is None:
        return f"? of {limit}"
    stated = " stated" if health.row is not None and health.row.stated else ""
    return f"{duration(health.age)} of {limit}{stated}"


def _due(health: Health, now: datetime) -> str:
    if health.due_at is None:
        return "-"
    if health.due_at <= now:
        return "now"
    return f"{health.due_at.astimezone():%Y-%m-%d} ({relative(health.due_at, now)})"


def _where(health: Health, now: datetime) -> str:
    row = health.row
    if health.unmerged:
        down = "readers are without a working credential: " * (health.rank is Rank.DOWN)
        return f"{down}{health.why}"
    if health.rank is Rank.DOWN and (row is None or row.held is None):
        return "readers are without a working credential"
    if health.rank is Rank.LEFT_ALIVE and health.rotation is not None:
        return f"left alive: {', '.join(left_alive(health.rotation))}"
    if health.rank is Rank.UNACCOUNTED:
        return f"not known, alive: {', '.join(health.strangers)}"
    if row is not None and row.held is not None:
        since = f", {relative(row.held_at, now)}" if row.held_at else ""
        return f"{row.held}{since}{', paused' if row.on_hold else ''}"
    if row is not None and row.plan is not None:
        if row.on_hold:
            return f"{row.plan}, paused"
        place = f"{row.phase} ▸ {row.row}" if row.row else row.plan
        return place + (f" until {local(row.wake_at)}" if row.wake_at and row.wake_at > now else "")
    asserted = "; asserted, nothing can log in" if row is not None and row.unverified else ""
    return f"{health.why}{asserted}"


def as_json(health: Health) -> dict[str, Any]:
    row = health.row
    return {
        "secret": health.secret,
        "class": health.policy,
        "state": health.rank.word,
        "needs_attention": health.rank.needs_attention,
        "readers_down": health.rank is Rank.DOWN,
        "left_alive": list(left_alive(health.rotation)) if health.rotation else [],
        "strangers": list(health.strangers),
        "strangers_seen_at": stamp(health.strangers_at) if health.strangers else None,
        "differs": [
            {"code": code, "message": message, "hint": next_ or None}
            for code, (message, next_) in health.differs.items()
        ],
        "differs_seen_at": stamp(health.differs_at),
        "age_s": None if health.age is None else int(health.age.total_seconds()),
        "age_stated": bool(row and row.stated),
        "max_age_s": int(health.max_age.total_seconds()),
        "due_at": stamp(health.due_at),
        "why": health.why,
        "current": row.handle if row else None,
        "old": row.old if row else None,
        "asserted": bool(row and row.unverified),
        "plan": row.plan if row else None,
        "phase": row.phase if row else None,
        "row": row.row if row else None,
        "waits_until": stamp(row.wake_at) if row and row.wake_at != AT_ONCE else None,
        "waits_for": row.why if row else None,
        "held": row.held if row else None,
        "held_at": stamp(row.held_at) if row else None,
        "last_outcome": row.last_outcome if row else None,
        "last_success_at": stamp(row.last_success_at) if row else None,
    }
