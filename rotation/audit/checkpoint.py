"""A checkpoint: the ends of all streams that moved since the one before, signed. Pure.

Each stream is a chain of hashes, so its end stands for all of it, and each checkpoint names the hash of
the one before. One line of JSON, because every sink can keep lines.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from rotation.journal.entries import NONSENSE, canonical, stamp, unstamp

FIRST = ""
"""What the first checkpoint has in the place of the hash of the one before."""
VERSION = 1


class End(NamedTuple):
    """The last entry of a stream."""

    seq: int
    hash: str


class Signer(Protocol):
    @property
    def id(self) -> str:
        """By which a verifier finds the public key."""
        ...

    def sign(self, content: bytes) -> bytes: ...


class Key(Protocol):
    @property
    def id(self) -> str: ...

    def verifies(self, content: bytes, signature: bytes) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """ends: of the streams that moved since `previous`, by name."""

    installation: str
    number: int
    at: datetime
    previous: str
    ends: Mapping[str, End]
    key: str = ""
    signature: bytes = b""

    @property
    def content(self) -> bytes:
        """What is signed."""
        return canonical(self._said()).encode()

    def _said(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "installation": self.installation,
            "number": self.number,
            "at": stamp(self.at),
            "previous": self.previous,
            "ends": {stream: list(end) for stream, end in self.ends.items()},
            "key": self.key,
        }

    @property
    def line(self) -> str:
        signature = base64.b64encode(self.signature).decode()
        return canonical({**self._said(), "signature": signature})

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def signed(
    installation: str,
    before: Checkpoint | None,
    ends: Mapping[str, End],
    at: datetime,
    signer: Signer,
) -> Checkpoint:
    """The next one after `before`."""
    said: dict[str, Any] = {
        "installation": installation,
        "number": 1 if before is None else before.number + 1,
        "at": at,
        "previous": FIRST if before is None else before.hash,
        "ends": ends,
        "key": signer.id,
    }
    return Checkpoint(**said, signature=signer.sign(Checkpoint(**said).content))


def read(line: str) -> Checkpoint | None:
    """None for a line that is no checkpoint, such as one that was cut."""
    try:
        said = json.loads(line)
        at = unstamp(said["at"])
        if said["version"] != VERSION or at is None:
            return None
        return Checkpoint(
            installation=str(said["installation"]),
            number=int(said["number"]),
            at=at,
            previous=str(said["previous"]),
            ends={
                str(name): End(int(seq), str(hash_)) for name, (seq, hash_) in said["ends"].items()
            },
            key=str(said["key"]),
            signature=base64.b64decode(said["signature"], validate=True),
        )
    except NONSENSE:
        return None


def moved(before: Sequence[Checkpoint], ends: Mapping[str, End]) -> dict[str, End]:
    """The ends that the checkpoints do not have yet. before: from the first one, or from one that has
    all of them."""
    known: dict[str, End] = {}
    for checkpoint in before:
        known.update(checkpoint.ends)
    return {stream: end for stream, end in ends.items() if known.get(stream) != end}
