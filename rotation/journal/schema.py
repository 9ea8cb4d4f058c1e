"""The journal's tables: the same ones, and the same bytes in them, in every database."""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)


def _text(name: str, *, null: bool = True, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, primary_key=key)


def _time(name: str, *, null: bool = True) -> Column[str]:
    """UTC text that sorts as time does."""
    return _text(name, null=null)


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
    _time("at", null=False),
    _time("server_at"),
    _text("facts", null=False),
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
)

SEAL = Table(
    "seal",
    METADATA,
    _text("stream", key=True),
    _text("mac", null=False),
    _number("accepted"),
    sqlite_with_rowid=False,
)

MIGRATIONS: dict[int, Callable[[Connection], None]] = {1: SEAL.create, 2: lambda _: None}
"""From each older schema to the next one, inside the caller's transaction. 2: what is in the entries
became keyed, which only an earlier version minds."""
