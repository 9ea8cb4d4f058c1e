"""What a live key's metadata says: its versions, and which of our marks they carry.

KV has no labels. We keep them in the key's custom metadata: the marks of the current and the
previous value, and the numbers of the versions that hold each. A version that we did not write, or
whose writing was never recorded, is `kv-<number>`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rotation.types import COMPROMISED, CURRENT, PREVIOUS, StoreState, Version

OWNER = "rotation:owner"
CURRENT_KEY, PREVIOUS_KEY = "rotation:current", "rotation:previous"
COMPROMISED_KEY = "rotation:compromised"

# The current and the previous version, and one that somebody else writes meanwhile.
VERSIONS_MIN = 3
_VERSIONS_DEFAULT = 10
_COPIES = re.compile(r"(?P<numbers>\d+(,\d+)*):(?P<id>\S+)")
_UNRECORDED = re.compile(r"kv-(?P<number>[1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Copies:
    """A value by its version id, and the numbers of the live versions that hold it, the newest
    last. 0 is the placeholder of a secret that was never written."""

    id: str
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return f"{','.join(map(str, self.numbers))}:{self.id}"

    @property
    def newest(self) -> int:
        return self.numbers[-1]

    @property
    def is_placeholder(self) -> bool:
        return self.numbers[0] == 0


def _parse(text: str | None) -> Copies | None:
    match = _COPIES.fullmatch(text or "")
    if match is None:
        return None
    return Copies(match["id"], tuple(map(int, match["numbers"].split(","))))


@dataclass(frozen=True, kw_only=True)
class Record:
    """One read of a live key's metadata; number 0: nothing was ever written there."""

    number: int
    versions: Mapping[int, Mapping[str, Any]]
    custom: Mapping[str, str]
    settings: Mapping[str, Any]
    server_at: datetime | None = None

    @classmethod
    def of(cls, data: Mapping[str, Any], server_at: datetime | None) -> "Record":
        versions: Mapping[str, Mapping[str, Any]] = data.get("versions") or {}
        return cls(
            number=int(data.get("current_version", 0)),
            versions={int(number): version for number, version in versions.items()},
            custom=data.get("custom_metadata") or {},
            settings=data,
            server_at=server_at,
        )

    @property
    def recorded(self) -> Copies | None:
        """What we last recorded as current; somebody else may have written since."""
        return _parse(self.custom.get(CURRENT_KEY))

    @property
    def current(self) -> Copies | None:
        recorded = self.recorded
        if recorded is not None and recorded.newest == self.number:
            return recorded
        return Copies(f"kv-{self.number}", (self.number,)) if self.number else None

    @property
    def is_unrecorded(self) -> bool:
        """Whether the newest version came after the one that we recorded as current."""
        return self.recorded is not None and self.current != self.recorded

    @property
    def previous(self) -> Copies | None:
        """None once no version holds its value any more."""
        previous = _parse(self.custom.get(PREVIOUS_KEY))
        if previous is None or (self.kept(previous) or previous.is_placeholder):
            return previous
        return None

    @property
    def compromised(self) -> str | None:
        return self.custom.get(COMPROMISED_KEY, "").partition(" ")[2] or None

    def find(self, version: str) -> Copies | None:
        for copies in (self.current, self.recorded, self.previous):
            if copies is not None and copies.id == version:
                return copies
        match = _UNRECORDED.fullmatch(version)
        number = int(match["number"]) if match else 0
        return Copies(version, (number,)) if number in self.versions else None

    def kept(self, copies: Copies) -> tuple[int, ...]:
        """The numbers whose value still exists."""
        return tuple(
            number
            for number in copies.numbers
            if number in self.versions and not self.versions[number].get("destroyed")
        )

    @property
    def is_lost(self) -> bool:
        """Whether the newest version is deleted or destroyed, or will be: then readers get
        nothing."""
        newest = self.versions.get(self.number, {})
        return bool(newest.get("destroyed") or newest.get("deletion_time"))

    def labelled(self) -> tuple[Version, ...]:
        labels: dict[str, set[str]] = {}
        for label, version in (
            (CURRENT, self.current.id if self.current else None),
            (PREVIOUS, self.previous.id if self.previous else None),
            (COMPROMISED, self.compromised),
        ):
            if version is not None:
                labels.setdefault(version, set()).add(label)
        return tuple(Version(id=id, labels=frozenset(names)) for id, names in labels.items())  # noqa: A001

    def refusal(self, mount: Mapping[str, Any]) -> tuple[str, str] | None:
        """Why nothing may be written: we would lose what we need, or readers get nothing."""
        # The larger one counts, so a key cannot have fewer than its mount.
        most = max(_number(self.settings), _number(mount)) or _VERSIONS_DEFAULT
        if most < VERSIONS_MIN:
            return "store.few-versions", f"only {most} versions are kept, {VERSIONS_MIN} are needed"
        if _expires(self.settings) or _expires(mount):
            return "store.expiring", "versions delete themselves (`delete_version_after`)"
        if self.is_lost:
            return "store.deleted", "the newest version is deleted, or deletes itself"
        return None


@dataclass(frozen=True, kw_only=True)
class KvState(StoreState):
    """guarded: Vault refuses writes that do not name the version that they replace. unrecorded:
    somebody else wrote the newest version, or we wrote it and could not record it."""

    guarded: bool = True
    unrecorded: bool = False


def is_guarded(record: Record, mount: Mapping[str, Any]) -> bool:
    return bool(record.settings.get("cas_required") or mount.get("cas_required"))


def _number(settings: Mapping[str, Any]) -> int:
    return int(settings.get("max_versions") or 0)


def _expires(settings: Mapping[str, Any]) -> bool:
    """A duration in Go's form, `720h0m0s`; all zeros mean never."""
    return bool(set(str(settings.get("delete_version_after", ""))) & set("123456789"))
