"""Entries and derived rows as a database keeps them: texts, whole numbers, nothing else. The same
bytes in every one. Standard library only, for whoever must not wait for a toolkit."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from rotation.entries import Entry, Identity, Kind, RowKey, compact, stamp, unstamp

ENTRY_NAMES = (
    "stream", "seq", "rotation", "schema", "kind", "position", "step", "subject", "round",
    "attempt", "epoch", "runner", "who", "at", "server_at", "facts", "prev", "hash",
)  # fmt: skip
IDENTITY_NAMES = tuple(field.name for field in fields(Identity))
_identity_values = attrgetter(*IDENTITY_NAMES)

_TIMES = tuple(n for n, field in enumerate(fields(Identity)) if field.type == datetime | None)
_FLAGS = tuple(n for n, field in enumerate(fields(Identity)) if field.type is bool)

# The constructor of a frozen dataclass costs eight times as much, which a fleet would feel.
_SETTERS = tuple(getattr(Identity, name).__set__ for name in IDENTITY_NAMES)


def entry_values(entry: Entry) -> dict[str, Any]:
    row = entry.row
    return {
        "stream": entry.stream,
        "seq": entry.seq,
        "rotation": entry.rotation,
        "schema": entry.schema,
        "kind": str(entry.kind),
        "position": row and row.position,
        "step": row and row.step,
        "subject": row and row.subject,
        "round": row and row.round,
        "attempt": entry.attempt,
        "epoch": entry.epoch,
        "runner": entry.runner,
        "who": entry.who,
        "at": stamp(entry.at),
        "server_at": stamp(entry.server_at),
        "facts": compact(entry.facts),
        "prev": entry.prev,
        "hash": entry.hash,
    }


def entry_from(values: Sequence[Any]) -> Entry:
    """In the order of ENTRY_NAMES."""
    (
        stream, seq, rotation, schema, kind, position, step, subject, round_, attempt,
        epoch, runner, who, at, server_at, facts, prev, hash_,
    ) = values  # fmt: skip
    return Entry(
        stream=stream,
        seq=seq,
        rotation=rotation,
        schema=schema,
        kind=Kind(kind),
        row=None if position is None else RowKey(position, step, subject, round_),
        attempt=attempt,
        epoch=epoch,
        runner=runner,
        who=who,
        at=datetime.fromisoformat(at),
        server_at=unstamp(server_at),
        facts=json.loads(facts),
        prev=prev,
        hash=hash_,
    )


def identity_values(row: Identity) -> dict[str, Any]:
    return dict(zip(IDENTITY_NAMES, map(_plain, _identity_values(row)), strict=True))


def identity_changes(before: Identity, row: Identity) -> dict[str, Any]:
    """Only these: an index whose column is not named costs no page."""
    columns = zip(IDENTITY_NAMES, _identity_values(row), _identity_values(before), strict=True)
    return {name: _plain(value) for name, value, was in columns if value != was}


def identity_from(values: Sequence[Any]) -> Identity:
    """In the order of IDENTITY_NAMES."""
    plain = list(values)
    for place in _TIMES:
        if plain[place] is not None:
            plain[place] = datetime.fromisoformat(plain[place])
    for place in _FLAGS:
        plain[place] = plain[place] == 1
    row = object.__new__(Identity)
    for setter, value in zip(_SETTERS, plain, strict=True):
        setter(row, value)
    return row


def _plain(value: object) -> object:
    return stamp(value) if isinstance(value, datetime) else value
