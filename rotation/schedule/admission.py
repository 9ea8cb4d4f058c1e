"""How many at once: what is due now and may be opened, the longest overdue first."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotation.errors import NeedsPerson
from rotation.journal.entries import Identity
from rotation.journal.spill import unmerged
from rotation.schedule.brakes import refuse_stopped, stops
from rotation.schedule.due import Due, DueState, due, fraction, may_be_replaced

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal import Journal

NAMED_MAX = 5
"""More are counted."""

AT_ONCE_MIN, AT_ONCE_SHARE, AT_ONCE_SPAN = 3, 0.2, timedelta(hours=1)
"""The schedule opens at most this share of all secrets within that time, but three at least."""


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


def admitted(
    found: Iterable[tuple["ConfiguredSecret", Due]], room: int, busy: Counter[str], cap: int
) -> Iterator["ConfiguredSecret"]:
    """Of those that are due, at most `room`, and no connection busier than `cap`: the longest
    overdue first, and where many are due since the same moment, in an order of no meaning."""
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
        if (row := rows.get(entry.stream)) is not None and may_be_replaced(row, now)
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


def undated(
    configuration: "Configuration", journal: "Journal", names: Collection[str], now: datetime
) -> Iterator[tuple["ConfiguredSecret", str]]:
    """Whose age nobody knows, and what that means: they become due by no age. names: only these,
    or all."""
    rows = {row.stream: row for row in journal.identities()}
    for entry in configuration.secrets():
        told = due(entry, rows.get(entry.stream), now)
        if told.kind is DueState.UNKNOWN and (not names or entry.id in names):
            yield entry, told.reason


def refusals_of_unmerged(
    configuration: "Configuration", journal: "Journal"
) -> dict[str, NeedsPerson]:
    """By stream: what its emergency switched off without the journal would look like somebody else's
    doing. Reads every spill there is."""
    found: dict[str, NeedsPerson] = {}
    for path, told in unmerged(configuration.journal, configuration.installation, journal):
        refusal = NeedsPerson(
            "emergency.unmerged",
            f"{told.unknown}; nothing was opened",
            f"`rotation emergency merge {path}`",
        )
        found.setdefault(told.stream, refusal)
    return found


def _is_loading(row: Identity) -> bool:
    """It makes or hands out a credential just now; waiting for consumers loads nobody."""
    at_work = row.phase == "create" or (row.row or "").startswith(("promote", "deliver"))
    return row.plan is not None and row.held is None and at_work


def _is_recent(row: Identity, now: datetime) -> bool:
    times = (row.opened_at, row.last_success_at)
    # Nor in the future: what a clock said that was set back since holds nothing up.
    return any(at is not None and abs(now - at) < AT_ONCE_SPAN for at in times)
