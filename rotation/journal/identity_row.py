"""The derived row that `status`, `due` and the runner's queue read. It depends on the entries
alone.

What an open rotation waits for is not decided again here: the runner that appends an entry says it
in the entry's `next`. An entry of somebody else, such as an operator's command, has none: then the
rotation is due at once, and the runner that claims it decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rotation.journal.chain import rotations
from rotation.journal.decided import Decided, Place, decided_in
from rotation.journal.entries import Entry, Identity, Kind
from rotation.journal.facts import (
    Baseline,
    Closed,
    HeldFor,
    Opened,
    Requested,
    Specified,
    baseline_of,
)
from rotation.journal.record import Name

# The columns that `next` sets.
DECIDED = ("phase", "row", "wake_at", "why", "held", "held_at", "old")

# Earlier than any entry: a command typed while a clock ran ahead must not be due only then.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)

# Commands that do not let a Held rotation go on.
_ASIDE = frozenset({"hold", "release", "now", "merge"})

# The steps that change the credential, for a CLOSED of a version that did not record it.
_CHANGES = frozenset({"issue", "destroy"})


def identity_row(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """The row after these entries. It is a function of the whole stream: `before` is the row after
    any earlier prefix and contributes only what earlier rotations left."""
    opened, last = entries[0], entries[-1]
    base = before or Identity(stream=opened.stream, identity="", secret="", seq=0, hash="")
    closed = next((entry for entry in entries if entry.kind is Kind.CLOSED), None)
    columns = _open(entries) if closed is None else _closed(entries, closed, base)
    said = Opened.of(opened.facts)
    return replace(
        base,
        secret=_said(said.secret, base.secret),
        identity=_said(said.spec_identity, base.identity),
        seq=last.seq,
        hash=last.hash,
        rotation=opened.seq,
        on_hold=_is_on_hold(entries),
        epoch=max(base.epoch, last.epoch),
        unverified=Specified.of(said.spec).probe is None,
        **columns,
    )


def _said(name: str, before: str) -> str:
    """The name as it was before, where OPENED is of a version that does not say it."""
    return before if before and name == Name.UNKNOWN else name


@dataclass(frozen=True, slots=True)
class Standing:
    """The latest decision and its time. stands: nobody else has written since."""

    decided: Decided
    at: datetime
    stands: bool


def standing(entries: Sequence[Entry]) -> Standing:
    decided, at, stands = Decided(), entries[0].at, False
    for entry in entries:
        if (found := decided_in(entry)) is not None:
            decided, at, stands = found, entry.at, True
        elif entry.kind is Kind.HELD:
            held = HeldFor.of(entry.facts).code
            decided, at, stands = Decided(held=held, until=None), entry.at, True
        elif not (decided.held and Requested.of(entry.facts).verb in _ASIDE):
            decided = Decided.of(Place.only(decided.facts).facts)
            at, stands = entry.at, False
    return Standing(decided, at, stands)


def with_kept_columns(before: Identity, row: Identity, history: Sequence[Entry]) -> Identity:
    """`row` with the columns of `before` where the entries come from a version that wrote no
    `next`: what such a rotation waits for is stored only in its row."""
    *_, rotation = rotations(history)
    recorded = not Opened.of(rotation[0].facts).has(Opened.rows) or any(map(decided_in, rotation))
    if recorded or row.plan is None or before.seq != row.seq:
        return row
    return replace(row, **{name: getattr(before, name) for name in DECIDED})


def _open(entries: tuple[Entry, ...]) -> dict[str, Any]:
    opened, now = entries[0], standing(entries)
    decided = now.decided
    return {
        "plan": Opened.of(opened.facts).plan,
        "opened_at": opened.at,
        "phase": decided.phase,
        "row": decided.row,
        "wake_at": decided.until if decided.has(Decided.until) else AT_ONCE,
        "why": decided.why,
        "held": decided.held,
        "held_at": None if decided.held is None else decided.held_at or now.at,
        "old": decided.old,
        **_known(baseline_of(opened)),
    }


_NOTHING_OPEN = dict.fromkeys(("plan", "opened_at", *DECIDED))


def _closed(entries: Sequence[Entry], closed: Entry, base: Identity) -> dict[str, Any]:
    said, result = Closed.of(closed.facts), baseline_of(closed)
    outcome = said.outcome
    changed = any(entry.row is not None and entry.row.step in _CHANGES for entry in entries)
    inferred = outcome == "succeeded" and changed
    rotated = said.rotated if said.has(Closed.rotated) else inferred
    back = outcome == "rolled-back"
    already = base.plan is None and base.last_closed_at == closed.at
    return {
        **_NOTHING_OPEN,
        "last_outcome": outcome,
        "last_closed_at": closed.at,
        "last_success_at": closed.at if rotated else base.last_success_at,
        "rollbacks": base.rollbacks + (not already) if back else (0 if rotated else base.rollbacks),
        "retired": result.retired,
        **_known(result),
    }


def _is_on_hold(entries: Sequence[Entry]) -> bool:
    on_hold = Opened.of(entries[0].facts).on_hold is not None
    for entry in entries:
        verb = Requested.of(entry.facts).verb if entry.kind is Kind.REQUESTED else None
        if verb in ("hold", "release"):
            on_hold = verb == "hold"
    return on_hold


def _known(baseline: Baseline) -> dict[str, Any]:
    return {
        "version": baseline.version,
        "handle": baseline.handle,
        "created": baseline.created,
        "expires": baseline.expires,
        "stated": baseline.stated,
    }
