"""How drafts become entries of a stream, and what a whole stream folds to. Pure."""

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

Summarise = Callable[[tuple[Entry, ...], Identity | None], Identity]
"""From the latest rotation's entries, and the row as it was before the newest of them, to the row.

A later call must give what one call with all entries gives: f(e[:n], f(e[:k], row)) == f(e[:n], row).
"""


def link(
    past: Sequence[Entry],
    stream: str,
    drafts: Sequence[Draft],
    *,
    epoch: int,
    runner: str,
    now: datetime,
) -> tuple[Entry, ...]:
    """The drafts as the entries that follow the last of `past`; all of them or, if one may not be
    written, none."""
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
        # What a reader will get: the caller's own dictionary could change under the hash.
        facts=as_read(draft.facts),
        prev=prev,
    )
    # Before anybody has it; a copy would take as long as the hash.
    object.__setattr__(entry, "hash", entry_hash(entry))
    return entry


def is_open(rotation: Iterable[Entry]) -> bool:
    """Whether these entries of one rotation leave it open."""
    kinds = {entry.kind for entry in rotation}
    return Kind.OPENED in kinds and Kind.CLOSED not in kinds


def rotations(history: Iterable[Entry]) -> Iterator[tuple[Entry, ...]]:
    """A stream cut into its rotations; first, if any, what came before the first OPENED."""
    for _, entries in groupby(history, key=lambda entry: entry.rotation):
        yield tuple(entries)


def blank(stream: str) -> Identity:
    """The row of a stream that has no entry: it may hold a lease already."""
    return Identity(stream=stream, identity="", secret="", seq=0, hash=GENESIS)


def derived(rotation: tuple[Entry, ...], before: Identity, summarise: Summarise) -> Identity:
    """The row after these entries; requests that came before any rotation only move its end."""
    last = rotation[-1]
    if last.rotation == 0:
        return replace(before, seq=last.seq, hash=last.hash)
    try:
        return summarise(rotation, before)
    except NONSENSE:
        raise corrupt(f"the rotation of {last.stream}") from None


def fold(history: Iterable[Entry], summarise: Summarise) -> Identity | None:
    """The derived row of a whole stream; its lease columns are not derived and mean nothing."""
    row: Identity | None = None
    for rotation in rotations(history):
        row = derived(rotation, row or blank(rotation[0].stream), summarise)
    return row
