"""Entries and derived rows as a database stores them: texts and whole numbers, the same bytes in
every database."""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any, TypeAlias

from rotation.journal.entries import (
    NONSENSE,
    SCHEMA,
    Entry,
    Identity,
    Kind,
    RowKey,
    compact,
    corrupt,
    newer,
    stamp,
)

ENTRY_NAMES = (
    "stream", "seq", "rotation", "schema", "kind", "position", "step", "subject", "round",
    "attempt", "epoch", "runner", "who", "at", "server_at", "facts", "prev", "hash",
)  # fmt: skip
_SCHEMA = ENTRY_NAMES.index("schema")
IDENTITY_NAMES = tuple(field.name for field in fields(Identity))
DERIVED_NAMES = tuple(
    name for name in IDENTITY_NAMES if name not in ("epoch", "lease_runner", "lease_until")
)
_identity_values = attrgetter(*IDENTITY_NAMES)

_STORED: dict[Any, frozenset[type]] = {
    str: frozenset({str}),
    int: frozenset({int}),
    bool: frozenset({int}),
    str | None: frozenset({str, NoneType}),
    datetime | None: frozenset({str, NoneType}),
}
_IDENTITY_SHAPE = tuple(_STORED[field.type] for field in fields(Identity))
_NUMBERS = {"seq", "rotation", "schema", "epoch", "position", "round"}
_PERHAPS = {"position", "step", "subject", "round", "attempt", "who", "server_at"}
_ENTRY_SHAPE = tuple(
    frozenset({int if name in _NUMBERS else str, *([NoneType] if name in _PERHAPS else [])})
    for name in ENTRY_NAMES
)

_TIMES = tuple(n for n, field in enumerate(fields(Identity)) if field.type == datetime | None)
_FLAGS = tuple(n for n, field in enumerate(fields(Identity)) if field.type is bool)

# The constructor of a frozen dataclass takes eight times as long, which a large fleet would notice.
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
    """From values in the order of ENTRY_NAMES. Raises JournalError where they are no entry, or one
    of a schema that this version must not read."""
    what = f"entry {_short(values[1])} of {_short(values[0])}"
    if isinstance(schema := values[_SCHEMA], int) and schema > SCHEMA:
        raise newer(what, schema)
    try:
        return _entry(values)
    except NONSENSE:
        raise corrupt(what) from None


def _entry(values: Sequence[Any]) -> Entry:
    _refuse_other(_ENTRY_SHAPE, values)
    (
        stream, seq, rotation, schema, kind, position, step, subject, round_, attempt,
        epoch, runner, who, at, server_at, text, prev, hash_,
    ) = values  # fmt: skip
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise TypeError
    if "\\u" in text:
        compact(facts).encode()  # raises for half of a surrogate pair
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
        at=_time(at),
        server_at=None if server_at is None else _time(server_at),
        facts=facts,
        prev=prev,
        hash=hash_,
    )


def identity_values(row: Identity) -> dict[str, Any]:
    return dict(zip(IDENTITY_NAMES, map(_plain, _identity_values(row)), strict=True))


def identity_changes(before: Identity, row: Identity) -> dict[str, Any]:
    """Only the changed columns: an index whose column is not named costs no page."""
    columns = zip(IDENTITY_NAMES, _identity_values(row), _identity_values(before), strict=True)
    return {name: _plain(value) for name, value, was in columns if value != was}


def identity_from(values: Sequence[Any]) -> Identity:
    """From values in the order of IDENTITY_NAMES. Raises JournalError where they are no row."""
    try:
        return _identity(values)
    except NONSENSE:
        raise corrupt(f"the row of {_short(values[0])}") from None


def _identity(values: Sequence[Any]) -> Identity:
    _refuse_other(_IDENTITY_SHAPE, values)
    plain = list(values)
    for place in _TIMES:
        if plain[place] is not None:
            plain[place] = _time(plain[place])
    for place in _FLAGS:
        plain[place] = plain[place] == 1
    row = object.__new__(Identity)
    for setter, value in zip(_SETTERS, plain, strict=True):
        setter(row, value)
    return row


Shape: TypeAlias = tuple[frozenset[type], ...]


def _refuse_other(shape: Shape, values: Sequence[Any]) -> None:
    """SQLite accepts a value of any type in any column."""
    if not _fits(tuple(map(type, values)), shape):
        raise TypeError


@lru_cache(maxsize=1024)
def _fits(types: tuple[type, ...], shape: Shape) -> bool:
    """Cached: the rows of a fleet are of few kinds."""
    return all(kind in kinds for kind, kinds in zip(types, shape, strict=True))


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError
    return at


def _short(value: object) -> str:
    return str(value)[:120]


def _plain(value: object) -> object:
    return stamp(value) if isinstance(value, datetime) else value
