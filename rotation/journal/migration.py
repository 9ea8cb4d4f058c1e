"""A SQLite journal's birth, its origin, and how an older one is brought forward."""

import os
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, select, update

from rotation.entries import SCHEMA
from rotation.errors import JournalError
from rotation.journal import sqlite
from rotation.journal.schema import META, METADATA, MIGRATIONS


def create(path: Path, installation: str) -> None:
    """A whole journal appears under its name, or nothing does; one that is there stays."""
    if path.exists():
        return
    refuse_remains(path)
    sqlite.prepare_directory(path.parent)
    sqlite.refuse_network(path.parent)
    unborn = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    sqlite.create_private(unborn)
    try:
        _fill(unborn, installation)
        try:
            os.link(unborn, path)
        except FileExistsError:
            return  # somebody else was quicker
        _sync_directory(path.parent)
    finally:
        unborn.unlink()


def refuse_remains(path: Path) -> None:
    if path.with_name(path.name + "-wal").exists():
        raise JournalError(
            "journal.missing", f"{path} is gone, but its write-ahead log is there",
            "rotation journal restore, from the latest backup",
        )


def _fill(path: Path, installation: str) -> None:
    writing, reading = sqlite.engines(path)
    with writing.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(
            insert(META),
            [
                {"name": "installation", "value": installation},
                {"name": "schema", "value": str(SCHEMA)},
            ],
        )
    reading.dispose()
    writing.dispose()


def _sync_directory(directory: Path) -> None:
    # A new name is durable only when its directory is.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_origin(engine: Engine, installation: str) -> None:
    """The journal is of this installation and of this version's schema."""
    with engine.connect() as connection:
        schema, origin = _read_schema(connection), _read(connection, "installation")
    if schema != SCHEMA:
        raise _wrong_schema(schema)
    if origin != installation:
        raise JournalError(
            "journal.installation",
            f"this journal belongs to installation {origin}, not to {installation}",
            "check `installation:` in the configuration and the path of the journal",
        )


def _read(connection: Connection, name: str) -> str:
    value: str | None = connection.execute(
        select(META.c.value).where(META.c.name == name)
    ).scalar()
    if value is None:
        raise JournalError("journal.corrupt", f"the journal does not say its {name}")
    return value


def _read_schema(connection: Connection) -> int:
    return int(_read(connection, "schema"))


def _wrong_schema(schema: int) -> JournalError:
    if schema > SCHEMA:
        return JournalError(
            "journal.newer-schema",
            f"the journal has schema {schema}, this version knows {SCHEMA}: a newer one wrote it",
            "install that version of rotation again",
        )
    return JournalError(
        "journal.older-schema", f"the journal has schema {schema}, this version needs {SCHEMA}",
        "rotation journal upgrade",
    )


def upgrade(path: Path) -> int:
    """Brings an older journal to this version's schema, after a copy of it as it was. Returns the
    schema that it had."""
    sqlite.refuse_unsafe(path)
    writing, reading = sqlite.engines(path)
    try:
        with reading.connect() as connection:
            had = _read_schema(connection)
        if had > SCHEMA:
            raise _wrong_schema(had)
        if had < SCHEMA:
            copy(path, path.with_name(f"{path.name}.schema-{had}"))
            with writing.begin() as connection:
                _migrate(connection)
        return had
    finally:
        reading.dispose()
        writing.dispose()


def _migrate(connection: Connection) -> None:
    # Read again under the write lock: another process may have been here first.
    for schema in range(_read_schema(connection), SCHEMA):
        MIGRATIONS[schema](connection)
        connection.execute(
            update(META).where(META.c.name == "schema").values(value=str(schema + 1))
        )


def copy(path: Path, target: Path) -> None:
    """A consistent copy beside live writers, whole under its name or not there at all."""
    if target.exists():
        raise JournalError("journal.exists", f"{target} exists already", "choose another name")
    unborn = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    sqlite.create_private(unborn)
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unborn)) as copied:
            source.backup(copied)
            # One file, that can be carried away and read from anywhere.
            copied.execute("PRAGMA journal_mode=DELETE")
        os.link(unborn, target)
    finally:
        unborn.unlink()
