"""How many at once: the due secrets that may be opened, the longest overdue first."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotation.errors import NeedsPerson
from rotation.journal.entries import Identity
from rotation.journal.spill import unmerged
from rotation.schedule.brakes import refuse_stopped, stops
from rotation.schedule.breaker import group_of, trips
from rotation.schedule.due import Due, DueState, due, fraction, may_be_replaced

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal import Journal

# Further names are only counted.
NAMED_MAX = 5

# The schedule opens at most this share of all secrets in that time, but at least three.
AT_ONCE_MIN, AT_ONCE_SHARE, AT_ONCE_SPAN = 3, 0.2, timedelta(hours=1)


def due_now(
    configuration: "Configuration", journal: "Journal", now: datetime
) -> list["ConfiguredSecret"]:
    """What the schedule may open now: due, inside its window, its breaker closed, and not too many.
    Raises PolicyRefusal where something is due and the whole installation is stopped."""
    rows = {row.stream: row for row in journal.identities()}
    found: list[tuple[ConfiguredSecret, Due]] = []
    busy: Counter[str] = Counter()
    tripped = trips(journal)
    for entry in configuration.secrets():
        row = rows.get(entry.stream)
        busy[entry.connection] += row is not None and _is_loading(row)
        answer = due(entry, row, now, configuration.freezes)
        if answer.kind is DueState.DUE and group_of(entry) not in tripped:
            found.append((entry, answer))
    left = room(configuration, rows.values(), now)
    opening = list(admitted(found, left, busy, configuration.concurrency))
    if opening:
        refuse_stopped(stops(configuration, journal))
    return opening


def admitted(
    found: Iterable[tuple["ConfiguredSecret", Due]], room: int, busy: Counter[str], cap: int
) -> Iterator["ConfiguredSecret"]:
    """At most `room` of those that are due, with no connection busier than `cap`. The longest
    overdue come first; equal ones follow in an arbitrary order."""
    busy = busy.copy()
    for entry, _ in sorted(found, key=lambda each: (each[1].at, fraction(each[0].stream))):
        if room > 0 and busy[entry.connection] < cap:
            room -= 1
            busy[entry.connection] += 1
            yield entry


def room(configuration: "Configuration", rows: Iterable[Identity], now: datetime) -> int:
    """How many more may be opened now."""
    recent = sum(_is_recent(row, now) for row in rows)
    return max(AT_ONCE_MIN, int(AT_ONCE_SHARE * len(configuration))) - recent


def replaceable(
    configuration: "Configuration", journal: "Journal", now: datetime
) -> list["ConfiguredSecret"]:
    """The secrets that the schedule may replace once their issuer reports them dead, by their class
    and their past. A credential that was just made may not be listed everywhere yet, so it is left
    out."""
    chosen = [
        entry
        for entry in configuration.secrets()
        if entry.state == "active" and configuration.replaces_by_itself(entry)
    ]
    rows = {row.stream: row for row in journal.identities()} if chosen else {}
    return [
        entry
        for entry in chosen
        if (row := rows.get(entry.stream)) is not None and may_be_replaced(row, now)
    ]


def refuse_unknown(
    configuration: "Configuration", journal: "Journal", names: Collection[str], now: datetime
) -> None:
    """Raises where a secret that should rotate is not in the journal: it would never become due,
    and an empty journal in the place of the true one would stop everything silently. names: only
    these, or all."""
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


def undated(
    configuration: "Configuration", journal: "Journal", names: Collection[str], now: datetime
) -> Iterator[tuple["ConfiguredSecret", str]]:
    """Secrets whose age is unknown, so that no age makes them due, and what that means. names: only
    these, or all."""
    rows = {row.stream: row for row in journal.identities()}
    for entry in configuration.secrets():
        state = due(entry, rows.get(entry.stream), now)
        if state.kind is DueState.UNKNOWN and (not names or entry.id in names):
            yield entry, state.reason


def refusals_of_unmerged(
    configuration: "Configuration", journal: "Journal"
) -> dict[str, NeedsPerson]:
    """By stream: secrets with an unmerged spill. What the emergency switched off would look like
    somebody else's change. Reads every spill."""
    found: dict[str, NeedsPerson] = {}
    for path, spill in unmerged(configuration.journal, configuration.installation, journal):
        refusal = NeedsPerson(
            "emergency.unmerged",
            f"{spill.unknown}; nothing was opened",
            f"`rotation emergency merge {path}`",
        )
        found.setdefault(spill.stream, refusal)
    return found


def _is_loading(row: Identity) -> bool:
    """Whether it is creating or handing out a credential now. Waiting for consumers loads no
    service."""
    at_work = row.phase == "create" or (row.row or "").startswith(("promote", "deliver"))
    return row.plan is not None and row.held is None and at_work


def _is_recent(row: Identity, now: datetime) -> bool:
    times = (row.opened_at, row.last_success_at)
    # Nor in the future: a time from a clock that was set back since must not block anything.
    return any(at is not None and abs(now - at) < AT_ONCE_SPAN for at in times)
