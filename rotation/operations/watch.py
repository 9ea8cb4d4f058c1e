"""The drift watch of `serve`: each secret is compared with the journal once an interval. It only reads,
and writes down what it found where that is new."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from rotation.errors import RotationError
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.operations.reconcile import Found, is_news, look, remember
from rotation.plugins.guard import Stopped
from rotation.schedule.due import fraction

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


class Log(Protocol):
    def __call__(self, event: str, error: RotationError, **facts: str) -> None: ...


@dataclass(kw_only=True)
class DriftWatch:
    """Called once every `pace`. The secrets take their turns in an order that has nothing to do with
    their names or connections, so no service gets them in a burst. at: where in that order it is."""

    here: Installation
    log: Log
    pace: timedelta
    at: float | None = field(default=None, init=False)
    # What one look found is believed once the next one, a pace later, finds it too: a list that
    # lags behind a rotation is no drift.
    suspected: dict[str, Found] = field(default_factory=dict, init=False)

    def tick(self, now: datetime) -> None:
        for name in {*self.suspected, *self._turn(now)}:
            if self.here.stop():
                return
            self._compare(name)

    def _turn(self, now: datetime) -> Iterator[str]:
        every = timedelta(seconds=self.here.configuration.look_every_s)
        step = self.pace / every
        if self.at is None:
            # Not from the beginning after each restart.
            self.at = (now.timestamp() / every.total_seconds()) % 1
        begin, self.at = self.at, (self.at + step) % 1
        for entry in self.here.configuration.secrets():
            if entry.state != "retired" and _is_between(fraction(entry.stream), begin, step):
                yield entry.id

    def _compare(self, name: str) -> None:
        entry = self.here.configuration.secret(name)
        found = None if entry is None else self._found(entry)
        if entry is None or found is None or not is_news(self.here, entry.stream, found):
            self.suspected.pop(name, None)
        elif not found.differences or name in self.suspected:
            self.suspected.pop(name, None)
            remember(self.here, entry.stream, found)
            for each in found.differences:
                self.log("drift.found", each.as_error(), secret=name)
        else:
            self.suspected[name] = found

    def _found(self, entry: "ConfiguredSecret") -> Found | None:
        """None where nothing can be concluded: the journal does not know the secret, a service did not
        answer, or a rotation moved meanwhile or does not know what it last changed."""
        before = self.here.journal.entries(entry.stream)
        if not before or any(state.in_doubt for state in replay(before).states.values()):
            return None
        try:
            found = look(self.here, entry.id)
        except Stopped:
            return None
        if found.error is not None and not found.down:
            self.log("drift.not-looked", found.error, secret=entry.id)
            return None
        row = self.here.journal.identity(entry.stream)
        return found if row is not None and row.seq == before[-1].seq else None


def _is_between(place: float, begin: float, step: float) -> bool:
    """On a circle whose length is 1. A step of the whole circle takes all of it."""
    return step >= 1 or math.fmod(place - begin + 1, 1) < step
