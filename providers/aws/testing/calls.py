"""The call log: what was asked, by whom, and what came of it. Never a secret value."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

_SECRET_PARAMETERS = frozenset({"SecretString", "SecretBinary", "RotationToken", "Password"})


def digest(value: str) -> str:
    """Stands in the log for a secret value, so that a test can still compare it."""
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call. `outcome` is `ok` or the code; `answer` says whether the client heard of it."""

    index: int
    service: str
    operation: str
    principal: str | None
    access_key_id: str
    region: str
    parameters: dict[str, Any]
    user_agent: str
    outcome: str
    answer: str
    at: float


class CallLog:
    """Every call in the order in which the server took it up."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, *, parameters: dict[str, Any], **rest: Any) -> None:
        """Note a call, its secret parameters as digests."""
        clean = {
            name: digest(value) if name in _SECRET_PARAMETERS else value
            for name, value in parameters.items()
        }
        self._entries.append(Entry(index=len(self._entries), parameters=clean, **rest))

    def __len__(self) -> int:
        return len(self._entries)

    def matching(self, pattern: str, since: int) -> list[dict[str, Any]]:
        """The calls from this index on whose `service:Operation` matches."""
        return [
            asdict(entry)
            for entry in self._entries[since:]
            if fnmatchcase(f"{entry.service}:{entry.operation}", pattern)
        ]
