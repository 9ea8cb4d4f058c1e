"""How drafts become entries, and how a stream folds to its derived row. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from rotation.errors import JournalError
from rotation.journal import refuse_secrets
from rotation.journal.entries import (
    GENESIS,
    INSTALLATION,
    INSTALLATION_KINDS,
    NONSENSE,
    SCHEMA,
    Draft,
    Entry,
    Identity,
    Kind,
    as_read,
    corrupt,
    entry_hash,
)

# From the latest rotation's entries, and the row as it was before the newest of them, to the row.
# A later call must give what one call with all entries gives: f(e[:n], f(e[:k], row)) == f(e[:n],
# row).
Summarise = Callable[[tuple[Entry, ...], Identity | None], Identity]


def link(
    past: Sequence[Entry],
    stream: str,
    drafts: Sequence[Draft],
    *,
    epoch: int,
    runner: str,
    now: datetime,
) -> tuple[Entry, ...]:
    """Links the drafts after the last entry of `past`: all of them or, if one must not be written,
    none."""
    refuse_secrets(drafts)
    last = past[-1] if past else None
    entries: list[Entry] = []
    for draft in drafts:
        if (draft.kind in INSTALLATION_KINDS) != (stream == INSTALLATION):
            raise JournalError("journal.kind", f"{draft.kind} does not belong to stream {stream}")
        last = _linked(last, stream, draft, epoch, runner, now)
        entries.append(last)
    return tuple(entries)


def _linked(
    last: Entry | None, stream: str, draft: Draft, epoch: int, runner: str, now: datetime
) -> Entry:
    at = draft.at or now
    seq, rotation, at, prev = (
        (1, 0, at, GENESIS)
        if last is None
        else (last.seq + 1, last.rotation, max(at, last.at), last.hash)
    )
    entry = Entry(
        stream=stream,
        seq=seq,
        rotation=seq if draft.kind is Kind.OPENED else rotation,
        schema=SCHEMA,
        kind=draft.kind,
        row=draft.row,
        attempt=draft.attempt,
        epoch=epoch,
        runner=runner,
        who=draft.who,
        at=at,
        server_at=draft.server_at,
        # What a reader will get. The caller could still change its own dictionary after the hash is
        # taken.
        facts=as_read(draft.facts),
        prev=prev,
    )
    # Set before anyone else has the entry; a copy would cost as much as the hash.
    object.__setattr__(entry, "hash", entry_hash(entry))
    return entry


def is_open(rotation: Iterable[Entry]) -> bool:
    """Whether these entries of one rotation leave it open."""
    kinds = {entry.kind for entry in rotation}
    return Kind.OPENED in kinds and Kind.CLOSED not in kinds


def rotations(history: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """The rotations of a stream; before them, if any, the entries that precede the first OPENED."""
    for _, entries in groupby(history, key=lambda entry: entry.rotation):
        yield tuple(entries)


def blank(stream: str) -> Identity:
    """The row of a stream without entries; it may already hold a lease."""
    return Identity(stream=stream, identity="", secret="", seq=0, hash=GENESIS)


def derived(rotation: tuple[Entry, ...], before: Identity, summarise: Summarise) -> Identity:
    """The row after these entries. Requests before the first rotation only move its end."""
    last = rotation[-1]
    if last.rotation == 0:
        return replace(before, seq=last.seq, hash=last.hash)
    try:
        return summarise(rotation, before)
    except NONSENSE:
        raise corrupt(f"the rotation of {last.stream}") from None


def fold(history: Iterable[Entry], summarise: Summarise) -> Identity | None:
    """The derived row of a whole stream. Its lease columns are not derived and mean nothing
    here."""
    row: Identity | None = None
    for rotation in rotations(history):
        row = derived(rotation, row or blank(rotation[0].stream), summarise)
    return row
