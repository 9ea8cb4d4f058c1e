"""Seals: what cannot be forged in the journal's file without a key that lies elsewhere.

Beside each stream lies a MAC of its head, which is its last entry and its derived row. One more
seal covers all heads. It is a keyed set hash (MSet-XOR-Hash), whose cost does not grow with their
number; it detects a stream that was removed together with its seal or put back to an older state. A
transaction renews a seal only if the old one proves what is there, so a broken seal stays broken
until a person accepts it. An older copy of the whole file proves itself; only somebody who keeps a
copy of `whole` elsewhere can detect that.
"""

import errno
import hashlib
import hmac
import secrets
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rotation.errors import JournalError
from rotation.journal.entries import INSTALLATION, NONSENSE, Entry, compact, entry_hash
from rotation.journal.rows import DERIVED_NAMES, entry_from
from rotation.journal.sqlite.statements import QUERIES
from rotation.runtime.ownership import read_secret
from rotation.types import SecretValue

# Stands for a stream's name: the seal over all streams.
WHOLE = ""
KEY_BYTES_MIN = 32


class Fault(NamedTuple):
    """Something that a seal does not prove. stream: empty for the seal over all streams."""

    stream: str
    message: str

    def __str__(self) -> str:
        return f"{self.stream}: {self.message}" if self.stream else self.message


@dataclass(frozen=True, slots=True)
class _Head:
    """accepted: a person accepted the stream up to this entry."""

    stream: str
    accepted: int
    values: dict[str, Any]


def read_key(path: Path, journal: Path) -> SecretValue:
    """Raises JournalError, because a journal that cannot be sealed must not be written."""
    next_step = (
        "`seal_key` names a file of 32 random bytes or more, mode 600, in a separate directory"
    )
    try:
        if path.resolve().parent == journal.resolve().parent:
            raise JournalError(
                "journal.seal-beside",
                f"{path} lies beside the journal: who writes one reads the other",
                next_step,
            )
        content = _private(path)
    except OSError as error:
        raise JournalError(
            "journal.seal-key",
            f"the key {path} cannot be used: {error.strerror}; nothing was written",
            next_step,
        ) from None
    # One byte becomes one character, so that the key is found in any text that is printed.
    return SecretValue(content.strip().decode("latin-1"))


def _private(path: Path) -> bytes:
    """Raises OSError like `read_secret`. The key must be private: its holder can make seals."""
    content = read_secret(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PermissionError(errno.EPERM, "others may read it")
    if len(content.strip()) < KEY_BYTES_MIN:
        raise OSError(errno.EINVAL, "it is too short to be a key")
    return content


class Seals:
    """Holds the key. No text that leaves this class contains it."""

    def __init__(self, installation: str, key: SecretValue) -> None:
        self._installation = installation
        self._key = hashlib.sha256(key.reveal().encode("latin-1")).digest()
        self._kept = key  # kept alive, so that every writer refuses a text that contains it

    def faults(self, connection: sqlite3.Connection, *, thorough: bool = False) -> list[Fault]:
        """The faults of all heads, read at one moment beside live writers."""
        with _still(connection):
            return self.found(connection, thorough=thorough)

    def found(self, connection: sqlite3.Connection, *, thorough: bool) -> list[Fault]:
        """`faults` inside a transaction."""
        faults = list(self._faults(connection))
        if thorough and is_sealed(connection):
            known = {fault.stream for fault in faults}
            left = (stream for stream in _streams(connection) if stream not in known)
            faults += filter(None, (self._fault_of(connection, stream) for stream in left))
        return faults

    def fault_of(self, connection: sqlite3.Connection, stream: str) -> Fault | None:
        """Checks that stream's head and the entries of its latest rotation."""
        with _still(connection):
            return self._fault_of(connection, stream)

    def is_whole(self, connection: sqlite3.Connection, stream: str) -> bool:
        """`fault_of` inside a transaction."""
        return self._fault_of(connection, stream) is None

    def _fault_of(self, connection: sqlite3.Connection, stream: str) -> Fault | None:
        head, mac = _head(connection, stream), _stored(connection, stream)[0]
        if head is None:
            return None if mac is None else Fault(stream, "it is gone, and its seal is there")
        if not self._proves(mac, self._text(head)):
            return Fault(stream, "its seal does not prove its head")
        entries = [entry_from(each) for each in _ask(connection, "latest", stream)]
        return _broken(stream, entries, head)

    def seal_all(self, connection: sqlite3.Connection, faults: Iterable[Fault]) -> None:
        """Seals everything from now on. faults: a person accepts these streams as they are."""
        accepted, total = {fault.stream for fault in faults}, 0
        heads = []
        for stream in (INSTALLATION, *_streams(connection)):
            head = _head(connection, stream)
            if head is not None and stream in accepted:
                head = _Head(stream, head.values["seq"], head.values)
            heads += [head] if head is not None else []
        connection.execute(QUERIES["remove_seals"])
        for head in heads:
            text = self._text(head)
            _put(connection, head.stream, self._mac(text), head.accepted)
            total ^= self._leaf(text)
        _put(connection, WHOLE, self._whole(total), 0)

    def leaf_before(self, connection: sqlite3.Connection, stream: str) -> int | None:
        """What the seal over all streams holds for this one; 0 for a new stream. None: the stream's
        own seal does not prove it, so it must not be renewed."""
        head, mac = _head(connection, stream), _stored(connection, stream)[0]
        if head is None:
            return 0 if mac is None else None
        text = self._text(head)
        return self._leaf(text) if self._proves(mac, text) else None

    def move(self, connection: sqlite3.Connection, before: dict[str, int]) -> None:
        mac, _ = _stored(connection, WHOLE)
        if mac is None:
            return  # not sealed yet
        total = self._total(mac)
        for stream, leaf in before.items():
            head = _head(connection, stream)
            assert head is not None, "something was written to it"
            text = self._text(head)
            _put(connection, stream, self._mac(text), head.accepted)
            total ^= leaf ^ self._leaf(text)
        _put(connection, WHOLE, self._whole(total), 0)

    def _faults(self, connection: sqlite3.Connection) -> Iterator[Fault]:
        mac, _ = _stored(connection, WHOLE)
        if mac is None:
            yield Fault(WHOLE, "the journal has no seal")
            return
        total, found = 0, False
        for fault, leaf in self._looked_at(connection):
            total ^= leaf
            if fault is not None:
                found = True
                yield fault
        for (stream,) in connection.execute(QUERIES["seals_without_row"]):
            found = True
            yield Fault(stream, "it is gone, and its seal is there")
        if not found and total != self._total(mac):
            yield Fault(WHOLE, "a stream is gone, or was put back to an older state")

    def _looked_at(self, connection: sqlite3.Connection) -> Iterator[tuple[Fault | None, int]]:
        installation = _head(connection, INSTALLATION)
        if installation is None:
            yield Fault(INSTALLATION, "it is gone"), 0
        else:
            history = _ask(connection, "whole", INSTALLATION)
            fault = _broken(INSTALLATION, map(entry_from, history), installation)
            mac, _ = _stored(connection, INSTALLATION)
            text = self._text(installation)
            if not self._proves(mac, text):
                fault = Fault(INSTALLATION, "its seal does not prove its head")
            yield fault, self._leaf(text)
        for mac, accepted, end, beyond, *values in connection.execute(QUERIES["heads"]):
            head = _Head(values[0], accepted or 0, dict(zip(DERIVED_NAMES, values, strict=True)))
            whole = end == head.values["hash"] and beyond is None
            text, fault = self._text(head), None
            if not (whole and self._proves(mac, text)):
                fault = Fault(head.stream, "its seal does not prove its head")
            yield fault, self._leaf(text)

    def _proves(self, mac: str | None, text: bytes) -> bool:
        return isinstance(mac, str) and hmac.compare_digest(mac.encode(), self._mac(text).encode())

    def _mac(self, text: bytes) -> str:
        return self._hash(b"head", text).hex()

    def _leaf(self, text: bytes) -> int:
        # A different function from the MAC's, so that what the file shows does not reveal what is
        # summed up.
        return int.from_bytes(self._hash(b"leaf", text))

    def _text(self, head: _Head) -> bytes:
        # Empty values are left out, so that a column that a later version adds breaks no seal.
        values = {name: value for name, value in head.values.items() if value}
        content = [self._installation, head.stream, head.accepted, values]
        try:
            return compact(content).encode()
        except TypeError:
            # bytes that no version of this program wrote; no seal proves them
            return repr(content).encode()

    def _whole(self, total: int) -> str:
        """Masked anew each time, so that two values do not show what changed between them."""
        nonce = secrets.token_bytes(16)
        return nonce.hex() + (total ^ self._mask(nonce)).to_bytes(32).hex()

    def _total(self, mac: str) -> int:
        try:
            raw = bytes.fromhex(mac)
        except (ValueError, TypeError):
            return -1
        return int.from_bytes(raw[16:48]) ^ self._mask(raw[:16])

    def _mask(self, nonce: bytes) -> int:
        return int.from_bytes(self._hash(b"mask", nonce))

    def _hash(self, use: bytes, content: bytes) -> bytes:
        return hashlib.blake2b(content, digest_size=32, key=self._key, person=use).digest()


class Moving:
    """The seals of one transaction: what it changes is proved before and sealed after."""

    def __init__(self, seals: Seals, connection: sqlite3.Connection) -> None:
        self._seals, self._connection = seals, connection
        self._before: dict[str, int | None] = {}

    def before(self, stream: str) -> None:
        if stream not in self._before:
            self._before[stream] = self._seals.leaf_before(self._connection, stream)

    def before_row(self, stream: str) -> None:
        """Prepares for a row that changes without an entry; allowed only where its entries prove
        the row before."""
        if stream not in self._before:
            leaf = self._seals.leaf_before(self._connection, stream)
            whole = leaf is not None and self._seals.is_whole(self._connection, stream)
            self._before[stream] = leaf if whole else None

    def end(self) -> None:
        proven = {stream: leaf for stream, leaf in self._before.items() if leaf is not None}
        if proven:
            self._seals.move(self._connection, proven)


@contextmanager
def _still(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything that is read inside it belongs to one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def is_sealed(connection: sqlite3.Connection) -> bool:
    return _stored(connection, WHOLE)[0] is not None


def _broken(stream: str, entries: Iterable[Entry], head: _Head) -> Fault | None:
    """The fault of entries that do not lead to the head. Entries that a person accepted count as
    good."""
    last, prev = None, None
    try:
        for entry in entries:
            changed = entry.hash != entry_hash(entry) or prev not in (None, entry.prev)
            if entry.seq > head.accepted and changed:
                return Fault(stream, f"entry {entry.seq} was changed")
            last, prev = entry, entry.hash
    except (JournalError, *NONSENSE):
        return Fault(stream, "an entry of it cannot be read")
    if last is None or (last.seq, last.hash) != (head.values["seq"], head.values["hash"]):
        return Fault(stream, "its entries do not end at its head")
    return None


def _streams(connection: sqlite3.Connection) -> list[str]:
    return [stream for (stream,) in connection.execute(QUERIES["sealed_streams"])]


def _head(connection: sqlite3.Connection, stream: str) -> _Head | None:
    _, accepted = _stored(connection, stream)
    if stream == INSTALLATION:
        end = _ask(connection, "end", stream).fetchone()
        return end and _Head(stream, accepted, {"seq": end[0], "hash": end[1]})
    row = _ask(connection, "derived_row", stream).fetchone()
    return row and _Head(stream, accepted, dict(zip(DERIVED_NAMES, row, strict=True)))


def _stored(connection: sqlite3.Connection, stream: str) -> tuple[str | None, int]:
    return _ask(connection, "seal_of", stream).fetchone() or (None, 0)


def _put(connection: sqlite3.Connection, stream: str, mac: str, accepted: int) -> None:
    seal = {"stream": stream, "mac": mac, "accepted": accepted}
    connection.execute(QUERIES["put_seal"], seal)


def _ask(connection: sqlite3.Connection, query: str, stream: str) -> sqlite3.Cursor:
    return connection.execute(QUERIES[query], {"stream": stream})
