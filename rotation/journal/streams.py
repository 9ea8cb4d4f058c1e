"""The rules of the journal, over any storage that has transactions."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from rotation.errors import AlreadyOpen, JournalError, JournalMoved, StaleEpoch
from rotation.journal import Decide
from rotation.journal.chain import Summarise, blank, derived, fold, is_open, link
from rotation.journal.entries import INSTALLATION, Draft, Entry, Identity, Kind, Lease
from rotation.journal.identity_row import identity_row, with_kept_columns


class Transaction(Protocol):
    """Reads and writes that become true together or not at all."""

    def row(self, stream: str) -> Identity | None:
        """The derived row, locked until the transaction ends."""
        ...

    def latest(self, stream: str, after: int = 0) -> tuple[Entry, ...]:
        """Entries of the rotation that the stream's last entry belongs to, beyond seq `after`."""
        ...

    def history(self, stream: str) -> Iterable[Entry]: ...

    def insert(self, entries: Sequence[Entry]) -> None: ...

    def save(self, before: Identity | None, row: Identity) -> None:
        """`before` is what `row` read of that stream."""
        ...


class StreamJournal(ABC):
    """All operations of a Journal that change it; the subclass stores it.

    summarise: tests pass another one.
    """

    def __init__(self, installation: str, summarise: Summarise = identity_row) -> None:
        self._installation = installation
        self._summarise = summarise

    @property
    def installation(self) -> str:
        return self._installation

    @property
    def summarise(self) -> Summarise:
        return self._summarise

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Transaction]: ...

    def claim(
        self,
        stream: str,
        runner: str,
        now: datetime,
        ttl: timedelta,
        *,
        dead: Callable[[str], bool | None] = lambda runner: None,
    ) -> Lease | None:
        with self._transaction() as transaction:
            before = transaction.row(stream)
            row = before or blank(stream)
            if not _is_free(row, runner, now, dead):
                return None
            epoch = row.epoch if row.lease_runner == runner else row.epoch + 1
            leased = replace(row, epoch=epoch, lease_runner=runner, lease_until=now + ttl)
            transaction.save(before, leased)
        return Lease(stream=stream, runner=runner, epoch=epoch)

    def release(self, lease: Lease) -> None:
        with self._transaction() as transaction:
            row = transaction.row(lease.stream)
            if row is not None and _holds(row, lease):
                transaction.save(row, _without_lease(row))

    def open(
        self,
        stream: str,
        runner: str,
        identity: str,
        secret: str,
        draft: Draft,
        now: datetime,
        *,
        seen: int,
    ) -> Entry:
        _only(Kind.OPENED, draft)
        with self._transaction() as transaction:
            before = transaction.row(stream)
            rotation = transaction.latest(stream)
            if is_open(rotation):
                raise _already_open(secret)
            _refuse_moved(rotation, seen, secret)
            row = replace(before or blank(stream), identity=identity, secret=secret)
            opened, row = self._opened(row, rotation, runner, draft, now)
            transaction.insert((opened,))
            transaction.save(before, row)
        return opened

    def append(
        self,
        lease: Lease,
        drafts: Sequence[Draft],
        now: datetime,
        *,
        known: Sequence[Entry] = (),
        then: Decide | None = None,
    ) -> tuple[Entry, ...]:
        with self._transaction() as transaction:
            before = _fenced(transaction.row(lease.stream), lease)
            rotation = _caught_up(transaction, before, known)
            present = len(rotation)
            rotation += _following(rotation, lease, drafts, now)
            if then is not None:
                rotation += _following(rotation, lease, then(rotation), now)
            if len(rotation) > present:
                transaction.insert(rotation[present:])
                row = derived(rotation, before, self._summarise)
                transaction.save(before, row if row.plan else _without_lease(row))
        return rotation

    def request(
        self, stream: str, draft: Draft, runner: str, now: datetime, *, seen: int | None = None
    ) -> Entry:
        _only(Kind.REQUESTED, draft)
        with self._transaction() as transaction:
            before = transaction.row(stream)
            row = before or blank(stream)
            rotation = transaction.latest(stream)
            if seen is not None:
                _refuse_moved(rotation, seen, row.secret)
            requested = link(
                rotation[-1:], stream, (draft,), epoch=row.epoch, runner=runner, now=now
            )
            transaction.insert(requested)
            transaction.save(before, derived(rotation + requested, row, self._summarise))
        return requested[0]

    def supersede(  # noqa: PLR0913 -- what is opened, by whom, from what
        self,
        stream: str,
        runner: str,
        identity: str,
        secret: str,
        drafts: Sequence[Draft],
        now: datetime,
        ttl: timedelta,
        *,
        seen: int | None = None,
    ) -> Lease:
        *closing, opening = drafts
        _only(Kind.CLOSED, *closing)
        _only(Kind.OPENED, opening)
        with self._transaction() as transaction:
            before = transaction.row(stream)
            row = before or blank(stream)
            rotation = transaction.latest(stream)
            if seen is not None:
                _refuse_moved(rotation, seen, secret)
            row = replace(row, epoch=row.epoch + 1, lease_runner=runner, lease_until=now + ttl)
            lease = Lease(stream=stream, runner=runner, epoch=row.epoch)
            if is_open(rotation):
                if not closing:
                    raise _already_open(secret)
                closed = _following(rotation, lease, closing, now)
                transaction.insert(closed)
                rotation += closed
                row = derived(rotation, row, self._summarise)
            row = replace(row, identity=identity, secret=secret)
            opened, row = self._opened(row, rotation, runner, opening, now)
            transaction.insert((opened,))
            transaction.save(before, row)
        return lease

    def record(self, draft: Draft, runner: str, now: datetime) -> Entry:
        with self._transaction() as transaction:
            return self._record(transaction, draft, runner, now)

    def _record(self, transaction: Transaction, draft: Draft, runner: str, now: datetime) -> Entry:
        past = transaction.latest(INSTALLATION)
        recorded = link(past[-1:], INSTALLATION, (draft,), epoch=0, runner=runner, now=now)
        transaction.insert(recorded)
        return recorded[0]

    def doubt(self, stream: str | None = None) -> str | None:
        """Storage without a file cannot be written from outside."""
        return None

    def rebuild(self, stream: str) -> None:
        """Derives the stream's row again from its entries. The lease stays as it is."""
        with self._transaction() as transaction:
            before = transaction.row(stream)
            history = tuple(transaction.history(stream))
            row = fold(history, self._summarise)
            if row is None:
                return
            # An epoch that an entry names must never be given again.
            stood = before or blank(stream)
            stood = replace(stood, epoch=max(stood.epoch, *(entry.epoch for entry in history)))
            transaction.save(before, with_lease_of(stood, with_kept_columns(stood, row, history)))

    def _opened(
        self, row: Identity, past: Sequence[Entry], runner: str, draft: Draft, now: datetime
    ) -> tuple[Entry, Identity]:
        opened = link(past[-1:], row.stream, (draft,), epoch=row.epoch, runner=runner, now=now)
        return opened[0], self._summarise(opened, row)


def with_lease_of(before: Identity, row: Identity) -> Identity:
    """`row` with the lease columns of `before`, which are not derived."""
    return replace(
        row, epoch=before.epoch, lease_runner=before.lease_runner, lease_until=before.lease_until
    )


def _without_lease(row: Identity) -> Identity:
    return replace(row, lease_runner=None, lease_until=None)


def _is_free(row: Identity, runner: str, now: datetime, dead: Callable[[str], bool | None]) -> bool:
    holder = row.lease_runner
    if holder is None or holder == runner:
        return True
    is_dead = dead(holder)
    if is_dead is None:
        return row.lease_until is None or row.lease_until <= now
    return is_dead


def _holds(row: Identity, lease: Lease) -> bool:
    # Compares the runner too: after a restore an epoch of the lost time could come again.
    return row.epoch == lease.epoch and row.lease_runner == lease.runner


def _fenced(row: Identity | None, lease: Lease) -> Identity:
    if row is None or not _holds(row, lease):
        raise StaleEpoch(
            "journal.stale-epoch",
            "another runner took this rotation over, or the lease was given back; "
            "nothing was written",
        )
    return row


def _caught_up(
    transaction: Transaction, row: Identity, known: Sequence[Entry]
) -> tuple[Entry, ...]:
    """The whole latest rotation; reads only what `known` lacks."""
    if known and known[0].kind is not Kind.OPENED:
        known = ()  # a part of a rotation decides nothing
    seen = known[-1].seq if known else 0
    if seen > row.seq:
        raise JournalError(
            "journal.behind", "the journal ends before entries that were read from it"
        )
    newer = transaction.latest(row.stream, after=seen) if seen < row.seq else ()
    if newer and newer[0].kind is Kind.OPENED:
        return newer
    return (*known, *newer)


def _following(
    rotation: Sequence[Entry], lease: Lease, drafts: Sequence[Draft], now: datetime
) -> tuple[Entry, ...]:
    if not rotation or rotation[-1].rotation == 0:
        raise JournalError("journal.no-rotation", "this identity never had a rotation to add to")
    if any(draft.kind is Kind.OPENED for draft in drafts):
        raise JournalError("journal.kind", "a rotation is opened by itself, not by an append")
    return link(
        rotation[-1:], lease.stream, drafts, epoch=lease.epoch, runner=lease.runner, now=now
    )


def _only(kind: Kind, *drafts: Draft) -> None:
    if any(draft.kind is not kind for draft in drafts):
        raise JournalError("journal.kind", f"only {kind} can be written this way")


def _refuse_moved(latest: Sequence[Entry], seen: int, secret: str) -> None:
    last = latest[-1].seq if latest and latest[0].rotation else 0
    if last != seen:
        raise JournalMoved(
            "journal.moved", f"something happened to {secret} meanwhile; nothing was written"
        )


def _already_open(secret: str) -> AlreadyOpen:
    return AlreadyOpen("journal.already-open", f"{secret} has an open rotation", "rotation status")
