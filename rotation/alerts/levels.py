"""Conditions that a team should know, as long as they hold. Pure: from what `status` concludes and
the state of an open rotation."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rotation.alerts.alert import Found
from rotation.alerts.table import EVENTS
from rotation.journal.entries import Identity, stamp
from rotation.machine.replay import Rotation
from rotation.plan.specification import spec_from_json
from rotation.report.describe import awaited, given_at
from rotation.report.doubt import DOUBT_MAX
from rotation.report.exits import why_held

OVERDUE = timedelta(days=1)
STRANGERS_MAX = 8
"""Each is an alert of its own; the look of `reconcile` names them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One secret as `status` sees it. words: every state that holds; why: of its state; rotation: the
    open one; gated: since when only a freeze or a window keeps it; doubted_at: since when it is not known whether a change of it happened."""

    words: frozenset[str]
    why: str | None = None
    due_at: datetime | None
    max_age: timedelta
    row: Identity | None
    rotation: Rotation | None
    doubted_at: datetime | None = None
    gated: datetime | None = None
    strangers: tuple[str, ...] = ()
    differs: Mapping[str, Sequence[str]] = field(default_factory=dict)


def levels(now: datetime, standing: Standing) -> Iterator[Found]:
    for word in sorted(standing.words.intersection(EVENTS)):
        yield from _by_word(standing, word)
    if "unknown" not in standing.words and _is_still_unknown(standing.row):
        yield Found(event="unknown", begins=False)
    due = standing.due_at
    if "due" in standing.words and due is not None and now - due >= OVERDUE:
        yield Found(event="overdue", episode=_number(standing), since=due)
    if standing.gated is not None and now - standing.gated >= OVERDUE:
        yield Found(event="overdue", episode=_number(standing), since=standing.gated, begins=False)
    if standing.rotation is not None:
        yield from _of_open(now, standing.rotation, standing.doubted_at)


def _by_word(standing: Standing, word: str) -> Iterator[Found]:
    """The episode changes where another occurrence may begin before anybody saw the end of this
    one."""
    row = standing.row
    if word == "held":
        at = None if row is None else row.held_at
        why = (
            standing.why if row is None or row.held is None else f"{row.held}: {why_held(row.held)}"
        )
        yield Found(event=word, episode=stamp(at) or _number(standing), since=at, why=why)
    elif word == "past-max-age" and row is not None and row.created is not None:
        ended = row.created + standing.max_age
        yield Found(event=word, episode=str(stamp(row.created)), since=ended, why=standing.why)
    elif word == "unaccounted":
        for name in standing.strangers[:STRANGERS_MAX]:
            id_ = hashlib.sha256(name.encode()).hexdigest()[:16]
            yield Found(event=word, episode=id_, why=f"{name} is alive")
    elif word == "drift":
        for code, (message, *_) in standing.differs.items():
            yield Found(event=word, episode=code, why=message)
    else:
        yield Found(event=word)


def _is_still_unknown(row: Identity | None) -> bool:
    """An adoption under way, or one that is Held, changes that only once it succeeds."""
    ageless = row is not None and row.created is None and row.expires is None
    return ageless and row is not None and not row.retired


def _number(standing: Standing) -> str:
    return str(standing.row.rotation if standing.row is not None else 0)


def _of_open(now: datetime, rotation: Rotation, doubted: datetime | None) -> Iterator[Found]:
    number = rotation.opened.hash[:32] or str(rotation.opened.seq)
    if rotation.rules.contains:
        yield Found(event="emergency", episode=number, since=rotation.opened.at)
    begins = rotation.held is None  # a person is called already; what was so before goes on
    if doubted is not None and now - doubted >= DOUBT_MAX:
        yield Found(event="in-doubt", episode=number, since=doubted, begins=begins)
    yield from _of_consumers(now, rotation, number, begins=begins)


def _of_consumers(
    now: datetime, rotation: Rotation, number: str, *, begins: bool
) -> Iterator[Found]:
    if awaited(rotation, now) is None:
        return
    given, grace = given_at(rotation, now), timedelta(seconds=spec_from_json(rotation.spec).grace_s)
    for event, waited in (("consumer-slow", grace / 2), ("consumer-late", grace)):
        if now - given >= waited:
            yield Found(event=event, episode=number, since=given + waited, begins=begins)
