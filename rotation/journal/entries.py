"""The journal's entries, and the derived row of a stream: plain data and its canonical text."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import NoReturn

from rotation.errors import JournalError
from rotation.types import Facts

SCHEMA = 4
GENESIS = "0" * 64
INSTALLATION = "installation"
"""The reserved stream for what concerns the whole installation."""
RESTORE = "rotation journal restore, from the latest backup"

NONSENSE = (
    ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError,
    RecursionError,
)  # fmt: skip
"""The errors of reading an entry that no version of this tool wrote."""


class Kind(StrEnum):
    OPENED = "opened"
    BEGAN = "began"  # the intent, durable before its effect
    NOTED = "noted"  # the id of a minted instance, before its bytes go to the store
    DONE = "done"
    OBSERVED = "observed"  # partial progress: two of three logins
    WAITING = "waiting"
    RETRY = "retry"  # it did not happen
    IN_DOUBT = "in-doubt"  # it may have happened
    FAILED = "failed"  # it was refused
    HELD = "held"
    REQUESTED = "requested"  # an operator's command
    CLOSED = "closed"
    CREATED = "created"
    FROZEN = "frozen"
    BREAKER = "breaker"
    TRUSTED = "trusted"
    RESTORED = "restored"
    SEALED = "sealed"
    SEEN = "seen"  # `reconcile` found live instances that are not known
    CHECKPOINT = "checkpoint"  # the signed heads of all streams
    APPROVAL = "approval"  # asked for, given, refused or used
    INCIDENT = "incident"  # opened, noted or closed
    REVIEW = "review"  # begun or signed
    FINDING = "finding"  # what the logs of a service showed
    FINGERPRINT = "fingerprint"  # by which a copy of a credential is recognised


INSTALLATION_KINDS = frozenset(
    {
        Kind.CREATED, Kind.FROZEN, Kind.BREAKER, Kind.TRUSTED, Kind.RESTORED, Kind.SEALED,
        Kind.SEEN, Kind.CHECKPOINT, Kind.APPROVAL, Kind.INCIDENT, Kind.REVIEW, Kind.FINDING,
        Kind.FINGERPRINT,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowKey:
    """Which row instance, in which round: DONE counts only in its round."""

    position: int
    step: str
    subject: str
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry before it has its place in the stream."""

    kind: Kind
    row: RowKey | None = None
    attempt: str | None = None
    who: str | None = None
    at: datetime | None = None  # when it became known; None: now
    server_at: datetime | None = None
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact in its place in a stream."""

    stream: str
    seq: int
    rotation: int  # the seq of the OPENED that it belongs to
    schema: int
    kind: Kind
    row: RowKey | None
    attempt: str | None
    epoch: int
    runner: str
    who: str | None
    at: datetime  # never goes back in a stream
    server_at: datetime | None
    facts: Facts
    prev: str
    hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to advance one stream, until a higher epoch exists."""

    stream: str
    runner: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The derived row of one stream: what `status`, `due` and the runner's queue read."""

    stream: str
    identity: str
    secret: str
    seq: int
    hash: str
    rotation: int = 0
    # The open rotation. No plan: none is open.
    plan: str | None = None
    opened_at: datetime | None = None
    phase: str | None = None
    row: str | None = None
    wake_at: datetime | None = None  # when it can go on
    why: str | None = None
    held: str | None = None
    held_at: datetime | None = None
    on_hold: bool = False
    # The current credential, as the journal last recorded it.
    version: str | None = None
    handle: str | None = None
    created: datetime | None = None  # when the issuer made it
    stated: bool = False  # an operator gave `created`, not the issuer
    expires: datetime | None = None
    old: str | None = None
    last_outcome: str | None = None
    last_success_at: datetime | None = None
    last_closed_at: datetime | None = None
    rollbacks: int = 0
    retired: bool = False
    unverified: bool = False
    epoch: int = 0
    lease_runner: str | None = None
    lease_until: datetime | None = None

    @property
    def is_alive(self) -> bool:
        """A rotation is open, or its credential works."""
        return self.plan is not None or (self.handle is not None and not self.retired)


def corrupt(what: str) -> JournalError:
    return JournalError(
        "journal.corrupt", f"{what} cannot be read: the journal is damaged", RESTORE
    )


def newer(what: str, schema: int) -> JournalError:
    return JournalError(
        "journal.newer-schema",
        f"{what} has schema {schema}, this version knows {SCHEMA}: a newer one wrote it",
        "install that version of rotation again",
    )


def as_damage(error: Exception) -> JournalError:
    return error if isinstance(error, JournalError) else corrupt("what the journal says")


def canonical(value: object) -> str:
    """Canonical JSON: sorted keys, UTF-8, no white space, no floats."""
    text = compact(value)
    _DECODER.decode(text)
    return text


def as_read(facts: Facts) -> Facts:
    """The facts as they will be read back; no floats."""
    read: Facts = _DECODER.decode(compact(facts))
    return read


def compact(value: object) -> str:
    """The same text, for what was looked at before."""
    return _ENCODER.encode(value)


def _refuse_float(_: str) -> NoReturn:
    raise JournalError("journal.float", "a fact is a float; the journal holds whole numbers only")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_DECODER = json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_float)


def stamp(at: datetime | None) -> str | None:
    """UTC text with microseconds: sorts as time, the same bytes in every database. ValueError for a
    time without a zone."""
    if at is None:
        return None
    if at.tzinfo is not UTC:
        if at.utcoffset() is None:
            raise ValueError("a time without a zone")
        at = at.astimezone(UTC)
    # Written often, and `strftime` takes five times as long.
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def unstamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def entry_hash(entry: Entry) -> str:
    """SHA-256 of the canonical entry without its hash. Floats were refused before it got here."""
    row = entry.row
    content = {
        "stream": entry.stream,
        "seq": entry.seq,
        "rotation": entry.rotation,
        "schema": entry.schema,
        "kind": str(entry.kind),
        "row": None if row is None else [row.position, row.step, row.subject, row.round],
        "attempt": entry.attempt,
        "epoch": entry.epoch,
        "runner": entry.runner,
        "who": entry.who,
        "at": stamp(entry.at),
        "server_at": stamp(entry.server_at),
        "facts": entry.facts,
        "prev": entry.prev,
    }
    return hashlib.sha256(compact(content).encode()).hexdigest()
