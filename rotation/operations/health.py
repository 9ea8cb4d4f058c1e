"""Whether this runner is well: its loops turn, its journal can be read, its connections answer."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from rotation.config.watching import EVERY_S
from rotation.errors import RotationError
from rotation.interfaces import OwnCredential
from rotation.journal.entries import Lease
from rotation.operations.installation import Installation
from rotation.operations.logins import ask
from rotation.operations.silence import mute

JOURNAL, ALERTS = "journal", "alerts"
ASKED_S = 20.0
"""What the contract allows one question."""
AT_ONCE = 16


@dataclass(kw_only=True)
class Loops:
    """Each loop of the process says that it turned; one that has not for its limit is stuck."""

    monotonic: Callable[[], float] = time.monotonic
    _limits: dict[str, float] = field(default_factory=dict)
    _turned: dict[str, float] = field(default_factory=dict)

    def expect(self, name: str, within_s: float) -> None:
        self._limits[name] = within_s
        self._turned.setdefault(name, self.monotonic())

    def turned(self, name: str) -> None:
        self._turned[name] = self.monotonic()

    def stuck(self) -> Iterator[str]:
        now = self.monotonic()
        for name, limit in list(self._limits.items()):
            silent = now - self._turned[name]
            if silent > limit:
                yield f"the loop {name} has not turned for {silent:.0f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """error: its code; None where it answered. at: monotonic, when it did."""

    at: float
    took_s: float
    error: str | None = None
    own: OwnCredential | None = None


@dataclass(kw_only=True)
class Pulse:
    """The latest answer of the journal and of each connection of the present configuration."""

    here: Installation
    monotonic: Callable[[], float] = time.monotonic
    _answers: dict[str, Answer] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _silent: Sequence[str] = ("nobody was asked yet",)
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    @property
    def every_s(self) -> int:
        heartbeat = self.here.configuration.heartbeat
        return EVERY_S if heartbeat is None else heartbeat.every_s

    @property
    def subjects(self) -> Sequence[str]:
        """A connection has its own name after the kind, as one may be called `journal`."""
        configuration = self.here.configuration
        alerts = (ALERTS,) if configuration.alerts.routes else ()
        return (JOURNAL, *alerts, *(f"connection {name}" for name in configuration.connections))

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Of the connections, by name."""
        found = dict(self._answers)
        known = self.here.configuration.connections
        return {name: found[key] for name in known if (key := f"connection {name}") in found}

    def ask(self) -> None:
        """Asks everybody at once, and returns when all have answered or the time is over. Whoever
        still owes an earlier answer is not asked again."""
        began = self.monotonic()
        queue: SimpleQueue[str] = SimpleQueue()
        waiting = [subject for subject in self.subjects if subject not in self._asked]
        for subject in waiting:
            self._asked.add(subject)
            queue.put(subject)
        # Daemons: a service that hangs must not keep the process from ending.
        threads = [
            threading.Thread(target=self._work, args=(queue,), daemon=True, name="asking")
            for _ in range(min(AT_ONCE, len(waiting)))
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + min(ASKED_S, self.every_s)
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0.0))
        self._silent = tuple(self._words(began))

    @property
    def silent(self) -> Sequence[str]:
        """Who did not answer when they were last asked, in words."""
        return self._silent

    def _words(self, began: float) -> Iterator[str]:
        for subject in self.subjects:
            at, latest = self._answered.get(subject), self._answers.get(subject)
            if at is None or at < began:
                since = self.monotonic() - (self._began if at is None else at)
                code = f" [{latest.error}]" if latest is not None and latest.error else ""
                yield f"{subject} has not answered for {since:.0f} s{code}"

    def _work(self, queue: SimpleQueue[str]) -> None:
        while True:
            try:
                subject = queue.get_nowait()
            except Empty:
                return
            try:
                self._one(subject)
            finally:
                self._asked.discard(subject)

    def _one(self, subject: str) -> None:
        began = self.monotonic()
        error: str | None = None
        own: OwnCredential | None = None
        try:
            if subject == JOURNAL:
                # A transaction that changes nothing: it finds a file that is gone, and a lock.
                self.here.journal.release(Lease(stream="", runner="", epoch=0))
            elif subject == ALERTS:
                broken = mute(self.here, self.here.clock.now())
                error = None if broken is None else broken.code
            else:
                login = ask(self.here, subject.removeprefix("connection "))
                error, own = login.error.code if login.error else None, login.own
        except RotationError as failed:
            error = failed.code
        except Exception as failed:  # noqa: BLE001 -- a bug of an adapter must not look like silence
            error = type(failed).__name__
        now = self.monotonic()
        self._answers[subject] = Answer(at=now, took_s=now - began, error=error, own=own)
        if error is None:
            self._answered[subject] = now
