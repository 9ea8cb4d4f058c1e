"""One guard around every adapter: before a call begins it is asked whether it still may."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from rotation.errors import Permanent
from rotation.interfaces import Adapters, Consumer, Issuer, Probe, Store

READS = frozenset({
    "listing", "usage", "handle_of", "read_back", "state", "read", "stale", "lacking", "login",
    "login_name", "wrong",
})  # fmt: skip
"""What changes nothing. Every other method may, one that is added later as well: what is taken for a
read by mistake is told as if it had not happened, and a mint would be sent twice."""

ALWAYS = "stage"
"""A mint may just have been noted, and its bytes are nowhere else: told to stop, this still goes."""


class Stopped(Exception):
    """The process was told to stop before this call began. Whatever row it belongs to stays as the
    journal has it and is resumed by the next runner."""


def unfenced() -> None:
    """A look holds no lease that could be lost."""


@dataclass(slots=True, kw_only=True)
class Guard:
    """Of the calls of one row. stopping: no call begins once it is true: Stopped. fence: raises
    StaleEpoch where this runner was frozen and another took over. asked: a change was asked for,
    and its answer was not a plain no."""

    stopping: Callable[[], bool]
    fence: Callable[[], None] = unfenced
    asked: bool = False

    def wrap(self, bound: Adapters) -> Adapters:
        """The same adapters. What is no method of theirs is read as it is."""
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
