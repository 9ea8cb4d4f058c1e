"""The server's clock: real time, moved by the tests.

Two offsets, because two different things move. `advance` lets time pass for everyone: keys
settle, sessions expire, the `Date` header moves. An SDK still signs with the machine's clock, so
`advance` is left out when the age of a signature is judged. `skew` makes the server disagree with
its clients, signatures included.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from moto.core.utils import utcnow


class ServerClock:
    """What time the server says it is."""

    def __init__(self) -> None:
        self._passed = timedelta()
        self._skew = timedelta()

    def now(self) -> datetime:
        """The server's time."""
        return self.moment() + self._skew

    def moment(self) -> datetime:
        """The same without skew: changes do not propagate faster when a clock is put forward."""
        return _machine_time() + self._passed

    def signing_time(self) -> datetime:
        """The time against which the date of a signature is judged."""
        return _machine_time() + self._skew

    def pause(self, seconds: float) -> None:
        """Really waits; this makes the latency."""
        threading.Event().wait(seconds)

    def time(self) -> float:
        """The server's time as seconds since the epoch."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> float:
        """Let this many seconds pass for everyone; returns the new time."""
        self._passed += timedelta(seconds=seconds)
        return self.time()

    def skew(self, seconds: float) -> float:
        """Make the server's clock differ from its clients' by this much; returns the new time."""
        self._skew = timedelta(seconds=seconds)
        return self.time()


def _machine_time() -> datetime:
    return utcnow().replace(tzinfo=UTC)
