"""The derived row that `status`, `due` and the runner's queue read: of the entries alone.

What an open rotation waits for is not decided again here: whoever appends says it, as `next` of the
last entry. What others append, a person's word for one, says nothing: then it is due at once, and
whoever claims it decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rotation.journal.chain import rotations
from rotation.journal.entries import NEXT, Entry, Identity, Kind, unstamp
from rotation.journal.facts import Baseline, baseline_of
from rotation.types import Facts

TOLD = ("phase", "row", "wake_at", "why", "held", "held_at", "old")
"""The columns that `next` is about."""

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""No time of an entry: what was typed while a clock was ahead would be due only then."""

_ASIDE = frozenset({"hold", "release", "now", "merge"})
"""What a person says and nothing that is Held goes on by."""

_CHANGES = frozenset({"issue", "destroy"})
"""Steps by which a success changed the credential, where CLOSED is of a version that did not say so."""


def identity_row(entries: tuple[Entry, ...], before: Identity | None) -> Identity:
    """The row after these entries. A function of the whole stream: `before` is the row as it was
    after any earlier prefix, and only counts what earlier rotations left."""
    opened, last = entries[0], entries[-1]
    base = before or Identity(stream=opened.stream, identity="", secret="", seq=0, hash="")
    closed = next((entry for entry in entries if entry.kind is Kind.CLOSED), None)
    columns = _open(entries) if closed is None else _closed(entries, closed, base)
    spec: Any = opened.facts["spec"]
    return replace(
        base,
        secret=str(opened.facts["secret"]),
        identity=str(opened.facts["spec_identity"]),
        seq=last.seq,
        hash=last.hash,
        rotation=opened.seq,
        on_hold=_is_on_hold(entries),
        epoch=max(base.epoch, last.epoch),
        unverified=spec.get("probe") is None,
        **columns,
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What was decided last, and when. stands: nobody else wrote since."""

    decided: Facts
    at: datetime
    stands: bool


def standing(entries: Sequence[Entry]) -> Standing:
    decided, at, stands = Facts(), entries[0].at, False
    for entry in entries:
        found: Any = entry.facts.get(NEXT)
        if found is not None:
            decided, at, stands = {**found}, entry.at, True
        elif entry.kind is Kind.HELD:
            decided, at, stands = {"held": entry.facts["code"], "until": None}, entry.at, True
        elif not (decided.get("held") and entry.facts.get("verb") in _ASIDE):
            decided = {name: decided[name] for name in ("phase", "row", "old") if name in decided}
            at, stands = entry.at, False
    return Standing(decided, at, stands)


def with_kept_columns(before: Identity, row: Identity, history: Sequence[Entry]) -> Identity:
    """`row` with what `before` says of the same entries, where they are of versions that wrote no
    `next`: what such a rotation waits for stands in its row alone."""
    *_, rotation = rotations(history)
    says = "rows" not in rotation[0].facts or any(NEXT in entry.facts for entry in rotation)
    if says or row.plan is None or before.seq != row.seq:
        return row
    return replace(row, **{name: getattr(before, name) for name in TOLD})


def _open(entries: tuple[Entry, ...]) -> dict[str, Any]:
    opened, now = entries[0], standing(entries)
    decided, held = now.decided, _text(now.decided.get("held"))
    return {
        "plan": str(opened.facts["plan"]),
        "opened_at": opened.at,
        "phase": _text(decided.get("phase")),
        "row": _text(decided.get("row")),
        "wake_at": unstamp(_text(decided["until"])) if "until" in decided else AT_ONCE,
        "why": _text(decided.get("why")),
        "held": held,
        "held_at": None if held is None else unstamp(_text(decided.get("held_at"))) or now.at,
        "old": _text(decided.get("old")),
        **_known(baseline_of(opened)),
    }


_NOTHING_OPEN = dict.fromkeys(("plan", "opened_at", *TOLD))


def _closed(entries: Sequence[Entry], closed: Entry, base: Identity) -> dict[str, Any]:
    outcome, result = closed.facts["outcome"], baseline_of(closed)
    changed = any(entry.row is not None and entry.row.step in _CHANGES for entry in entries)
    rotated = closed.facts.get("rotated", outcome == "succeeded" and changed) is True
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
    on_hold = isinstance(entries[0].facts.get("on_hold"), str)
    for entry in entries:
        if entry.kind is Kind.REQUESTED and entry.facts.get("verb") in ("hold", "release"):
            on_hold = entry.facts["verb"] == "hold"
    return on_hold


def _known(baseline: Baseline) -> dict[str, Any]:
    return {
        "version": baseline.version,
        "handle": baseline.handle,
        "created": baseline.created,
        "expires": baseline.expires,
        "stated": baseline.stated,
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
