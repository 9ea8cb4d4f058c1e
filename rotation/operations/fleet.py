"""The state of each secret, those that need a person first: from configuration and journal
alone."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from rotation.calendar import Freeze
from rotation.errors import JournalError
from rotation.journal.entries import Entry, Identity, Kind
from rotation.journal.facts import baseline_of
from rotation.journal.spill import SpillRecord, found, unmerged
from rotation.machine.decide import Wait, next_action
from rotation.machine.leftover import NOTHING_LEFT, leftovers_of
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.machine.unaccounted import Seen, seen_of, unaccounted, with_look
from rotation.operations.approvals import approval_wait
from rotation.operations.history import as_looked_at
from rotation.operations.installation import Installation
from rotation.operations.pauses import end_of
from rotation.report.health import consumers_at_risk, given, left_alive, may_be_at_risk
from rotation.schedule.brakes import freeze_file, frozen_by
from rotation.schedule.due import DueState, due
from rotation.types import Gates

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret

# A stream, with its secret and its row where there are any.
Found: TypeAlias = "tuple[str, ConfiguredSecret | None, Identity | None]"

Closing: TypeAlias = Entry | None

Spills: TypeAlias = Sequence[tuple[Path, SpillRecord]]

# Lines without --all. Of secrets that need attention it shows up to three times as many.
SHOWN = 20


class Rank(IntEnum):
    """The order of the secrets: what needs a person comes first."""

    DOWN = 0  # readers have no working credential, whatever the state of the rotation
    HELD = 1
    PAST_MAX_AGE = 2
    ORPHANED = 3  # alive or open, and not in the configuration
    LEFT_ALIVE = 4  # a rotation that was given up left instances behind
    UNACCOUNTED = 5  # a look found unknown live instances
    DRIFT = 6  # a look found something else that differs from the journal
    UNKNOWN = 7  # the journal does not know its credential
    ON_HOLD = 8
    OPEN = 9
    DUE = 10
    FINE = 11
    PAUSED = 12
    RETIRED = 13

    @property
    def word(self) -> str:
        """The state for a person and for a program. Paused is the same by either way of pausing."""
        return "paused" if self is Rank.ON_HOLD else self.name.lower().replace("_", "-")

    @property
    def needs_attention(self) -> bool:
        return self <= Rank.ON_HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One secret at one moment."""

    secret: str
    policy: str
    rank: Rank  # the most urgent of what holds
    max_age: timedelta
    age: timedelta | None
    due_at: datetime | None  # when it is due next, if time alone decides that
    why: str  # the rule that says so
    row: Identity | None
    gated: datetime | None = None  # since when it is due, where only a freeze or a window stops it
    exempt: str = ""  # the exception that lets it live longer
    rotation: Rotation | None = None  # the latest one, where it may tell more than its row
    unmerged: bool = False  # an emergency did more than the journal knows
    strangers: tuple[str, ...] = ()  # live instances that nobody accounts for
    strangers_at: datetime | None = None  # when a look found them
    # What else a look found: by its code a sentence and one next step.
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    differs_at: datetime | None = None
    beside: frozenset[Rank] = frozenset()  # what holds as well

    @property
    def ranks(self) -> frozenset[Rank]:
        return self.beside | {self.rank}

    @property
    def order(self) -> tuple[int, float, str]:
        """Among equally urgent ones, the oldest in proportion to its age limit comes first."""
        used = self.age / self.max_age if self.age is not None and self.max_age else 0.0
        return (self.rank, -used, self.secret)


def spilled(here: Installation) -> Iterator[tuple[Path, SpillRecord]]:
    """What an emergency did without the journal and nobody has merged since. Of a journal that
    cannot be read it is all that is told."""
    configuration = here.configuration
    try:
        records = here.records
    except JournalError:
        yield from found(configuration.journal, configuration.installation)
    else:
        yield from unmerged(configuration.journal, configuration.installation, records)


def standing(
    here: Installation, names: Sequence[str], now: datetime, spills: Spills
) -> Iterator[Health]:
    """The state of the named secrets, or of all."""
    seen, off = seen_of(here.records.installation_entries(Kind.SEEN)), _by_stream(spills)
    for stream, health in _known(here, names, now, seen):
        looked_at = _with_drift(_with_strangers(here, health, stream, seen), seen.get(stream))
        yield _with_spills(here, looked_at, stream, off)


def _known(
    here: Installation, names: Sequence[str], now: datetime, seen: Mapping[str, Seen]
) -> Iterator[tuple[str, Health]]:
    records, freezes = here.records, here.configuration.freezes
    if names:
        found: Iterable[Found] = list(_named(here, names))
        closings: Iterable[Closing] = (records.closing(stream) for stream, *_ in found)
    else:
        found, closings = _all(here), records.closings(without=NOTHING_LEFT)
    left = _left_alive(closings)
    for stream, entry, recorded in found:
        off = stream in seen and bool(seen[stream].off)
        folds = recorded is not None and (
            recorded.plan is not None or may_be_at_risk(recorded) or stream in left or off
        )
        rotation = with_look(replay(records.entries(stream)), seen.get(stream)) if folds else None
        row = _as_replayed(recorded, rotation)
        if entry is not None:
            yield stream, _health(entry, row, rotation, freezes, now)
        elif row is not None:
            yield stream, _orphan(row, rotation, now)


def _as_replayed(row: Identity | None, rotation: Rotation | None) -> Identity | None:
    """Held for what this version does not understand: no runner wrote that yet."""
    if row is None or rotation is None or rotation.outcome is not None or row.held is not None:
        return row
    if rotation.held is None:
        return row
    return replace(row, held=rotation.held, held_at=rotation.held_at, wake_at=None, why=None)


def _named(here: Installation, names: Sequence[str]) -> Iterator[Found]:
    records = here.records
    orphans = [row for name in dict.fromkeys(names) for row in here.orphans_of(name)]
    yield from ((row.stream, None, row) for row in orphans)
    orphaned = {row.secret for row in orphans}
    for entry in dict.fromkeys(here.entry(name) for name in names if name not in orphaned):
        yield entry.stream, entry, records.identity(entry.stream)
        for stream in here.open_streams_of(entry.id):
            if stream != entry.stream:
                yield stream, None, records.identity(stream)


def _all(here: Installation) -> Iterator[Found]:
    rows = {row.stream: row for row in here.records.identities()}
    for entry in here.configuration.secrets():
        yield entry.stream, entry, rows.pop(entry.stream, None)
    yield from ((stream, None, row) for stream, row in rows.items() if row.is_alive)


def _left_alive(closings: Iterable[Closing]) -> frozenset[str]:
    """By the closing entries alone: folding each rotation of a large fleet takes long."""
    closed = (each for each in closings if each is not None)
    return frozenset(each.stream for each in closed if leftovers_of(baseline_of(each)))


def _orphan(row: Identity, rotation: Rotation | None, now: datetime) -> Health:
    """A secret that only the journal still names: nothing rotates it, but an open rotation goes
    on."""
    ranks = {Rank.ORPHANED}
    if row.held is not None:
        ranks.add(Rank.HELD)
    if rotation is not None and consumers_at_risk(rotation):
        ranks.add(Rank.DOWN)
    return Health(
        secret=row.secret,
        policy="?",
        rank=min(ranks),
        beside=frozenset(ranks),
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
    state = due(entry, row, now, freezes)
    age = now - row.created if row is not None and row.created is not None else None
    max_age = timedelta(seconds=entry.max_age_s - entry.over_s(now))
    ranks = list(_ranks(row, rotation, max_age, state.kind, now))
    return Health(
        secret=entry.id,
        policy=entry.class_name,
        rank=ranks[0],
        beside=frozenset(ranks),
        max_age=max_age,
        age=age,
        due_at=state.at
        if state.kind in (DueState.DUE, DueState.LATER, DueState.PAUSED, DueState.UNKNOWN)
        else None,
        gated=state.gated,
        why=state.reason,
        row=row,
        exempt=str(entry.exempt_at(now) or ""),
        rotation=rotation,
    )


def _ranks(
    row: Identity | None,
    rotation: Rotation | None,
    max_age: timedelta,
    kind: DueState,
    now: datetime,
) -> Iterator[Rank]:
    """Everything that holds, the most urgent first."""
    if rotation is not None and consumers_at_risk(rotation):
        yield Rank.DOWN
    if row is not None and row.held is not None:
        yield Rank.HELD
    if kind is DueState.RETIRED:
        yield Rank.RETIRED
        return
    if row is not None and row.plan is None and row.expires is not None and row.expires <= now:
        yield Rank.DOWN
    if row is not None and row.created is not None and now - row.created > max_age:
        yield Rank.PAST_MAX_AGE
    if rotation is not None and left_alive(rotation):
        yield Rank.LEFT_ALIVE
    if row is not None and row.on_hold:
        yield Rank.ON_HOLD
        return
    yield _BY_KIND[kind]


_BY_KIND = {
    DueState.HELD: Rank.HELD,
    DueState.NEVER: Rank.UNKNOWN,
    DueState.UNKNOWN: Rank.UNKNOWN,
    DueState.OPEN: Rank.OPEN,
    DueState.DUE: Rank.DUE,
    DueState.LATER: Rank.FINE,
    DueState.PAUSED: Rank.PAUSED,
}


def _with_strangers(
    here: Installation, health: Health, stream: str, seen: Mapping[str, Seen]
) -> Health:
    """The state of a secret, changed where a look found more than the journal knows."""
    look = seen.get(stream)
    if look is None or not look.instances or not (entries := here.records.entries(stream)):
        return health
    left = unaccounted(replay(entries), look)
    if not left:
        return replace(health, strangers_at=look.at)
    rank, beside = min(health.rank, Rank.UNACCOUNTED), health.ranks | {Rank.UNACCOUNTED}
    return replace(health, rank=rank, beside=beside, strangers=left, strangers_at=look.at)


def _with_drift(health: Health, look: Seen | None) -> Health:
    """What the latest look found to differ, unless a rotation has looked since."""
    row = health.row
    if look is None or row is None or not (look.differs or look.down) or _looked(row, look.at):
        return health
    found = {Rank.DOWN} if look.down else set()
    found |= {Rank.DRIFT} if look.differs and row.held is None else set()
    rank = min({health.rank, *found})
    why = health.why if rank == health.rank else next(iter(look.differs.values()), ("", ""))[0]
    beside = health.ranks | found
    return replace(
        health, rank=rank, beside=beside, why=why, differs=look.differs, differs_at=look.at
    )


def _looked(row: Identity, after: datetime) -> bool:
    """Whether a rotation that is open, or that succeeded, began or ended later."""
    succeeded = row.last_outcome in (Outcome.SUCCEEDED, Outcome.ACCEPTED)
    later = row.opened_at if row.plan is not None else row.last_closed_at if succeeded else None
    return later is not None and later > after


def _by_stream(spills: Spills) -> Mapping[str, Sequence[SpillRecord]]:
    found = defaultdict(list)
    for _, spill in spills:
        found[spill.stream].append(spill)
    return found


def _with_spills(
    here: Installation, health: Health, stream: str, spills: Mapping[str, Sequence[SpillRecord]]
) -> Health:
    """The state of a secret, changed where a spill knows more than the journal."""
    if not (records := spills.get(stream)):
        return health
    off = {instance for each in records for instance in each.scope}
    entries = here.records.entries(stream)
    down = bool(entries and given(replay(entries)) & off)
    why = f"{', '.join(sorted(off))} switched off without the journal"
    found = Rank.DOWN if down else Rank.HELD
    rank, beside = min(health.rank, found), health.ranks | {found}
    return replace(health, rank=rank, beside=beside, why=why, unmerged=True)


def most_urgent(healths: list[Health], *, everything: bool) -> list[Health]:
    if everything:
        return sorted(healths, key=lambda health: health.order)
    urgent = sum(health.rank.needs_attention for health in healths)
    many = min(max(SHOWN, urgent), 3 * SHOWN)
    return heapq.nsmallest(many, healths, key=lambda health: health.order)


def gated_wait(here: Installation, rotation: Rotation, now: datetime) -> Wait | None:
    """The wait that people cause now: the row was written before it. They have to agree, or closed every
    window by hand."""
    return approval_wait(here, rotation, now) or _frozen_wait(here, rotation, now)


def _frozen_wait(here: Installation, rotation: Rotation, now: datetime) -> Wait | None:
    reason = frozen_by(here.records, freeze_file(here.configuration))
    if reason is None:
        return None
    action = next_action(rotation, now, Gates(open=False, frozen=reason))
    return action if isinstance(action, Wait) and action.why == f"frozen: {reason}" else None


def open_rotation(here: Installation, health: Health) -> Rotation | None:
    if health.row is None or health.row.plan is None:
        return None
    rotation = replay(here.records.entries(health.row.stream))
    return as_looked_at(here, rotation) if rotation.outcome is None else None


def on_hold(here: Installation, health: Health) -> Rotation | None:
    on_hold = health.row is not None and health.row.on_hold
    return replay(here.records.entries(health.row.stream)) if on_hold and health.row else None


def hold_end(here: Installation, health: Health) -> datetime | None:
    """When that pause ends by itself."""
    on_hold = health.row is not None and health.row.on_hold
    return end_of(here.records.entries(health.row.stream)) if on_hold and health.row else None
