"""The vendor: hands out badges, three at most, and knows which of them are valid."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


class ServiceError(Exception):
    """What the vendor's client library raises: a code that is safe to show."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class BadgeService:
    badges: dict[str, str] = field(default_factory=dict)
    made_at: dict[str, datetime] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    made: int = 0
    fault: tuple[str, str] | None = None
    """(operation, code) of the next call; `lost` does what was asked and does not answer."""

    def list(self) -> dict[str, tuple[datetime, bool]]:
        """Each badge: when it was made, and whether it is valid."""
        return self._call(
            "list", lambda: {b: (self.made_at[b], b not in self.blocked) for b in self.badges}
        )

    def create(self) -> tuple[str, str]:
        return self._call("create", self._create)

    def set_valid(self, badge: str, *, valid: bool) -> None:
        self._call("set_valid", lambda: self._set_valid(badge, valid=valid))

    def delete(self, badge: str) -> None:
        self._call("delete", lambda: self.badges.pop(self._known(badge)))

    def accepts(self, badge: str, code: str) -> bool:
        return self.badges.get(badge) == code and badge not in self.blocked

    def _call(self, operation: str, do: Callable[[], T]) -> T:
        fault, self.fault = self.fault, None
        if fault is None or fault[0] != operation:
            self.fault = fault
            return do()
        if fault[1] == "lost":
            do()
        raise ServiceError(fault[1])

    def _create(self) -> tuple[str, str]:
        if len(self.badges) >= 3:
            raise ServiceError("limit")
        self.made += 1
        badge, code = f"badge-{self.made}", f"code-of-badge-{self.made:08}"
        self.badges[badge], self.made_at[badge] = code, datetime.now(UTC)
        return badge, code

    def _set_valid(self, badge: str, *, valid: bool) -> None:
        (self.blocked.discard if valid else self.blocked.add)(self._known(badge))

    def _known(self, badge: str) -> str:
        if badge not in self.badges:
            raise ServiceError("unknown")
        return badge
