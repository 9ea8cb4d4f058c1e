"""The drift watch of `serve`: each secret is compared with the journal once an interval, this host's clock
with those of the services, and the end of each connection's own credential is looked up. It only reads,
and writes down what it found where that is new."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from rotation.errors import RotationError
from rotation.interfaces import OwnCredential
from rotation.journal.entries import INSTALLATION, Draft, Kind
from rotation.journal.installation_facts import CONNECTION, Looked
from rotation.machine.replay import replay
from rotation.machine.unaccounted import seen_of
from rotation.operations.installation import Installation
from rotation.operations.logins import ask
from rotation.operations.reconcile import CLOCK, Found, is_news, look, remember
from rotation.plugins.guard import Stopped
from rotation.schedule.due import fraction
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


# A connection's own credential is looked up so often; it is said that it ends so long before, or a quarter
# of its life before.
ASKED_EVERY = timedelta(hours=6)
ENDS_SOON, YEAR, SHORT = timedelta(days=14), timedelta(days=365), timedelta(days=1)


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
    asked_at: datetime | None = field(default=None, init=False)
    clock_wrong: bool | None = field(default=None, init=False)

    def tick(self, now: datetime) -> None:
        if self.asked_at is None or not self.asked_at <= now < self.asked_at + ASKED_EVERY:
            self.asked_at = now
            self._ask_connections(now)
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
        if found is not None and found.looked:
            self._note_clock(found)
            found = found.without_clock()
        if entry is None or found is None or not is_news(self.here, entry.stream, found):
            self.suspected.pop(name, None)
        elif not found.differences or name in self.suspected:
            self.suspected.pop(name, None)
            remember(self.here, entry.stream, found)
            for each in found.differences:
                self.log("drift.found", each.as_error(), secret=name)
        else:
            self.suspected[name] = found

    def _note_clock(self, found: Found) -> None:
        """Once for all secrets that show the same: each note reads what is known."""
        wrong = bool(found.clock)
        if wrong is not self.clock_wrong:
            self.clock_wrong = wrong
            note(self.here, INSTALLATION, found.clock)

    def _ask_connections(self, now: datetime) -> None:
        """One that does not answer leaves what was known of it."""
        for name in self.here.configuration.connections:
            login = ask(self.here, name)
            if login.error is None and login.own is not None and not self.here.stop():
                note(self.here, CONNECTION + name, ending(name, login.own, now))

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


def ending(name: str, own: OwnCredential, now: datetime) -> Facts:
    """What is to be said of a connection's own credential that ends soon. One that lives for less than a
    day is renewed by whatever gives it."""
    if own.expires is None:
        return {}
    life = None if own.created is None else own.expires - own.created
    if (life is not None and life < SHORT) or own.expires - now > min(
        ENDS_SOON, (life or YEAR) / 4
    ):
        return {}
    sentence = f"the {own.kind} that connection {name} logs in with ends at {own.expires:%Y-%m-%d %H:%M} UTC"
    return {"connection.ends": [sentence, "rotation handover --help"]}


def note(here: Installation, stream: str, said: Facts) -> None:
    """Writes down what was seen of the installation itself, where that is new."""
    seen = seen_of(here.journal.installation_entries(Kind.SEEN)).get(stream)
    known = {} if seen is None else {code: list(words) for code, words in seen.differs.items()}
    if said.keys() != known.keys() or (said != known and CLOCK not in said):
        facts = Looked(stream=stream, differs=said).facts
        here.journal.record(Draft(kind=Kind.SEEN, facts=facts), here.runner.id, here.clock.now())


def _is_between(place: float, begin: float, step: float) -> bool:
    """On a circle whose length is 1. A step of the whole circle takes all of it."""
    return step >= 1 or math.fmod(place - begin + 1, 1) < step
