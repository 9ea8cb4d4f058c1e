"""Creates a SQLite journal, checks whose it is, and brings an older one forward."""

import os
import secrets
import sqlite3
from pathlib import Path

from rotation.errors import JournalError
from rotation.journal import sqlite
from rotation.journal.entries import RESTORE, SCHEMA, corrupt, newer
from rotation.journal.liveness import living, runners_of
from rotation.journal.sqlite import statements


def create(path: Path, installation: str) -> None:
    """Creates a whole journal under that name, or nothing; an existing one stays."""
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
            return  # another process was quicker
        sync_directory(path.parent)
    finally:
        unborn.unlink()


def refuse_remains(path: Path) -> None:
    if path.with_name(path.name + "-wal").exists():
        raise JournalError(
            "journal.missing",
            f"{path} is gone, but its write-ahead log exists",
            RESTORE,
        )


def _fill(path: Path, installation: str) -> None:
    file = sqlite.File(path)
    with file.write() as connection:
        for statement in statements.schema():
            connection.execute(statement)
        origin = [("installation", installation), ("schema", str(SCHEMA))]
        connection.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", origin)
    file.close()


def sync_directory(directory: Path) -> None:
    # A new name is durable only once its directory is.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_file(
    path: Path,
    installation: str,
    *,
    read_only: bool = False,
    patience_s: float | None = None,
) -> sqlite.File:
    """Opens the file of this installation's journal at this version's schema."""
    sqlite.refuse_unsafe(path)
    sqlite.refuse_network(path)
    file = sqlite.File(path, read_only=read_only, patience_s=patience_s)
    return _at_this_schema(file, installation, read_only=read_only)


def look_at(path: Path, installation: str) -> sqlite.File:
    """The same for readers, even on a disk that cannot be written."""
    sqlite.refuse_unreadable(path)
    return _at_this_schema(sqlite.File(path, read_only=True), installation, read_only=True)


def _at_this_schema(file: sqlite.File, installation: str, *, read_only: bool) -> sqlite.File:
    try:
        schema = _checked_schema(file, installation)
        if schema < SCHEMA:
            _refuse_upgrade(file, schema, read_only=read_only)
            _bring_forward(file, schema)
    except BaseException:
        file.close()
        raise
    return file


def _checked_schema(file: sqlite.File, installation: str) -> int:
    with file.read() as connection:
        schema, origin = _read_schema(connection), _read(connection, "installation")
    if origin != installation:
        raise JournalError(
            "journal.installation",
            f"this journal belongs to installation {origin}, not to {installation}",
            "check `installation:` in the configuration and the path of the journal",
        )
    if schema > SCHEMA:
        raise _wrong_schema(schema)
    return schema


def schema_of(path: Path) -> int:
    sqlite.refuse_unsafe(path)
    file = sqlite.File(path, read_only=True)
    try:
        with file.read() as connection:
            return _read_schema(connection)
    finally:
        file.close()


def _read(connection: sqlite3.Connection, name: str) -> str:
    found = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if found is None:
        raise JournalError("journal.corrupt", f"the journal has no {name}")
    return str(found[0])


def _read_schema(connection: sqlite3.Connection) -> int:
    schema = _read(connection, "schema")
    if not schema.isdecimal():
        raise corrupt("its schema")
    return int(schema)


def _wrong_schema(schema: int) -> JournalError:
    if schema > SCHEMA:
        return newer("the journal", schema)
    return JournalError(
        "journal.older-schema",
        f"the journal has schema {schema}, this version needs {SCHEMA}",
        "rotation journal upgrade",
    )


def _refuse_upgrade(file: sqlite.File, schema: int, *, read_only: bool) -> None:
    if read_only:
        raise _wrong_schema(schema)
    refuse_living(file.path)


def refuse_living(journal: Path) -> None:
    """Whatever changes a journal as a whole needs it for itself: raises while a runner is alive."""
    runners = living(runners_of(journal))
    if runners:
        raise JournalError(
            "journal.runner-alive",
            f"runner {', '.join(runners)} is alive and uses this journal",
            "stop it first",
        )


def _bring_forward(file: sqlite.File, schema: int) -> None:
    copy(file, file.path.with_name(f"{file.path.name}.schema-{schema}-{secrets.token_hex(4)}"))
    upgrades = statements.upgrades()
    with file.write() as connection:
        # Read again under the write lock: another process may have upgraded it already.
        for older in range(_read_schema(connection), SCHEMA):
            for statement in upgrades[older]:
                connection.execute(statement)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(SCHEMA),))


def copy(file: sqlite.File, target: Path) -> None:
    """A consistent copy, made beside live writers. A copy that is killed leaves an empty file,
    which is refused as a journal."""
    if target.exists():
        raise JournalError("journal.exists", f"{target} exists already", "choose another name")
    sqlite.create_private(target)
    unborn = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    sqlite.create_private(unborn)
    try:
        file.copy_to(unborn)
        unborn.replace(target)
        sync_directory(target.parent)
    except BaseException:
        unborn.unlink(missing_ok=True)
        target.unlink()
        raise
