"""Raises an installation's alerts from its journal and from what `status` concludes, stores them in
the outbox, and sends what is due."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Self

from rotation.alerts.alert import Alert, Found, of_installation
from rotation.alerts.delivery import Delivery, Sender
from rotation.alerts.edges import edges
from rotation.alerts.levels import Standing, levels
from rotation.alerts.outbox import Outbox, file_of
from rotation.alerts.recording import KEPT
from rotation.alerts.records import Failing, Look, Message, Open, Position
from rotation.alerts.table import INSTALLATION
from rotation.config.routes import Route
from rotation.errors import JournalError, RotationError, UnknownName
from rotation.journal.entries import Entry, Identity, Kind, stamp
from rotation.journal.installation_facts import CONNECTION
from rotation.machine.held import REASONS
from rotation.machine.replay import Rotation, replay
from rotation.machine.unaccounted import seen_of
from rotation.operations.approvals import asked_of, reviews_of_approvals
from rotation.operations.fleet import Health, Rank, open_rotation, spilled, standing
from rotation.operations.installation import Installation
from rotation.operations.next_step import next_step
from rotation.operations.reviews import overdue
from rotation.report.describe import old_dies, what_works
from rotation.report.doubt import doubted_at
from rotation.report.health import present_row
from rotation.schedule.brakes import read_only_stop
from rotation.schedule.breaker import trips

# No two clocks agree to the second.
AHEAD_MAX = timedelta(seconds=60)


@dataclass(kw_only=True)
class Alerts:
    """The outbox, as this process uses it."""

    here: Installation

    def __post_init__(self) -> None:
        self.outbox = Outbox(file_of(self.here.configuration.journal))
        self._delivery = Delivery(self.outbox, self._send, self.here.clock.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.outbox.close()

    @property
    def routes(self) -> tuple[Route, ...]:
        return self.here.configuration.alerts.routes

    def update(self, seconds: float) -> Iterator[tuple[Route, RotationError]]:
        """Yields each try that failed; waits so long for slow routes. While the process ends, a journal that is closed under a look
        is no trouble of the journal."""
        routes, now = self.routes, self.here.clock.now()
        found = look(self.here, self.outbox.position(), now)
        if self.here.stop():
            return
        self.outbox.record(found, routes, now)
        yield from self._delivery.to(routes, seconds)

    def _send(self, route: Route, message: Message, now: datetime) -> str:
        return _sender(self.here)(route, message, now)

    def acknowledge(self, name: str, why: str | None) -> list[Open]:
        called = name if name == INSTALLATION else self.here.called(name)
        found = [each for each in self.outbox.open() if each.alert.secret == called]
        if not found:
            raise UnknownName(
                "alerts.nothing-raised",
                f"no alert of {name} is raised",
                "`rotation alerts` lists them",
            )
        new = [each.id for each in found if each.acked_at is None]
        self.outbox.acknowledge(new, self.here.who, why, self.here.clock.now())
        return found


def _sender(here: Installation) -> Sender:
    configuration = here.configuration
    return Sender(installation=configuration.installation, commands=configuration.commands)


def tested(here: Installation, name: str) -> str:
    """Sends a real message; what the other side said."""
    routes = here.configuration.alerts.routes
    route = next((route for route in routes if route.id == name), None)
    if route is None:
        known = ", ".join(route.id for route in routes) or "none"
        raise UnknownName(
            "alerts.unknown-route", f"there is no route {name}", f"`alerts:` has {known}"
        )
    now = here.clock.now()
    alert = of_installation(
        "test", str(stamp(now)), next="rotation alerts", page="docs/alerts.md", since=now
    )
    id_ = f"test.{now:%Y%m%dT%H%M%S.%f}"
    answer = _sender(here).transmit(route, alert, "test", id_, now)
    with (
        suppress(RotationError),
        Alerts(here=here) as alerts,
    ):  # of what it got, and could not store
        alerts.outbox.free(route.id, here.clock.now())
    return answer


def raised(here: Installation) -> tuple[list[Open], list[Failing]]:
    """What is not over, and the configured routes that do not get through. Asking makes nothing."""
    if not file_of(here.configuration.journal).exists():
        return [], []
    with Alerts(here=here) as alerts:
        return alerts.outbox.open(), failing(here)


def failing(here: Installation) -> list[Failing]:
    names = {route.id for route in here.configuration.alerts.routes}
    if not file_of(here.configuration.journal).exists():
        return []
    with Alerts(here=here) as alerts:
        return [each for each in alerts.outbox.failing() if each.route in names]


def look(here: Installation, before: Position, now: datetime) -> Look:
    """before: how far the last look read. Without one, what happened before raises nothing."""
    stands = [] if here.refused is None else [_of_configuration(here.refused)]
    try:
        rows = list(here.records.identities())  # first: what lands meanwhile is of the next look
        origin = _origin(here)
        restored = origin != before.origin
        first = not before.seen or (restored and not _is_same(before.origin, origin))
        seen = {} if restored else before.seen
        return Look(
            origin=origin,
            happened=() if first else tuple(_happened(here, rows, seen, now, again=restored)),
            stands=(
                *stands,
                *_doubts(here),
                *_breakers(here),
                *_noted(here),
                *_ahead(rows, now),
                *_reviews(here, now),
                *_stands(here, now),
                *_without_approval(here, now),
            ),
            seen={
                INSTALLATION: 0,
                **{row.stream: row.seq for row in rows if row.seq != seen.get(row.stream)},
            },
        )
    except JournalError as error:
        return Look(stands=(*stands, _of_journal(error)), whole=False)


def _origin(here: Installation) -> str:
    """The journal that is read: of which installation, and restored how often."""
    restored = (e.hash for e in here.records.installation_entries(Kind.RESTORED))
    return " ".join((here.configuration.installation, *list(restored)[-1:]))


def _is_same(before: str | None, origin: str) -> bool:
    return before is not None and before.split()[0] == origin.split(maxsplit=1)[0]


def _happened(
    here: Installation, rows: Iterable[Identity], seen: Mapping[str, int], now: datetime, *,
    again: bool,
) -> Iterator[Alert]:  # fmt: skip
    """What another history, put back from a backup, has before the end of the one that was read is
    read again: what was sent is remembered as long as that."""
    for row in rows:
        known = seen.get(row.stream, 0)
        put_back = again or row.seq < known
        after = 0 if put_back else known
        if row.seq == after:
            continue
        for entries in _since(here, row.stream, after):
            for found in edges(entries, after):
                if not put_back or now - (found.since or now) < KEPT:
                    next_ = f"rotation show {row.secret}"
                    yield _alert(here, found, row.secret, replay(entries), now, next_)


def _since(here: Installation, stream: str, after: int) -> Iterator[tuple[Entry, ...]]:
    """The rotations that have a later entry, whole."""
    latest = here.records.entries(stream)
    if latest and latest[0].seq <= after + 1:
        yield latest
        return
    for number, group in groupby(here.records.history(stream), key=lambda entry: entry.rotation):
        entries = tuple(group)
        if number and entries[-1].seq > after:
            yield entries


def _doubts(here: Installation) -> Iterator[Alert]:
    doubt = here.records.doubt()
    if doubt is not None:
        yield _of_journal(JournalError("journal.seal-broken", doubt))
    for stop in read_only_stop(here.records):
        yield _of_journal(stop)


def _breakers(here: Installation) -> Iterator[Alert]:
    for trip in trips(here.records).values():
        yield of_installation(
            "breaker", f"{trip.group} {stamp(trip.at)}", since=trip.at,
            why=trip.why,
            next=trip.reset, page=_page("breaker"),
        )  # fmt: skip


def _noted(here: Installation) -> Iterator[Alert]:
    """What looks found of the installation itself."""
    connections = {CONNECTION + name for name in here.configuration.connections}
    for stream, seen in seen_of(here.records.installation_entries(Kind.SEEN)).items():
        clock = stream == INSTALLATION
        event = "clock" if clock else "connection-ends"
        if clock or stream in connections:
            for message, next_ in seen.differs.values():
                yield of_installation(
                    event, f"{stream} {stamp(seen.at)}", since=seen.at, why=message,
                    next="rotation doctor" if clock else next_, page=_page(event),
                )  # fmt: skip


def _reviews(here: Installation, now: datetime) -> Iterator[Alert]:
    for review in overdue(here, now):
        yield of_installation(
            "review-overdue", f"{review.owner} {stamp(review.due)}", since=review.due,
            why=f"{review.owner} has not reviewed what they own", page=_page("review-overdue"),
            next=f'rotation review sign {review.owner} --note "..."',
        )  # fmt: skip


def _ahead(rows: Iterable[Identity], now: datetime) -> Iterator[Alert]:
    """An entry from the future: a clock was ahead when it was written, or this one is behind now."""
    times = (at for row in rows for at in (row.opened_at, row.held_at, row.last_closed_at) if at)
    latest = max(times, default=now)
    if latest - now > AHEAD_MAX:
        yield of_installation(
            "clock", f"ahead {stamp(latest)}",
            why=f"the journal has an entry of {latest:%Y-%m-%d %H:%M} UTC, which is still to come",
            next="rotation doctor", page=_page("clock"),
        )  # fmt: skip


def _of_journal(error: RotationError) -> Alert:
    return of_installation(
        "journal", error.code, why=error.message, next=_FOR_JOURNAL.get(error.code, "rotation journal check"),
        page=_page("journal"),
    )  # fmt: skip


_FOR_JOURNAL = {
    "installation.read-only": "rotation reconcile",
    "journal.seal-broken": "rotation journal seal",
}


def _of_configuration(code: str) -> Alert:
    return of_installation(
        "configuration", code, why=f"refused for {code}", works="rotations follow the former one",
        next="rotation config check", page=_page("configuration"),
    )  # fmt: skip


def _stands(here: Installation, now: datetime) -> Iterator[Alert]:
    for health in standing(here, (), now, list(spilled(here))):
        rotation = _open(here, health)
        seen_now = Standing(
            words=frozenset(rank.word for rank in health.ranks), why=health.why, gated=health.gated, due_at=health.due_at, max_age=health.max_age, row=health.row,
            rotation=rotation, doubted_at=_doubted_at(here, rotation), strangers=health.strangers,
            differs=health.differs,
        )  # fmt: skip
        found = list(levels(now, seen_now))
        latest = rotation if rotation is not None or not found else _latest(here, health)
        for each in found:
            next_ = next_step(health, rotation, now)
            yield _alert(here, each, health.secret, latest, now, next_, health)
        for each, next_ in asked_of(here, rotation, health.secret, now):
            yield _alert(here, each, health.secret, rotation, now, next_)


def _without_approval(here: Installation, now: datetime) -> Iterator[Alert]:
    for name, found, next_ in reviews_of_approvals(here):
        yield _alert(here, found, name, None, now, next_)


def _open(here: Installation, health: Health) -> Rotation | None:
    """What `standing` folded already, where it did."""
    rotation = health.rotation
    is_open = health.row is not None and health.row.plan is not None and rotation is not None
    if is_open and rotation is not None and rotation.outcome is None:
        return rotation
    return open_rotation(here, health)


def _doubted_at(here: Installation, rotation: Rotation | None) -> datetime | None:
    doubtful = rotation is not None and any(s.in_doubt for s in rotation.states.values())
    return doubted_at(here.records.entries(rotation.stream)) if rotation and doubtful else None


def _latest(here: Installation, health: Health) -> Rotation | None:
    entries = here.records.entries(health.row.stream) if health.row is not None else ()
    return replay(entries) if entries else None


def _alert(
    here: Installation, found: Found, secret: str, rotation: Rotation | None, now: datetime,
    next_: str, health: Health | None = None,
) -> Alert:  # fmt: skip
    entry = here.configuration.secret(secret)
    row = present_row(rotation) if rotation is not None and rotation.outcome is None else None
    stream = rotation.stream if rotation is not None else entry.stream if entry else secret
    return Alert(
        stream=stream,
        event=found.event,
        episode=found.episode,
        since=found.since,
        secret=secret if entry is None else entry.id,
        owner=None if entry is None else entry.owner,
        environment=None if entry is None else entry.environment,
        row=None if row is None else row.name,
        why=found.why,
        begins=found.begins,
        works=_works(rotation, health, now),
        until=_until(rotation, health, now),
        next=next_,
        page=_page(found.event, None if rotation is None else rotation.held),
    )


def _works(rotation: Rotation | None, health: Health | None, now: datetime) -> str | None:
    ends = health.row.expires if health is not None and health.row is not None else None
    if rotation is None:
        return None
    if health is not None and health.rank is Rank.DOWN and health.differs_at is not None:
        return "by the latest look, the issuer has what readers get as gone or off"
    if rotation.outcome is not None and ends is not None and ends <= now:
        return "the current credential has ended"
    return what_works(rotation)


def _until(rotation: Rotation | None, health: Health | None, now: datetime) -> datetime | None:
    """When that changes by itself."""
    if rotation is not None and (dies := old_dies(rotation, now)) is not None:
        return dies if rotation.held is None else None
    return health.row.expires if health is not None and health.row is not None else None


def _page(event: str, held: str | None = None) -> str:
    if event == "held" and held in REASONS:
        return f"docs/runbook/{held.removeprefix('held.')}.md"
    return f"docs/alerts.md#{event}"


def as_plain(each: Open) -> dict[str, Any]:
    """For a program."""
    said = each.alert.said()
    return {
        **{name: said[name] for name in said if name not in ("stream", "episode")},
        "severity": str(each.alert.severity),
        "sentence": each.alert.kind.sentence,
        "raised_at": stamp(each.raised_at),
        "acknowledged_at": stamp(each.acked_at),
        "acknowledged_by": each.acked_by,
        "reason": each.acked_why,
        "undelivered": list(each.undelivered),
    }
