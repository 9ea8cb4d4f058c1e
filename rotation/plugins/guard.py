"""One guard around every adapter: it checks before each call whether the call may still begin."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from rotation.errors import Permanent
from rotation.interfaces import Adapters, Consumer, Issuer, Probe, Store

# Methods that change nothing. Every other method counts as a change, and so does one that is added
# later: if a change were taken for a read, its failure would count as "did not happen", and a mint
# would be sent twice.
READS = frozenset({
    "listing", "usage", "handle_of", "read_back", "state", "read", "stale", "lacking", "login",
    "login_name", "wrong",
})  # fmt: skip

# A mint may have been noted just now, and only this call saves its bytes: it is sent even while the
# process stops.
ALWAYS = "stage"


class Stopped(Exception):
    """The process was told to stop before this call began. The row stays as the journal has it, and
    the next runner resumes it."""


def unfenced() -> None:
    """The fence of a look, which holds no lease that it could lose."""


@dataclass(slots=True, kw_only=True)
class Guard:
    """Guards the calls of one row. stopping: once it is true, no call begins and Stopped is raised.
    fence: raises StaleEpoch where this runner was frozen and another took over. asked: a change was
    requested, and the answer was not a plain refusal."""

    stopping: Callable[[], bool]
    fence: Callable[[], None] = unfenced
    asked: bool = False

    def wrap(self, bound: Adapters) -> Adapters:
        """The same adapters, guarded. Attributes that are no methods are read directly."""
        return Adapters(
            issuer=cast("Issuer", _Guarded(self, bound.issuer)),
            store=cast("Store", _Guarded(self, bound.store)),
            probe=bound.probe and cast("Probe", _Guarded(self, bound.probe)),
            consumers={
                name: cast("Consumer", _Guarded(self, consumer))
                for name, consumer in bound.consumers.items()
            },
        )

    def call(self, name: str, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        if self.stopping() and name != ALWAYS:
            raise Stopped
        self.fence()
        before = self.asked
        self.asked = before or name not in READS
        try:
            return method(*given, **named)
        except Permanent as error:
            self.asked = before or (self.asked and not error.unchanged)
            raise


class _Guarded:
    def __init__(self, guard: Guard, adapter: object) -> None:
        self._guard, self._adapter = guard, adapter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        return partial(self._guard.call, name, found) if callable(found) else found
