"""Why a secret is due, or why not: pure checks, asked in order, each with its reason.

Whether a secret is due follows from journal, configuration and time; nothing stores a next run. A
runner that was down for a week finds each secret due once, and a clock that jumps changes an
answer, not a state.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from rotation.calendar import Freeze, gates, last_slot, next_slot
from rotation.journal.entries import Identity, corrupt
from rotation.journal.identity_row import AT_ONCE
from rotation.machine.replay import Outcome
from rotation.plan import rules_of

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret

ROLLBACKS_MAX = 3
# The pause after a rollback; each further one in a row doubles it.
PAUSE = timedelta(hours=24)

# A secret is not rotated again before this part of its life is over. Otherwise a margin longer than
# the life, or an expiry or age that no rotation changes, would make it due for ever.
LIFE_SHARE, REST_MIN, REST_MAX = 3, timedelta(minutes=10), timedelta(days=1)


class DueState(StrEnum):
    DUE = "due"
    LATER = "later"
    OPEN = "open"  # a rotation is open
    HELD = "held"  # a person must decide
    NEVER = "never"  # the journal does not know it: adopt or create it
    UNKNOWN = "unknown"  # the age of its credential is unknown
    PAUSED = "paused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Due:
    """at: since when it is due, or when it will be; None: time alone changes nothing. gated: since when
    it is due, where a freeze or its window is all that it waits for."""

    kind: DueState
    reason: str
    at: datetime | None = None
    gated: datetime | None = None


def due(
    entry: "ConfiguredSecret",
    identity: Identity | None,
    now: datetime,
    freezes: Sequence[Freeze] = (),
) -> Due:
    """How the secret stands. identity: the row of its stream in the journal."""
    if entry.state == "retired":
        return Due(DueState.RETIRED, "retired by the configuration")
    if (paused := entry.paused_at(now)) is not None:
        return Due(DueState.PAUSED, paused, entry.until)
    if identity is None:
        return Due(DueState.NEVER, "the journal does not know it: adopt it, or create it")
    try:
        return (
            _over(identity)
            or _under_way(identity)
            or _ageless(entry, identity, now)
            or _again(_rolled_back(identity, now), _in_time(entry, identity, now, freezes))
        )
    except (AssertionError, OverflowError):
        raise corrupt(f"the row of {entry.id}") from None


def _over(identity: Identity) -> Due | None:
    return Due(DueState.RETIRED, "retired") if identity.retired else None


def _under_way(identity: Identity) -> Due | None:
    if identity.held is not None:
        return Due(DueState.HELD, f"held: {identity.held}")
    if identity.on_hold:
        return Due(DueState.HELD, "paused by a person")
    if identity.plan is not None:
        at = None if identity.wake_at == AT_ONCE else identity.wake_at
        return Due(DueState.OPEN, f"{identity.plan} under way", at)
    return None


def _ageless(entry: "ConfiguredSecret", identity: Identity, now: datetime) -> Due | None:
    """An unknown age is reported, not assumed: such a secret is never "due since 1970". An expiry
    that its issuer reports counts all the same."""
    if identity.created is not None:
        return None
    unknown = "its age is unknown: adopt it with --created"
    if identity.expires is None:
        return Due(DueState.UNKNOWN, unknown)
    at = _before_its_end(entry, identity, identity.expires)
    if now < at:
        return Due(DueState.UNKNOWN, f"{unknown}; due before it expires", at)
    return None


def _rolled_back(identity: Identity, now: datetime) -> Due | None:
    if identity.rollbacks >= ROLLBACKS_MAX:
        return Due(
            DueState.HELD, f"rolled back {identity.rollbacks} times in a row; rotate it by hand"
        )
    if identity.last_outcome not in (Outcome.ROLLED_BACK, Outcome.ABANDONED):
        return None
    assert identity.last_closed_at is not None
    again = identity.last_closed_at + PAUSE * 2 ** max(identity.rollbacks - 1, 0)
    how = identity.last_outcome.replace("-", " ")
    return Due(DueState.LATER, f"the last one was {how}", again) if now < again else None


def _again(rolled_back: Due | None, other: Due) -> Due:
    """The later of both: the pause after a rollback makes nothing due sooner."""
    if rolled_back is None or (rolled_back.at and other.at and other.at > rolled_back.at):
        return other
    return rolled_back


def _in_time(
    entry: "ConfiguredSecret", identity: Identity, now: datetime, freezes: Sequence[Freeze]
) -> Due:
    at, reason = min(_reasons(entry, identity, now))
    if now < at:
        return Due(DueState.LATER, reason, at)
    if not freezes and not entry.schedule.windows:
        return Due(DueState.DUE, reason, at)
    gate = gates(entry.schedule, freezes, now)
    if gate.open:
        return Due(DueState.DUE, reason, at)
    waits = f"frozen: {gate.frozen}" if gate.frozen else "waits for its window"
    return Due(DueState.LATER, f"{reason}; {waits}", gate.opens_at, gated=at)


def _reasons(
    entry: "ConfiguredSecret", identity: Identity, now: datetime
) -> Iterator[tuple[datetime, str]]:
    """When it is due, by each rule that applies. Jitter delays what a schedule says, never an
    expiry."""
    schedule, created = entry.schedule, identity.created
    spread = timedelta()
    if schedule.jitter_s:
        spread = timedelta(seconds=int(schedule.jitter_s * fraction(entry.stream)))
    if identity.expires is not None:
        yield _before_its_end(entry, identity, identity.expires), "before it expires"
    if created is None:
        return
    period = timedelta(seconds=entry.period_s - entry.over_s(now))
    rest = min(period / LIFE_SHARE, REST_MAX)
    yield _rested(identity, created + period, rest) + spread, "by its age"
    last = identity.last_success_at or created
    if schedule.every_s is not None:
        yield last + timedelta(seconds=schedule.every_s) + spread, "by its interval"
    if schedule.cron is not None:
        slot = _slot(schedule.cron, schedule.zone, last, now - spread)
        if slot is not None:
            yield slot + spread, "by its schedule"


def _before_its_end(entry: "ConfiguredSecret", identity: Identity, end: datetime) -> datetime:
    """The expiry less the margin. Where the life is no longer than the margin, a part of the life
    instead; else it would be due for ever."""
    at = end - timedelta(seconds=entry.margin_s)
    made, last = identity.created, identity.last_success_at
    if last is None:
        return at
    if made is not None and at <= made < end:
        at = made + (end - made) / LIFE_SHARE
    return _rested(identity, at, (end - last) / LIFE_SHARE if last < end else REST_MAX)


def _rested(identity: Identity, at: datetime, rest: timedelta) -> datetime:
    last = identity.last_success_at
    return at if last is None else max(at, last + max(rest, REST_MIN))


def _slot(cron: str, zone: str, since: datetime, now: datetime) -> datetime | None:
    """The slot that is due: the latest one, if it came after the last success; one rotation makes
    up for all missed ones. Else the next slot."""
    latest = last_slot(cron, zone, now)
    return latest if latest is not None and latest > since else next_slot(cron, zone, now)


def fraction(stream: str) -> float:
    """From 0 to 1, always the same for a stream."""
    return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:6]) / 2**48


def may_be_replaced(identity: Identity, now: datetime) -> bool:
    """Whether a replacement may be opened: nothing is open, or a rotation is Held because its
    credential is gone; and none was closed within a day, or within a part of the credential's life
    where that is shorter."""
    missing = identity.held == "held.instance-missing" and rules_of(identity.plan).overlaps
    if not (identity.plan is None or missing) or identity.on_hold or identity.retired:
        return False
    last, end = identity.last_closed_at, identity.expires
    if identity.handle is None or last is None or _rolled_back(identity, now) is not None:
        return False
    rest = REST_MAX if end is None or end <= last else min((end - last) / LIFE_SHARE, REST_MAX)
    return last + max(rest, REST_MIN) <= now
