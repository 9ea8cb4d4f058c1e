"""The breaker: where rotations of one class on one connection keep failing, no more of them is begun,
and nothing is promoted, switched off or destroyed there, until a person resets it.

One bad release or one wrong policy would otherwise break every secret of the fleet in turn. The rows
of the journal show the failures; a trip and its reset are entries of the installation, so every
runner has the same answer, after a restart too. It stops neither an emergency, nor the replacement of
what is dead, nor a rotation that goes back.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rotation.errors import PolicyRefusal
from rotation.journal.entries import Draft, Identity, Kind
from rotation.journal.installation_facts import Frozen
from rotation.machine.replay import Outcome, replay
from rotation.plan import Step, rules_of
from rotation.report.doubt import DOUBT_MAX, doubted_at
from rotation.schedule.brakes import Installation

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.journal import Journal

WITHIN = timedelta(hours=24)
# So many that failed once readers had the new credential, or so many Held ones.
FAILED_MAX, HELD_MAX = 2, 3
NAMED_MAX = 5

# These wait for a person by intention, or for this host's clock: no rotation has failed.
_MEANT = frozenset({"held.destroy-by-hand", "held.spec-changed", "held.clock"})
_CREATE = "create"


@dataclass(frozen=True, slots=True)
class Trip:
    """The open breaker of one group, a class on a connection."""

    group: str
    at: datetime
    reason: str

    @property
    def why(self) -> str:
        return f"breaker of {self.group}: {self.reason}"

    @property
    def reset(self) -> str:
        return f'rotation breaker reset {self.group} --reason "..."'

    @property
    def refusal(self) -> PolicyRefusal:
        return PolicyRefusal(
            "breaker.open",
            f"{self.why}; nothing more of it is begun, promoted, switched off or destroyed",
            f"find the cause, then `{self.reset}`",
        )


@dataclass(slots=True)
class _Count:
    failed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        if len(self.failed) >= FAILED_MAX:
            return f"{len(self.failed)} failed after promotion within 24 h: {_names(self.failed)}"
        if len(self.held) >= HELD_MAX:
            return f"{len(self.held)} were Held within 24 h: {_names(self.held)}"
        return None


def group_of(entry: "ConfiguredSecret") -> str:
    return f"{entry.class_name}@{entry.connection}"


def trips(journal: Installation) -> dict[str, Trip]:
    """The open breakers, by group."""
    return {
        group: Trip(group, at, reason)
        for group, (at, reason) in _latest(journal).items()
        if reason is not None
    }


def trip(
    configuration: "Configuration", journal: "Journal", runner: str, now: datetime
) -> list[Trip]:
    """Opens the breaker of each group that failed too often since it was last reset. Returns those
    that were opened now. Safe to call at any time."""
    latest, counts = _latest(journal), defaultdict[str, _Count](_Count)
    for row in journal.identities():
        entry = configuration.secret(row.secret)
        if entry is None or entry.stream != row.stream:
            continue
        group = group_of(entry)
        at, reason = latest.get(group, (None, None))
        if reason is None:
            _add(counts[group], journal, row, max(filter(None, (at, now - WITHIN))), now)
    opened = []
    for group, count in counts.items():
        if (reason := count.reason) is not None:
            facts = Frozen(breaker=group, broken=True, reason=reason).facts
            written = journal.record(Draft(kind=Kind.BREAKER, facts=facts), runner, now)
            opened.append(Trip(group, written.at, reason))
    return opened


def _add(count: _Count, journal: "Journal", row: Identity, since: datetime, now: datetime) -> None:
    held = row.held is not None and row.held not in _MEANT and _is_in(row.held_at, since, now)
    if held and _rotates(row):
        count.held.append(row.secret)
        if row.phase != _CREATE:
            count.failed.append(row.secret)
    if row.plan is not None and row.held is None and _keeps_failing(journal, row, since, now):
        count.failed.append(row.secret)
    went_back = row.last_outcome == Outcome.ROLLED_BACK and row.plan is None
    if (
        went_back
        and _is_in(row.last_closed_at, since, now)
        and _readers_had_it(journal, row.stream)
    ):
        count.failed.append(row.secret)


def _rotates(row: Identity) -> bool:
    rules = rules_of(row.plan)
    return not (rules.contains or rules.adopts or rules.retires)


def _is_in(at: datetime | None, since: datetime, now: datetime) -> bool:
    """A time from a clock that was ahead does not count for ever."""
    return at is not None and since < at <= now + WITHIN


def _keeps_failing(journal: "Journal", row: Identity, since: datetime, now: datetime) -> bool:
    """Such as a consumer that refuses what it is given: each try may succeed, and none does."""
    if row.phase == _CREATE or not _rotates(row):
        return False
    entries = journal.entries(row.stream)
    doubted = doubted_at(entries)
    too_long = doubted is not None and since < doubted <= now - DOUBT_MAX
    return too_long and replay(entries).intended(Step.PROMOTE)


def _readers_had_it(journal: "Journal", stream: str) -> bool:
    """Whether it went back by itself, after its promotion was begun."""
    rotation = replay(journal.entries(stream))
    return rotation.asked is None and rotation.intended(Step.PROMOTE)


def _latest(journal: Installation) -> dict[str, tuple[datetime, str | None]]:
    """Of each group the time of its last trip or reset; the reason of a trip, None for a reset."""
    found: dict[str, tuple[datetime, str | None]] = {}
    for entry in journal.installation_entries(Kind.BREAKER):
        said = Frozen.of(entry.facts)
        found[said.breaker or "?"] = entry.at, (said.reason or "?") if said.broken else None
    return found


def _names(secrets: list[str]) -> str:
    more = f" and {len(secrets) - NAMED_MAX} more" if len(secrets) > NAMED_MAX else ""
    return ", ".join(sorted(secrets)[:NAMED_MAX]) + more
