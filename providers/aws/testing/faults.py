"""Faults on demand: what goes wrong at which call, and what somebody else does just before it.

A pattern is `service:Operation` with wildcards, `iam:CreateAccessKey`, `secretsmanager:*`, `*`.
`nth` counts the matching calls from the moment the fault is ordered; `times` is for how many in
a row it then strikes.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from inspect import signature
from typing import Any, Literal, NotRequired, TypedDict

from providers.aws.testing.out_of_band import OutOfBand


class Act(TypedDict):
    """One operation of somebody else: the name of a method of `out_of_band`, and its arguments."""

    act: str
    arguments: NotRequired[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One order."""

    pattern: str
    kind: Literal["before", "after", "hang", "between"]
    nth: int
    times: int
    code: str | None = None
    status: int = 500
    applied: bool = False
    acts: tuple[Act, ...] = ()
    seen: int = 0

    def strikes(self, action: str) -> bool:
        """Count this call, and say whether it is hit. A spent order is asked no more."""
        if not fnmatchcase(action, self.pattern):
            return False
        self.seen += 1
        return self.seen >= self.nth

    @property
    def applies(self) -> bool:
        """Whether the call takes effect all the same."""
        return self.kind == "after" or self.applied

    @property
    def way(self) -> Literal["sent", "lost", "hung"]:
        """What becomes of the answer."""
        if self.kind == "hang":
            return "hung"
        return "lost" if self.kind == "after" and self.code is None else "sent"

    @property
    def spent(self) -> bool:
        """Whether it has struck for the last time."""
        return self.seen >= self.nth + self.times - 1


class Faults:
    """The orders that are still open. All orders count every matching call."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []
        self._lock = threading.Lock()
        self.latency_s = 0.0

    def before(
        self,
        pattern: str,
        code: str = "InternalFailure",
        *,
        status: int = 500,
        nth: int = 1,
        times: int = 1,
    ) -> None:
        """Refuse with this code; nothing is applied."""
        self._order(
            Fault(pattern=pattern, kind="before", code=code, status=status, nth=nth, times=times)
        )

    def after(
        self,
        pattern: str,
        code: str | None = None,
        *,
        status: int = 500,
        nth: int = 1,
        times: int = 1,
    ) -> None:
        """Apply, then lose the answer: close the connection, or refuse if a code is given."""
        self._order(
            Fault(pattern=pattern, kind="after", code=code, status=status, nth=nth, times=times)
        )

    def hang(self, pattern: str, *, applied: bool = False, nth: int = 1, times: int = 1) -> None:
        """Never answer; the client gives up at its own deadline."""
        self._order(Fault(pattern=pattern, kind="hang", applied=applied, nth=nth, times=times))

    def between(self, acts: list[Act], pattern: str = "*", *, nth: int = 1) -> None:
        """Somebody does this just before the nth matching call from now is applied."""
        for act in acts:
            # An operation that cannot be performed must fail here, not in a thread of the server.
            signature(getattr(OutOfBand, act["act"])).bind(None, **act.get("arguments", {}))
        self._order(Fault(pattern=pattern, kind="between", acts=tuple(acts), nth=nth, times=1))

    def latency(self, milliseconds: float) -> None:
        """Every call takes at least this long."""
        self.latency_s = milliseconds / 1000

    def clear(self) -> None:
        """Forget every open order. Latency stays."""
        with self._lock:
            self._orders.clear()

    def pending(self) -> int:
        """How many orders have not struck for the last time."""
        with self._lock:
            return len(self._orders)

    def struck(self, action: str) -> list[Fault]:
        """The orders that hit this call; each order counts it."""
        with self._lock:
            hit = [order for order in self._orders if order.strikes(action)]
            self._orders = [order for order in self._orders if not order.spent]
        return hit

    def _order(self, fault: Fault) -> None:
        with self._lock:
            self._orders.append(fault)
