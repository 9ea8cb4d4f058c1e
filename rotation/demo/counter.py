"""What the applications experienced, counted from their own reports."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Counter:
    """The counts of one application. A refusal is kept with the public id of the key that was
    refused."""

    calls: int = 0
    refusals: list[tuple[float, str]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def heard(self, line: str) -> None:
        """Takes a line of an application. Anything but a report is a failure of the application."""
        now = time.monotonic()
        accepted, key = _report(line)
        with self._changed:
            self.calls += 1
            if not accepted:
                self.refusals.append((now, key))
            self._changed.notify_all()

    def refused_with(self, key: str) -> list[float]:
        """When calls with this key were refused."""
        return [at for at, refused in self.refusals if refused == key]

    def wait_for_calls(self, more: int, seconds: float) -> bool:
        with self._changed:
            wanted = self.calls + more
            return self._changed.wait_for(lambda: self.calls >= wanted, seconds)


def _report(line: str) -> tuple[bool, str]:
    try:
        accepted, key = json.loads(line)
    except ValueError:
        return False, "application broke"
    return accepted is True, str(key)
