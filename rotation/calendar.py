"""When: windows in local time, freezes, intervals and cron. Pure; every answer is in UTC.

A window lasts from the first moment at which a local wall clock shows `from` or later, until the
first at which it shows `to` or later. So it is right on days on which clocks are set: where a time
comes twice, the first one counts; where it is skipped, the end of the gap does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property, lru_cache
from itertools import takewhile

from rotation.types import Gates

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY = timedelta(days=1)
# Days to look ahead for a window: each weekday twice, because a clock change may skip one.
HORIZON = 15

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAYS = "|".join(DAYS)
_DAY_RANGE = re.compile(rf"({_DAYS})(?:-({_DAYS}))?")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` to just before `end`."""

    start: datetime
    end: datetime

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


@dataclass(frozen=True, kw_only=True)
class Window:
    """When rotating is allowed: some days of the week, between two local times."""

    from_: str = field(metadata={"doc": "when it opens, e.g. 09:00"})
    to: str = field(metadata={"doc": "its hard end, e.g. 16:00; earlier than `from` = next day"})
    days: str = field(default="Mon-Sun", metadata={"doc": "days it opens on: Mon-Fri or Sat, Sun"})
    zone: str = field(default="UTC", metadata={"doc": "a zone's name, e.g. Europe/Berlin"})

    def __post_init__(self) -> None:
        _require(self.from_ != "24:00" and _TIME.fullmatch(self.from_), "from: a time, HH:MM")
        _require(_TIME.fullmatch(self.to), "to: a time, HH:MM")
        _require(self.from_ != self.to, "to: another time than `from`; all day is 00:00 to 24:00")
        weekdays(self.days)
        zone(self.zone)

    def spans(self, context: datetime) -> Iterator[Span]:
        """The windows that may cover `context`, and those of the days after it, in order."""
        today = context.astimezone(self._zone).date()
        for offset in range(-1, HORIZON):
            day = today + offset * DAY
            if day.weekday() in self._weekdays:
                span = self._on(day)
                if span.start < span.end:
                    yield span

    def _on(self, day: date) -> Span:
        last = day if self._closes > self._opens else day + DAY
        start = datetime.combine(day, _clock(self._opens), self._zone)
        end = datetime.combine(last + self._closes // DAY * DAY, _clock(self._closes), self._zone)
        return Span(_first_shown(start), _first_shown(end))

    @cached_property
    def _weekdays(self) -> frozenset[int]:
        return weekdays(self.days)

    @cached_property
    def _zone(self) -> tzinfo:
        return zone(self.zone)

    @cached_property
    def _opens(self) -> timedelta:
        return _since_midnight(self.from_)

    @cached_property
    def _closes(self) -> timedelta:
        return _since_midnight(self.to)


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """While it lasts, all windows are closed."""

    from_: str = field(metadata={"doc": "first day, 2026-12-20, or moment, 2026-12-20T18:00"})
    to: str = field(metadata={"doc": "last day, which is included, or moment, which is not"})
    reason: str = field(metadata={"doc": "why, for those who wait for it"})
    zone: str = field(default="UTC", metadata={"doc": "a zone's name, e.g. Europe/Berlin"})

    def __post_init__(self) -> None:
        _require(self.reason.strip() and self.reason.isprintable(), "reason: say why, in one line")
        zone(self.zone)
        _moment("from", self.from_)
        _moment("to", self.to)
        _require(self.span.start < self.span.end, "to: later than `from`")

    @cached_property
    def span(self) -> Span:
        start, end = _moment("from", self.from_), _moment("to", self.to)
        if len(self.to) == len("2026-12-20"):
            end += DAY
        here = zone(self.zone)
        return Span(min(_both(start.replace(tzinfo=here))), max(_both(end.replace(tzinfo=here))))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a secret is rotated before its age requires it, and when it may be."""

    every_s: int | None = field(default=None, metadata={"doc": "interval since the last success"})
    cron: str | None = field(default=None, metadata={"doc": "five fields; 1 is Monday"})
    zone: str = field(default="UTC", metadata={"doc": "the zone in which `cron` is meant"})
    windows: tuple[Window, ...] | None = field(
        default=None, metadata={"doc": "when it may be; none: at any time"}
    )
    jitter_s: int | None = field(
        default=None, metadata={"doc": "each secret starts up to this much later, always the same"}
    )

    def __post_init__(self) -> None:
        _require(self.every_s is None or self.cron is None, "cron: either `every` or `cron`")
        _require(self.every_s is None or self.every_s > 0, "every: more than nothing")
        zone(self.zone)
        if self.cron is not None:
            _check_cron(self.cron)

    def over(self, outer: "Schedule") -> "Schedule":
        """Its own values, and the other's where it has none."""
        own = self if self.every_s or self.cron else outer
        return Schedule(
            every_s=own.every_s,
            cron=own.cron,
            zone=own.zone,
            windows=outer.windows if self.windows is None else self.windows,
            jitter_s=outer.jitter_s if self.jitter_s is None else self.jitter_s,
        )


def gates(schedule: Schedule, freezes: Sequence[Freeze], now: datetime) -> Gates:
    """Whether windowed rows may start now. A window ends where a freeze begins, if that comes
    first."""
    return _gates(schedule, tuple(freezes), now)


@lru_cache(maxsize=1024)  # a fleet has few schedules
def _gates(schedule: Schedule, freezes: tuple[Freeze, ...], now: datetime) -> Gates:
    frozen = next((freeze for freeze in freezes if freeze.span.covers(now)), None)
    windows = schedule.windows or ()
    end = _open_until(windows, now)
    if frozen is not None or (windows and end is None):
        return Gates(
            open=False,
            opens_at=_next_opening(windows, freezes, now),
            frozen=None if frozen is None else frozen.reason,
        )
    starts = [freeze.span.start for freeze in freezes if freeze.span.start > now]
    return Gates(until=min(starts if end is None else [*starts, end], default=None))


def _open_until(windows: Sequence[Window], now: datetime) -> datetime | None:
    """The end of the windows that cover `now`, including those that follow without a gap."""
    end = None
    for span in sorted(span for window in windows for span in window.spans(now)):
        if span.covers(end or now):
            end = max(end or span.end, span.end)
    return end


def _next_opening(windows: Sequence[Window], freezes: Sequence[Freeze], now: datetime) -> datetime:
    moment = now
    while True:
        freeze = next((freeze for freeze in freezes if freeze.span.covers(moment)), None)
        if freeze is not None:
            moment = freeze.span.end
        elif not windows or _open_until(windows, moment) is not None:
            return moment
        else:
            moment = min(
                span.start
                for window in windows
                for span in window.spans(moment)
                if span.start > moment
            )


@lru_cache(maxsize=4096)
def last_slot(cron: str, zone_name: str, now: datetime) -> datetime | None:
    """The latest moment, up to and including `now`, that matches the cron text."""
    after = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return _slot(cron, zone_name, after, reverse=True)


@lru_cache(maxsize=4096)
def next_slot(cron: str, zone_name: str, now: datetime) -> datetime | None:
    """The first moment after `now`; None: never."""
    return _slot(cron, zone_name, now, reverse=False)


@lru_cache(maxsize=4096)
def slots_in_a_day(cron: str) -> int:
    """The number of slots on a day that has any; all such days have the same number."""
    from cronsim import CronSim  # noqa: PLC0415

    slots = CronSim(cron, datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    first = next(slots)
    return 1 + sum(1 for _ in takewhile(lambda slot: slot < first + DAY, slots))


def _slot(cron: str, zone_name: str, now: datetime, *, reverse: bool) -> datetime | None:
    from cronsim import CronSim  # noqa: PLC0415 -- most configurations have no cron

    local = now.astimezone(zone(zone_name))
    found = next(CronSim(cron, local, reverse=reverse), None)
    return None if found is None else found.astimezone(UTC)


def _check_cron(cron: str) -> None:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415

    try:
        first = next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError:
        raise ValueError("cron: five fields, e.g. 0 3 * * 1 for Mondays at 03:00") from None
    _require(len(cron.split()) == 5, "cron: five fields; minutes are fine enough")
    _require(first, "cron: there is no such day")


@lru_cache
def zone(name: str) -> tzinfo:
    """The zone of that name, with daylight saving. UTC needs no data of the system."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415

    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("zone: the name of a time zone, e.g. Europe/Berlin") from None


@lru_cache
def weekdays(text: str) -> frozenset[int]:
    """Mon-Fri, Sat, or Mon, Wed-Thu; Fri-Mon goes over the weekend. Monday is 0."""
    found: set[int] = set()
    for part in text.split(","):
        named = _DAY_RANGE.fullmatch(part.strip())
        if named is None:
            raise ValueError(f"days: of {', '.join(DAYS)}; e.g. Mon-Fri or Sat, Sun")
        first, last = DAYS.index(named[1]), DAYS.index(named[2] or named[1])
        found |= {(first + n) % 7 for n in range((last - first) % 7 + 1)}
    return frozenset(found)


def _require(holds: object, complaint: str) -> None:
    """Complaints name the key and the rule, never the content."""
    if not holds:
        raise ValueError(complaint)


def _since_midnight(text: str) -> timedelta:
    hours, _, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _clock(since_midnight: timedelta) -> time:
    minutes = since_midnight % DAY // timedelta(minutes=1)
    return time(*divmod(minutes, 60))


def _both(local: datetime) -> tuple[datetime, datetime]:
    """The two readings of a local time; they differ where clocks are set."""
    return local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)


def _first_shown(local: datetime) -> datetime:
    """When a local clock first shows that time or later."""
    early, late = sorted(_both(local))
    shown = local.replace(tzinfo=None)
    if early.astimezone(local.tzinfo).replace(tzinfo=None) == shown:
        return early
    while late - early > timedelta(microseconds=1):  # skipped: find the moment of the jump
        middle = early + (late - early) / 2
        if middle.astimezone(local.tzinfo).replace(tzinfo=None) < shown:
            early = middle
        else:
            late = middle
    return late


def _moment(key: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise ValueError(f"{key}: a day, 2026-12-20, or a local time, 2026-12-20T18:00")
    if not 1970 <= moment.year < 9000:
        raise ValueError(f"{key}: a year from 1970 to 8999")
    return moment
