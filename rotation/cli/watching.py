"""Lets others watch a running `serve`: its listener, its heartbeat. Whatever goes wrong with that,
rotations go on."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from rotation.errors import RotationError, UsageError
from rotation.operations.health import ASKED_S, Loops, Pulse
from rotation.runtime.logs import log_error

if TYPE_CHECKING:
    from rotation.cli.session import Session
    from rotation.config.watching import Health
    from rotation.interfaces import Adapters
    from rotation.journal.entries import Entry
    from rotation.operations.metrics import Metrics
    from rotation.runtime.listener import Listener, Page
    from rotation.types import Specification

TURN_S = 1.0
AGAIN_S = 15.0
END_S = 2.0
LOOPS = {"scheduler": 60.0, "tick": 300.0}
"""How long each loop of the scheduler may take."""

log = structlog.get_logger("rotation")


@dataclass(kw_only=True)
class Watching:
    """Follows the present configuration, which a reload changes."""

    session: "Session"
    loops: Loops = field(default_factory=Loops)
    ticked_at: datetime | None = None
    beat_at: datetime | None = None
    _metrics: "Metrics | None" = None
    _listener: "Listener | None" = None
    _listens_as: "Health | None" = None
    _next_try: float = 0.0
    _next_beat: float = 0.0
    _beats_for: object = None
    _said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pulse = Pulse(here=self.session)
        for name, limit in LOOPS.items():
            self.loops.expect(name, limit)

    # -------------------------------------------------------------------------- what is observed

    def turned(self, loop: str) -> None:
        self.loops.turned(loop)
        if loop == "tick":
            self.ticked_at = self.session.clock.now()

    def follow(self, entries: "Sequence[Entry]") -> None:
        if self._metrics is None:
            return
        try:
            self._metrics.observed.follow(entries)
        except Exception:  # the entries are durable, and counting them must not undo a step
            log.exception("metrics.broke")

    def meter(self, bound: "Adapters", spec: "Specification") -> "Adapters":
        return bound if self._metrics is None else self._metrics.observed.watch(bound, spec)

    # --------------------------------------------------------------------------------- heartbeat

    def beat(self) -> float:
        """Asks everybody once an interval, and calls the heartbeat where all is well. Returns after
        how many seconds to look again, so that a reload is followed soon."""
        configuration, began = self.session.configuration, time.monotonic()
        self.loops.expect("pulse", 3 * ASKED_S)
        self.loops.turned("pulse")
        if configuration.heartbeat is None and configuration.health is None:
            return TURN_S
        if began < self._next_beat and configuration is self._beats_for:
            return min(self._next_beat - began, TURN_S)
        self.pulse.ask()
        wrong = [*self.loops.stuck(), *self.pulse.silent]
        self._say_wrong(wrong)
        every = float(self.pulse.every_s)
        if wrong or not self._beaten():
            every = min(every / 4, AGAIN_S)
        self._next_beat, self._beats_for = began + every, configuration
        return 0.0

    def _beaten(self) -> bool:
        from rotation.alerts.heartbeat import beat  # noqa: PLC0415 -- only where there is one

        heartbeat = self.session.configuration.heartbeat
        if heartbeat is None:
            return True
        try:
            beat(heartbeat)
        except RotationError as error:
            self._say("heartbeat", "heartbeat.failed", error)
            return False
        self._said.pop("heartbeat", None)
        self.beat_at = self.session.clock.now()
        return True

    def _say_wrong(self, wrong: Sequence[str]) -> None:
        """Once, until all is well again."""
        new = [line for line in wrong if line.partition(" has not ")[0] not in self._said]
        for line in new:
            self._said[line.partition(" has not ")[0]] = line
            log.error("health.not-ready", message=line)
        if not wrong:
            for name in [name for name in self._said if name not in ("heartbeat", "listener")]:
                del self._said[name]

    def _say(self, subject: str, event: str, error: RotationError) -> None:
        if self._said.get(subject) != error.message:
            self._said[subject] = error.message
            log_error(event, error)

    # ---------------------------------------------------------------------------------- listener

    def listen(self) -> None:
        """Listens as the configuration says. Another address is taken before the former one is
        given up, so a wrong one changes nothing."""
        wanted = self.session.configuration.health
        if wanted != self._listens_as and time.monotonic() >= self._next_try:
            self._take(wanted)
        if self._metrics is not None and wanted is not None:
            try:
                self._metrics.refresh()
            except RotationError as error:
                self._say("metrics", "metrics.failed", error)
            else:
                self._said.pop("metrics", None)

    def _take(self, wanted: "Health | None") -> None:
        from rotation.operations.listening import listen, pages  # noqa: PLC0415 -- where it is wanted

        before, self._next_try = self._listener, time.monotonic() + AGAIN_S
        if wanted is not None and self._metrics is None:
            self._metrics = self._new_metrics()
        same = wanted and self._listens_as and wanted.address == self._listens_as.address
        if before is not None and (wanted is None or same):
            before.end()
            self._listener = self._listens_as = None
        if wanted is not None:
            try:
                answer = pages(self.loops, self.pulse, self._page)
                self._listener = listen(wanted, answer)
            except RotationError as error:
                self._say("listener", "health.failed", error)
                return
            log.info("health.listening", address=wanted.listen)
        if before is not None and not same and wanted is not None:
            before.end()
        self._listens_as, self._next_try = wanted, 0.0
        self._said.pop("listener", None)

    def _new_metrics(self) -> "Metrics | None":
        try:
            from rotation.operations.metrics import Metrics  # noqa: PLC0415 -- where it is wanted
            from rotation.operations.observed import Observed  # noqa: PLC0415
        except ModuleNotFoundError:
            self._say(
                "metrics", "metrics.failed", UsageError("metrics.no-library", NO_LIBRARY, HINT)
            )
            return None
        return Metrics(
            here=self.session, pulse=self.pulse, loops=self.loops,
            observed=Observed(entries_of=self.session.journal.entries),
            ticked=lambda: self.ticked_at, beat_at=lambda: self.beat_at,
        )  # fmt: skip

    def _page(self) -> "Page":
        from rotation.runtime.listener import Page  # noqa: PLC0415 -- loaded already

        if self._metrics is None:
            return Page(501, f"{NO_LIBRARY}; {HINT}\n".encode())
        from rotation.operations.metrics import TYPE  # noqa: PLC0415 -- loaded already

        return Page(200, self._metrics.page(), TYPE)

    def end(self) -> None:
        if self._listener is not None:
            self._listener.end()


NO_LIBRARY = "`/metrics` needs prometheus-client; the other pages, and rotations, go on"
HINT = "install the extra `metrics`, and start again"


@contextmanager
def watching(watch: Watching) -> Iterator[None]:
    """In two threads that nothing waits for: one asks, the other listens."""
    ends = threading.Event()

    def listening() -> float:
        watch.listen()
        return TURN_S

    threads = [
        threading.Thread(target=_repeat, args=(turn, ends), daemon=True, name=name)
        for name, turn in (("pulse", watch.beat), ("watching", listening))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        for thread in threads:
            thread.join(END_S)
        watch.end()


def _repeat(turn: Callable[[], float], ends: threading.Event) -> None:
    while True:
        wait = AGAIN_S
        try:
            wait = turn()
        except Exception:  # a bug in the watching ends no rotation
            if not ends.is_set():
                log.exception("health.broke")
        if ends.wait(max(wait, 0.05)):
            return
