"""The journal: one append-only, hash-chained stream of entries per identity. It is the only truth.

Entries never hold a secret. The table `identity` is derived from them: it is written in the same
transaction and can be rebuilt from the entries, except for its lease columns.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from rotation.errors import JournalError
from rotation.journal.entries import (
    GENESIS,
    INSTALLATION,
    INSTALLATION_KINDS,
    SCHEMA,
    Draft,
    Entry,
    Identity,
    Kind,
    Lease,
    RowKey,
    canonical,
    compact,
    entry_hash,
    stamp,
    unstamp,
)
from rotation.types import contains_live_value

__all__ = [
    "GENESIS",
    "INSTALLATION",
    "INSTALLATION_KINDS",
    "SCHEMA",
    "Decide",
    "Draft",
    "Entry",
    "Identity",
    "Journal",
    "Kind",
    "Lease",
    "RowKey",
    "canonical",
    "entry_hash",
    "refuse_secrets",
    "stamp",
    "unstamp",
]

# Pure: from the whole rotation's entries to the drafts that follow at exactly the next seq.
Decide = Callable[[tuple[Entry, ...]], Sequence[Draft]]


class Journal(Protocol):
    """Every method is one transaction and raises only JournalError and its subclasses."""

    @property
    def installation(self) -> str: ...

    def entries(self, stream: str) -> tuple[Entry, ...]:
        """The latest rotation of the stream, from its OPENED on; empty if it never had one."""
        ...

    def closing(self, stream: str) -> Entry | None:
        """The entry that closed the latest rotation."""
        ...

    def closings(self, *, without: str) -> Iterator[Entry]:
        """The closing entries of all streams whose latest rotation is closed, except those whose
        facts, as written, contain that text: in most of a fleet they are the same."""
        ...

    def history(self, stream: str) -> Iterator[Entry]:
        """The whole stream, oldest first."""
        ...

    def streams(self) -> Iterator[str]: ...

    def identity(self, stream: str) -> Identity | None: ...

    def identities(self) -> Iterator[Identity]: ...

    def held_for(self, code: str) -> Sequence[Identity]:
        """Open rotations that are Held for that reason."""
        ...

    def paused(self) -> Sequence[Identity]:
        """The rows that a person paused, in the order of their streams."""
        ...

    def runnable(self, now: datetime) -> Sequence[Identity]:
        """Open rotations whose wake_at has come, except the Held ones; the longest waiting
        first."""
        ...

    def next_wake(self) -> datetime | None:
        """The earliest wake_at of all open rotations that are not Held."""
        ...

    def claim(
        self,
        stream: str,
        runner: str,
        now: datetime,
        ttl: timedelta,
        *,
        dead: Callable[[str], bool | None] = lambda runner: None,
    ) -> Lease | None:
        """The lease, if no other runner holds it or its holder is `dead`; else None. The lease's
        time counts only where `dead` cannot tell (None): a runner that is known to live keeps its
        lease, because a frozen one may still have a call in hand. Taking it from another runner
        raises the epoch; a runner's own lease is renewed."""
        ...

    def release(self, lease: Lease) -> None: ...

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
        """Writes OPENED; needs no lease. Raises AlreadyOpen where this identity has an open
        rotation. seen: the last seq that this was decided from, 0 where there was none; raises
        JournalMoved where the stream has moved on since."""
        ...

    def append(
        self,
        lease: Lease,
        drafts: Sequence[Draft],
        now: datetime,
        *,
        known: Sequence[Entry] = (),
        then: Decide | None = None,
    ) -> tuple[Entry, ...]:
        """Appends facts at the next free seq under the lease's epoch, then, in the same
        transaction, what `then` decides from the whole rotation. Raises StaleEpoch where a newer
        epoch exists. CLOSED gives the lease back. Returns the whole rotation: `known`, what others
        appended meanwhile, and the new entries."""
        ...

    def request(
        self, stream: str, draft: Draft, runner: str, now: datetime, *, seen: int | None = None
    ) -> Entry:
        """Appends an operator's REQUESTED. Needs no lease and no epoch, so a hold that lands first
        wins. On a stream without an open rotation it belongs to the last one. seen: as for `open`;
        None: no check."""
        ...

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
        """One transaction: raises the epoch, even if another runner holds the lease, closes the
        open rotation (drafts[0], CLOSED, left out where none is open) and opens another
        (drafts[-1]). seen: as for `open`; None: no check."""
        ...

    def record(self, draft: Draft, runner: str, now: datetime) -> Entry:
        """Appends to the installation's stream."""
        ...

    def installation_entries(self, *kinds: Kind) -> tuple[Entry, ...]:
        """The entries of the installation's stream, of these kinds; without one, all of them."""
        ...

    def by_people(self, since: datetime) -> Sequence[Entry]:
        """What people did from that time on, of all streams, as it happened."""
        ...

    def done_steps(self, since: datetime) -> set[tuple[str, str]]:
        """Which steps were done from that time on, each with its stream."""
        ...

    def doubt(self, stream: str | None = None) -> str | None:
        """Why the journal may have been altered: a seal that does not prove what is there. Checks
        that stream's seal and the hashes of its latest rotation; None: the seals of all streams."""
        ...


def refuse_secrets(drafts: Sequence[Draft]) -> None:
    """Refuses an entry that contains a live secret value. It does not mask it: that would hide a
    bug."""
    # One text for all drafts: each live value has to be searched in each text.
    if contains_live_value(compact([[draft.facts, draft.who] for draft in drafts])):
        raise JournalError(
            "journal.secret-refused",
            "an entry would have held a secret value; nothing was written",
            "report this as a bug; the rotation can be resumed",
        )
