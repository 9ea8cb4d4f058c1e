"""Why a secret is due, or why not: pure checks, asked in order, each with its reason.

Due-ness is a function of journal, configuration and time; nothing remembers a next run. A runner
that was down for a week finds each secret due once, and a clock that jumps changes an answer, not
a state.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rotation.calendar import Freeze, gates, last_slot, next_slot
from rotation.errors import NeedsPerson, PolicyRefusal
from rotation.journal.entries import Draft, Identity, corrupt
from rotation.journal.entries import Entry as JournalEntry
from rotation.journal.entries import Kind as EntryKind
from rotation.machine.replay import Outcome
from rotation.plan import rules_of
from rotation.runtime.ownership import ordinary
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal import Journal

ROLLBACKS_MAX = 3
PAUSE = timedelta(hours=24)
"""After a rollback; each further one in a row doubles it."""

BEHIND_MIN = 3
"""So many secrets of one connection that a journal is behind: the installation is read-only."""

REASON_BYTES_MAX = 16 * 1024
NAMED_MAX = 5
"""More are counted."""

LIFE_SHARE, REST_MIN, REST_MAX = 3, timedelta(minutes=10), timedelta(days=1)
"""Not before that part of its life is over is a secret rotated again: a margin longer than the life,
or an end or age that no rotation moves, would make it due for ever."""

AT_ONCE_MIN, AT_ONCE_SHARE, AT_ONCE_SPAN = 3, 0.2, timedelta(hours=1)
"""The schedule opens at most this share of all secrets within that time, but three at least."""


class Installation(Protocol):
    """As much of a journal as tells what stops everything."""

    def installation_entries(self) -> tuple[JournalEntry, ...]: ...


class DueState(StrEnum):
    DUE = "due"
    LATER = "later"
    OPEN = "open"  # a rotation is on its way
    HELD = "held"  # a person must decide
    NEVER = "never"  # the journal does not know it: adopt or create it
    UNKNOWN = "unknown"  # nobody knows how old its credential is
    PAUSED = "paused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Due:
    """at: since when it is due, or when it will be; None: time alone changes nothing."""

    kind: DueState
    reason: str
    at: datetime | None = None


def due(
    entry: "ConfiguredSecret",
    identity: Identity | None,
    now: datetime,
    freezes: Sequence[Freeze] = (),
) -> Due:
    """How the secret stands. identity: what the journal says of its stream."""
    if entry.state == "retired":
        return Due(DueState.RETIRED, "retired by the configuration")
    if entry.state == "paused" and entry.until is not None and now < entry.until:
        return Due(DueState.PAUSED, f"paused: {entry.reason}", entry.until)
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


def due_now(
    configuration: "Configuration", journal: "Journal", now: datetime
) -> list["ConfiguredSecret"]:
    """What the schedule may open now: due, inside its window, and not too many. Raises
    PolicyRefusal where there is something, and the whole installation is stopped."""
    rows = {row.stream: row for row in journal.identities()}
    found: list[tuple[ConfiguredSecret, Due]] = []
    busy: Counter[str] = Counter()
    for entry in configuration.secrets():
        row = rows.get(entry.stream)
        busy[entry.connection] += row is not None and _is_loading(row)
        answer = due(entry, row, now, configuration.freezes)
        if answer.kind is DueState.DUE:
            found.append((entry, answer))
    left = room(configuration, rows.values(), now)
    opening = list(admitted(found, left, busy, configuration.concurrency))
    if opening:
        refuse_stopped(stops(configuration, journal))
    return opening


def room(configuration: "Configuration", rows: Iterable[Identity], now: datetime) -> int:
    """How many more may be opened now."""
    recent = sum(_is_recent(row, now) for row in rows)
    return max(AT_ONCE_MIN, int(AT_ONCE_SHARE * len(configuration))) - recent


def replaceable(
    configuration: "Configuration", journal: "Journal", now: datetime
) -> list["ConfiguredSecret"]:
    """Whom the schedule may replace once its issuer says that it is dead: by its class, and as far
    as its past allows. One that was just made is not listed everywhere yet."""
    chosen = [
        entry
        for entry in configuration.secrets()
        if entry.state == "active" and configuration.replaces_by_itself(entry)
    ]
    rows = {row.stream: row for row in journal.identities()} if chosen else {}
    return [
        entry
        for entry in chosen
        if (row := rows.get(entry.stream)) is not None and _may_be_replaced(row, now)
    ]


def refuse_unknown(
    configuration: "Configuration", journal: "Journal", names: Collection[str], now: datetime
) -> None:
    """A secret that should rotate and is not in the journal never becomes due. An empty journal in
    the place of the true one would stop everything in silence. names: only these, or all."""
    known = {row.stream for row in journal.identities()}
    wanted = (entry for entry in configuration.secrets() if not names or entry.id in names)
    unknown = [
        entry.id
        for entry in wanted
        if entry.stream not in known and due(entry, None, now).kind is DueState.NEVER
    ]
    if unknown:
        more = f" and {len(unknown) - NAMED_MAX} more" if len(unknown) > NAMED_MAX else ""
        raise NeedsPerson(
            "run.unknown-secrets",
            f"the journal does not know {', '.join(unknown[:NAMED_MAX])}{more}: nothing rotates "
            "what it does not know",
            "`rotation adopt NAME`, or `rotation create NAME` where there is none yet; if it was "
            "rotated before, this is not its journal: `rotation journal restore`",
        )


def refuse_stopped(stopped: Iterable[PolicyRefusal]) -> None:
    for stop in stopped:
        raise stop


def stops(configuration: "Configuration", journal: Installation) -> Iterator[PolicyRefusal]:
    """What keeps every secret where it is."""
    yield from read_only_stop(journal)
    beside = freeze_file(configuration)
    reason = frozen_by(journal, beside)
    if reason is not None:
        lift = "rotation freeze --all --lift" if beside.exists() else "rotation freeze --lift"
        yield PolicyRefusal(
            "installation.frozen",
            f"frozen: {reason}; nothing is promoted, switched off or destroyed",
            f"`{lift}`, once it may",
        )


def read_only_stop(journal: Installation) -> Iterator[PolicyRefusal]:
    reason = read_only(journal)
    if reason is not None:
        yield PolicyRefusal(
            "installation.read-only",
            f"read-only: {reason}; nothing is opened or changed",
            "`rotation reconcile`",
        )


def freeze_file(configuration: "Configuration") -> Path:
    """Beside the journal: it is there while `freeze --all` holds."""
    return configuration.journal.with_name(configuration.journal.name + ".frozen")


def admitted(
    found: Iterable[tuple["ConfiguredSecret", Due]], room: int, busy: Counter[str], cap: int
) -> Iterator["ConfiguredSecret"]:
    """Of those that are due, at most `room`, and no connection busier than `cap`: the longest
    overdue first, and where many are due since the same moment, in an order of no meaning."""
    busy = busy.copy()
    for entry, _ in sorted(found, key=lambda each: (each[1].at, _fraction(each[0].stream))):
        if room > 0 and busy[entry.connection] < cap:
            room -= 1
            busy[entry.connection] += 1
            yield entry


def frozen_by(journal: Installation, beside: Path | None = None) -> str | None:
    """Why a person closed every window; None while they are open. beside: the freeze that needs no
    journal; a file that is there but cannot be read closes them too."""
    if beside is not None and beside.exists():
        try:
            with ordinary(beside) as file:
                return file.read(REASON_BYTES_MAX).decode().strip() or "freeze --all"
        except (OSError, UnicodeDecodeError):
            return f"freeze --all, and why cannot be read from {beside}"
    return _reason(journal, "frozen")


def read_only(journal: Installation) -> str | None:
    """Why nothing but containment may have an effect, until a person ran `reconcile`."""
    return _reason(journal, "read_only")


def _reason(journal: Installation, stop: str) -> str | None:
    latest = _latest(journal, stop)
    if latest is None or not latest.facts[stop]:
        return None
    return str(latest.facts.get("reason"))


def _latest(journal: Installation, stop: str) -> JournalEntry | None:
    entries = [e for e in journal.installation_entries() if e.kind is EntryKind.FROZEN]
    return next((entry for entry in reversed(entries) if stop in entry.facts), None)


def stop_if_behind(
    configuration: "Configuration", journal: "Journal", runner: str, now: datetime
) -> None:
    """Many secrets of one connection with versions of ours that the journal does not know: then it
    is the journal that is lost or old, and whatever it says of the others is in doubt too."""
    latest = _latest(journal, "read_only")
    if latest is not None and latest.facts["read_only"]:
        return
    behind: Counter[str] = Counter()
    for row in journal.held_for("held.journal-behind"):
        entry = configuration.secret(row.secret)
        told = latest is not None and row.held_at is not None and row.held_at <= latest.at
        if entry is not None and not told:
            behind[entry.connection] += 1
    for connection, count in behind.items():
        if count >= BEHIND_MIN:
            reason = (
                f"{count} secrets of {connection} carry versions that this journal does not know"
            )
            facts: Facts = {"read_only": True, "reason": reason}
            journal.record(Draft(kind=EntryKind.FROZEN, facts=facts), runner, now)
            return


def _is_loading(row: Identity) -> bool:
    """It makes or hands out a credential just now; waiting for consumers loads nobody."""
    at_work = row.phase == "create" or (row.row or "").startswith(("promote", "deliver"))
    return row.plan is not None and row.held is None and at_work


def _is_recent(row: Identity, now: datetime) -> bool:
    times = (row.opened_at, row.last_success_at)
    # Nor in the future: what a clock said that was set back since holds nothing up.
    return any(at is not None and abs(now - at) < AT_ONCE_SPAN for at in times)


# ------------------------------------------------------------------------------------ the checks


def _over(identity: Identity) -> Due | None:
    return Due(DueState.RETIRED, "retired") if identity.retired else None


def _under_way(identity: Identity) -> Due | None:
    if identity.held is not None:
        return Due(DueState.HELD, f"held: {identity.held}")
    if identity.on_hold:
        return Due(DueState.HELD, "paused by a person")
    if identity.plan is not None:
        return Due(DueState.OPEN, f"{identity.plan} under way", identity.wake_at)
    return None


def _ageless(entry: "ConfiguredSecret", identity: Identity, now: datetime) -> Due | None:
    """Never "due since 1970": the age of what nobody dated is asked for, not assumed. An end that
    its issuer told counts all the same."""
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


def _again(rolled_back: Due | None, told: Due) -> Due:
    """The pause after a rollback makes nothing due sooner than it is."""
    if rolled_back is None or (rolled_back.at and told.at and told.at > rolled_back.at):
        return told
    return rolled_back


def _may_be_replaced(identity: Identity, now: datetime) -> bool:
    """Nothing is open, or a rotation that is held because its credential is not there any more;
    and none was closed within a day, or within a part of its life where that is shorter."""
    missing = identity.held == "held.instance-missing" and rules_of(identity.plan).overlaps
    if not (identity.plan is None or missing) or identity.on_hold or identity.retired:
        return False
    last, end = identity.last_closed_at, identity.expires
    if identity.handle is None or last is None or _rolled_back(identity, now) is not None:
        return False
    rest = REST_MAX if end is None or end <= last else min((end - last) / LIFE_SHARE, REST_MAX)
    return last + max(rest, REST_MIN) <= now


# -------------------------------------------------------------------------------------- the time


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
    return Due(DueState.LATER, f"{reason}; {waits}", gate.opens_at)


def _reasons(
    entry: "ConfiguredSecret", identity: Identity, now: datetime
) -> Iterator[tuple[datetime, str]]:
    """When it is due, by each of the rules that it is under. Jitter delays what a schedule says;
    never what has an end of its own."""
    schedule, created = entry.schedule, identity.created
    spread = timedelta()
    if schedule.jitter_s:
        spread = timedelta(seconds=int(schedule.jitter_s * _fraction(entry.stream)))
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
    """By the margin; where the life of what we made is no longer than that, once a part of it is
    over, or it would be due for ever."""
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
    """The slot that is due: the latest one, if it came after the last success; missed ones before
    it are made up for by the same rotation. Else the next one."""
    latest = last_slot(cron, zone, now)
    return latest if latest is not None and latest > since else next_slot(cron, zone, now)


def _fraction(stream: str) -> float:
    """From 0 to 1, always the same for a stream."""
    return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:6]) / 2**48
