"""What an operator does with a journal as a whole: check, copy, restore, export, rebuild,
upgrade."""

import glob
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from rotation.errors import JournalError
from rotation.journal import Journal, migration, sqlite
from rotation.journal.chain import Summarise, fold, is_open, rotations
from rotation.journal.entries import (
    GENESIS,
    INSTALLATION,
    NONSENSE,
    SCHEMA,
    Draft,
    Entry,
    Identity,
    Kind,
    RowKey,
    canonical,
    corrupt,
    entry_hash,
    stamp,
    unstamp,
)
from rotation.journal.identity_row import identity_row, with_kept_columns
from rotation.journal.seal import Seals
from rotation.journal.sql import SqlJournal, open_journal
from rotation.journal.streams import with_lease_of


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a journal that this program cannot have written."""

    code: str
    stream: str
    seq: int | None
    message: str


def check(path: Path, installation: str, seals: Seals | None = None) -> tuple[Finding, ...]:
    """Reads and folds everything again, beside a live writer. No finding means that it is whole."""
    with open_journal(path, installation, read_only=True, seals=seals) as journal:
        return (*_damage(journal), *check_entries(journal), *_unproved(journal))


def _unproved(journal: SqlJournal) -> Iterator[Finding]:
    for fault in journal.faults(thorough=True):
        yield Finding("journal.seal", fault.stream, None, fault.message)


def _damage(journal: SqlJournal) -> Iterator[Finding]:
    for message in journal.damage():
        yield Finding("journal.corrupt", "", None, message)


def check_entries(journal: Journal, summarise: Summarise = identity_row) -> Iterator[Finding]:
    """Checks any journal: every stream is one unbroken chain, and every row follows from its
    entries."""
    streams = (INSTALLATION, *journal.streams())
    unread = []
    for stream in streams:
        try:
            yield from _stream(journal, stream, summarise)
        except JournalError as error:
            unread.append(error.message)
            yield Finding(error.code, str(stream), None, error.message)
    try:
        for row in journal.identities():
            if row.stream not in streams:
                yield Finding("journal.entries-missing", row.stream, None, "a row without entries")
    except JournalError as error:
        if error.message not in unread:
            yield Finding(error.code, "", None, error.message)


def _stream(journal: Journal, stream: str, summarise: Summarise) -> Iterator[Finding]:
    row = journal.identity(stream)
    entries = tuple(journal.history(stream))
    findings = _chain(entries)
    yield from findings
    if stream != INSTALLATION and not findings:
        yield from _row(journal, row, entries, summarise)


def _chain(entries: Sequence[Entry]) -> list[Finding]:
    try:
        return [*_links(entries), *_rotations(entries)]
    except NONSENSE:
        raise corrupt(f"the entries of {entries[0].stream}") from None


def _links(entries: Sequence[Entry]) -> Iterator[Finding]:
    if entries and (entries[0].seq != 1 or entries[0].prev != GENESIS):
        yield _finding("journal.gap", entries[0], "the stream does not begin here")
    for entry in entries:
        if entry.hash != entry_hash(entry):
            yield _finding("journal.changed", entry, "the entry is not what was hashed")
    for before, entry in pairwise(entries):
        if entry.seq != before.seq + 1:
            yield _finding("journal.gap", entry, f"follows seq {before.seq}")
        elif entry.prev != before.hash:
            yield _finding("journal.chain", entry, "does not follow from the entry before it")
        if entry.at < before.at:
            yield _finding("journal.time", entry, "is older than the entry before it")


def _rotations(entries: Sequence[Entry]) -> Iterator[Finding]:
    *closed, _ = rotations(entries) if entries else (None,)
    for rotation in closed:
        if rotation and rotation[0].rotation and is_open(rotation):
            yield _finding("journal.open", rotation[-1], "another rotation opened before its end")
    for entry in entries:
        if (entry.kind is Kind.OPENED) != (entry.rotation == entry.seq):
            yield _finding("journal.rotation", entry, "belongs to no rotation that was opened")


def _row(
    journal: Journal, row: Identity | None, entries: Sequence[Entry], summarise: Summarise
) -> Iterator[Finding]:
    last = entries[-1]
    if row is None:
        if journal.identity(last.stream) is None:
            yield _finding("journal.row", last, "the stream has no row")
        return
    if row.seq > last.seq:
        yield _finding("journal.entries-missing", last, f"the stream once ended at {row.seq}")
        return
    # A live writer may have moved on since the row was read; then there is a newer row.
    if row.seq < last.seq and journal.identity(last.stream) == row:
        yield _finding("journal.row", last, f"the row ends at {row.seq}")
    known = [entry for entry in entries if entry.seq <= row.seq]
    try:
        folded = fold(known, summarise)
    except JournalError as error:
        yield _finding(error.code, last, error.message)
    else:
        if folded is None or with_kept_columns(row, with_lease_of(row, folded), known) != row:
            yield _finding("journal.row", last, "the row does not follow from the entries")
    if row.epoch < max(entry.epoch for entry in entries):
        yield _finding("journal.epoch", last, "an entry has a higher epoch than the row")


def _finding(code: str, entry: Entry, message: str) -> Finding:
    return Finding(code, entry.stream, entry.seq, message)


def rebuild(journal: SqlJournal) -> None:
    """Derives every row again. Safe beside a live writer."""
    for stream in journal.streams():
        journal.rebuild(stream)


# Findings that leave the entries whole: the row can be derived from them.
WRONG_ROW = frozenset({"journal.row", "journal.epoch"})


def repair(journal: SqlJournal, streams: Iterable[str] | None = None) -> Iterator[str]:
    """Derives the rows again that do not follow from their entries, and yields their streams. Where
    the entries are broken too it leaves the row alone: it may be the only evidence of what they
    were."""
    for stream in journal.streams() if streams is None else streams:
        with suppress(JournalError):
            found = {finding.code for finding in _stream(journal, stream, journal.summarise)}
            if found and found <= WRONG_ROW:
                journal.rebuild(stream)
                yield stream


def repair_at_start(journal: SqlJournal) -> Iterator[str]:
    """`repair` for rows that would mislead a scheduler, found without reading every entry. Skips
    streams with a broken seal: a person has to see those first."""
    return repair(journal, (each for each in journal.strays() if journal.doubt(each) is None))


def export(journal: Journal) -> Iterator[str]:
    """Every entry as a line of canonical JSON. The hash is the SHA-256 of the line without it."""
    for stream in (INSTALLATION, *journal.streams()):
        for entry in journal.history(stream):
            yield canonical(
                asdict(entry)
                | {
                    "row": entry.row and list(asdict(entry.row).values()),
                    "at": stamp(entry.at),
                    "server_at": stamp(entry.server_at),
                }
            )


def exported(line: str) -> Entry:
    """The entry of such a line. Raises JournalError for one that `export` did not write."""
    try:
        said = json.loads(line)
        row, at = said["row"], unstamp(said["at"])
        assert at is not None
        parsed = {
            "row": None if row is None else RowKey(*row),
            "kind": Kind(said["kind"]),
            "at": at,
        }
        return Entry(**{**said, **parsed, "server_at": unstamp(said["server_at"])})
    except NONSENSE:
        raise corrupt("a line of the export") from None


def backup(path: Path, installation: str, target: Path) -> None:
    """A consistent copy beside live writers: one private file, which must not exist yet."""
    with sqlite.translated():
        file = migration.open_file(path, installation, read_only=True)
        try:
            migration.copy(file, target.absolute())
        finally:
            file.close()


def restore(
    path: Path, installation: str, source: Path, *, runner: str, who: str, now: datetime,
    seals: Seals | None = None,
) -> Path | None:  # fmt: skip
    """Puts the backup in the journal's place. Earlier leases become worthless, and RESTORED in the
    installation's stream says so. Returns where the replaced journal was put, if there was one.

    Refused while a runner is alive, or if the backup is damaged or another installation's.
    """
    path = path.absolute()
    migration.refuse_living(path)
    sqlite.refuse_unsafe(source)
    sqlite.prepare_directory(path.parent)
    unborn = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with sqlite.translated():
        try:
            _copy_backup(source, unborn)
            _start_over(unborn, installation, seals, runner=runner, who=who, now=now)
            aside = _put_aside(path)
            unborn.replace(path)
            migration.sync_directory(path.parent)
        finally:
            # Its log and, where the backup was brought forward, the copy of its older schema: the
            # backup itself.
            for left in path.parent.glob(f"{glob.escape(unborn.name)}*"):
                left.unlink(missing_ok=True)
    return aside


def _copy_backup(source: Path, unborn: Path) -> None:
    file = sqlite.File(source, read_only=True)
    try:
        migration.copy(file, unborn)
    finally:
        file.close()


def _start_over(
    path: Path, installation: str, seals: Seals | None, *, runner: str, who: str, now: datetime
) -> None:
    with open_journal(path, installation, seals=seals) as journal:
        streams = (INSTALLATION, *journal.streams())
        # Rows are derived again here, so a backup with wrong rows is good.
        if journal.damage() or any(_chain(tuple(journal.history(stream))) for stream in streams):
            raise JournalError(
                "journal.corrupt",
                "the backup is damaged; nothing was replaced",
                "take an older one",
            )
        for stream in streams[1:]:
            with suppress(JournalError):  # its row says then what it said when it was backed up
                journal.rebuild(stream)
        journal.raise_epochs()
        journal.record(Draft(kind=Kind.RESTORED, who=who), runner, now)


def _put_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.replaced-{secrets.token_hex(4)}")
    with suppress(JournalError):  # it may be too damaged to read, which is why it is replaced
        file = sqlite.File(path)
        file.fold_log()
        file.close()
    os.link(path, aside)
    # A log that stays would be taken for the new file's.
    log = _beside(path, "-wal")
    if log.exists():
        log.replace(_beside(aside, "-wal"))
    _beside(path, "-shm").unlink(missing_ok=True)
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def upgrade(path: Path, installation: str) -> tuple[int, int]:
    """Brings an older journal forward, after a copy. Returns the schema before and after."""
    had = migration.schema_of(path)
    migration.open_file(path, installation).close()
    return had, SCHEMA
