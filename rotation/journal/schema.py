"""The journal's tables: the same ones, and the same bytes in them, in every database."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import UserDefinedType

from rotation.entries import Entry, Identity, Kind, RowKey, compact, stamp, unstamp
from rotation.types import Facts

MIGRATIONS: dict[int, Callable[[Connection], None]] = {}
"""From each older schema to the next one, inside the caller's transaction."""

_T = TypeVar("_T")


class _AsText(UserDefinedType[_T]):
    """A column of text that means something else to us, in any database."""

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"


class _Time(_AsText[datetime]):
    cache_ok = True  # looked up on this very class, not on its base

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        return stamp

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[str | None], datetime | None]:
        return unstamp


class _Facts(_AsText[Facts]):
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Facts | None], str]:
        return compact

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str], Facts]:
        return json.loads


def _text(name: str, *, null: bool = True, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, primary_key=key)


def _time(name: str) -> Column[datetime]:
    return Column(name, _Time)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


METADATA = MetaData()

META = Table("meta", METADATA, _text("name", key=True), _text("value", null=False))

ENTRY = Table(
    "entry",
    METADATA,
    _text("stream", key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    _number("rotation"),
    Column("schema", Integer, nullable=False),
    _text("kind", null=False),
    _number("position", null=True),
    _text("step"),
    _text("subject"),
    _number("round", null=True),
    _text("attempt"),
    _number("epoch"),
    _text("runner", null=False),
    _text("who"),
    Column("at", _Time, nullable=False),
    _time("server_at"),
    Column("facts", _Facts, nullable=False),
    _text("prev", null=False),
    _text("hash", null=False),
    sqlite_with_rowid=False,
)

IDENTITY = Table(
    "identity",
    METADATA,
    _text("stream", key=True),
    _text("identity", null=False),
    _text("secret", null=False),
    _number("seq"),
    _text("hash", null=False),
    _number("rotation"),
    _text("plan"),
    _time("opened_at"),
    _text("phase"),
    _text("row"),
    _time("wake_at"),
    _text("why"),
    _text("held"),
    _time("held_at"),
    _flag("on_hold"),
    _text("version"),
    _text("handle"),
    _time("created"),
    _flag("stated"),
    _time("expires"),
    _text("old"),
    _text("last_outcome"),
    _time("last_success_at"),
    _time("last_closed_at"),
    _number("rollbacks"),
    _flag("retired"),
    _flag("unverified"),
    _number("epoch"),
    _text("lease_runner"),
    _time("lease_until"),
    sqlite_with_rowid=False,
)

Index(
    "identity_wakes",
    IDENTITY.c.wake_at,
    sqlite_where=IDENTITY.c.wake_at.is_not(None),
    postgresql_where=IDENTITY.c.wake_at.is_not(None),
)


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
        "at": entry.at,
        "server_at": entry.server_at,
        "facts": entry.facts,
        "prev": entry.prev,
        "hash": entry.hash,
    }


def entry_from(values: Sequence[Any]) -> Entry:
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
        at=at,
        server_at=server_at,
        facts=facts,
        prev=prev,
        hash=hash_,
    )


IDENTITY_NAMES = tuple(column.name for column in IDENTITY.columns)

# The constructor of a frozen dataclass costs eight times as much, which a fleet would feel.
_SETTERS = tuple(getattr(Identity, name).__set__ for name in IDENTITY_NAMES)


def identity_from(values: Sequence[Any]) -> Identity:
    row = object.__new__(Identity)
    for setter, value in zip(_SETTERS, values, strict=True):
        setter(row, value)
    return row


def identity_values(row: Identity) -> dict[str, Any]:
    return {name: getattr(row, name) for name in IDENTITY_NAMES}


def identity_changes(before: Identity, row: Identity) -> dict[str, Any]:
    """Only these: an index whose column is not named costs no page."""
    return {
        name: value
        for name in IDENTITY_NAMES
        if (value := getattr(row, name)) != getattr(before, name)
    }
