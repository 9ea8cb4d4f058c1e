"""The journal: one append-only, hash-chained stream of entries per identity. It is the only truth.

Entries never hold a secret. Beside them stands one derived table, `identity`, written in the same
transaction and rebuildable from the entries; only its lease columns are not derived.
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

Decide = Callable[[tuple[Entry, ...]], Sequence[Draft]]
"""Pure: from the whole rotation's entries to the drafts that follow at exactly the next seq."""


class Journal(Protocol):
    """Every method is one transaction. Raises only JournalError and its kinds."""

    @property
    def installation(self) -> str: ...

    def entries(self, stream: str) -> tuple[Entry, ...]:
        """The latest rotation of the stream, from its OPENED on; empty if it never had one."""
        ...

    def closing(self, stream: str) -> Entry | None:
        """Of the latest rotation the entry that closed it: all that is read of it."""
        ...

    def closings(self, *, without: str) -> Iterator[Entry]:
        """The same of all streams whose latest rotation is closed, but for those that have that text
        in their facts, as they are written: most of a fleet's say the same."""
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

    def runnable(self, now: datetime) -> Sequence[Identity]:
        """Open rotations whose wake_at has come, the longest waiting first; not the Held ones."""
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
        """The lease, where nobody else holds it or its holder is `dead`; else None. Time decides
        only where `dead` cannot tell (None): a runner that is seen to live keeps its lease, for a
        frozen one may still have a call in hand.
        Taking it from another runner raises the epoch; one's own is renewed."""
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
        """OPENED; needs no lease. An open rotation of this identity = AlreadyOpen. seen: the last
        seq of the rotation that this was decided from, 0 where there never was one; where the
        stream went on since: JournalMoved."""
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
        """Appends facts at the next free seq under the lease's epoch (a newer one: StaleEpoch),
        then, in the same transaction, what `then` decides from the whole rotation. CLOSED gives
        the lease back. Returns the whole rotation: `known`, what others appended meanwhile, and
        what was appended now."""
        ...

    def request(self, stream: str, draft: Draft, runner: str, now: datetime) -> Entry:
        """A person's REQUESTED: needs no lease and no epoch, so a hold that lands first wins.
        On a stream without an open rotation it belongs to the last one."""
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
        """One transaction: raises the epoch whoever holds the lease, closes the open rotation
        (drafts[0], CLOSED, left out where none is open) and opens another (drafts[-1]). seen: as
        of `open`; None: whatever happened."""
        ...

    def record(self, draft: Draft, runner: str, now: datetime) -> Entry:
        """Appends to the installation's stream."""
        ...

    def installation_entries(self) -> tuple[Entry, ...]: ...

    def doubt(self, stream: str | None = None) -> str | None:
        """Why this may not be what was written: a seal that does not prove what is there. Of that
        stream, by its own seal and its latest rotation's hashes; None: of all heads."""
        ...


def refuse_secrets(drafts: Sequence[Draft]) -> None:
    """The journal refuses, it does not mask: a live value in an entry is a bug."""
    # One text for all: every live value has to be looked for in each text.
    if contains_live_value(compact([[draft.facts, draft.who] for draft in drafts])):
        raise JournalError(
            "journal.secret-refused",
            "an entry would have held a secret value; nothing was written",
            "report this as a bug; the rotation can be resumed",
        )
