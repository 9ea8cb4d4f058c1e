"""Conditions that a team should know, as long as they hold. Pure: from what `status` concludes and
the state of an open rotation."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotation.alerts.alert import Found
from rotation.alerts.table import EVENTS
from rotation.journal.entries import Entry, Identity, Kind, RowKey, stamp
from rotation.machine.replay import Rotation
from rotation.plan.specification import spec_from_json
from rotation.report.describe import awaited, given_at

IN_DOUBT = timedelta(minutes=15)
OVERDUE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One secret as `status` sees it. word: its state there; rotation: the open one; doubted_at:
    since when it is not known whether a change of it happened."""

    word: str
    due_at: datetime | None
    max_age: timedelta
    row: Identity | None
    rotation: Rotation | None
    doubted_at: datetime | None = None
    strangers: tuple[str, ...] = ()


def doubted_at(entries: Iterable[Entry]) -> datetime | None:
    """By the first intent that nothing answered, however often it was looked at since."""
    since: dict[RowKey, datetime] = {}
    for entry in entries:
        if entry.row is not None and entry.kind is Kind.BEGAN:
            since.setdefault(entry.row, entry.at)
        elif entry.row is not None and entry.kind in _ANSWERS:
            since.pop(entry.row, None)
    return min(since.values(), default=None)


_ANSWERS = frozenset({Kind.DONE, Kind.RETRY, Kind.FAILED})


def levels(now: datetime, standing: Standing) -> Iterator[Found]:
    if standing.word in EVENTS:
        yield _by_word(standing)
    due = standing.due_at
    if standing.word == "due" and due is not None and now - due >= OVERDUE:
        yield Found(event="overdue", episode=_number(standing), since=due)
    if standing.rotation is not None:
        yield from _of_open(now, standing.rotation, standing.doubted_at)


def _by_word(standing: Standing) -> Found:
    """The episode is what changes if it ends and comes back."""
    row, word = standing.row, standing.word
    if word == "held" and row is not None:
        return Found(event=word, episode=stamp(row.held_at) or _number(standing), since=row.held_at)
    if word == "past-max-age" and row is not None and row.created is not None:
        ended = row.created + standing.max_age
        return Found(event=word, episode=str(stamp(row.created)), since=ended)
    if word == "unaccounted":
        names = "\0".join(standing.strangers).encode()
        return Found(event=word, episode=hashlib.sha256(names).hexdigest()[:16])
    return Found(event=word, episode=_number(standing))


def _number(standing: Standing) -> str:
    return str(standing.row.rotation if standing.row is not None else 0)


def _of_open(now: datetime, rotation: Rotation, doubted: datetime | None) -> Iterator[Found]:
    number = str(rotation.opened.seq)
    if rotation.rules.contains:
        yield Found(event="emergency", episode=number, since=rotation.opened.at)
    if rotation.held is not None:
        return
    if doubted is not None and now - doubted >= IN_DOUBT:
        yield Found(event="in-doubt", episode=number, since=doubted)
    yield from _of_consumers(now, rotation, number)


def _of_consumers(now: datetime, rotation: Rotation, number: str) -> Iterator[Found]:
    if awaited(rotation, now) is None:
        return
    given, grace = given_at(rotation, now), timedelta(seconds=spec_from_json(rotation.spec).grace_s)
    for event, waited in (("consumer-slow", grace / 2), ("consumer-late", grace)):
        if now - given >= waited:
            yield Found(event=event, episode=number, since=given + waited)
