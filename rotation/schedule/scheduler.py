"""What happens without an operator: due rotations are opened, open ones are advanced.

It stores nothing durable. It has five jobs: `tick` opens what is due, `watch` what has to be
replaced, `drain` advances what can go on by the journal, `compare` looks for drift, `housekeeping`
removes what dead runners left. It asks the journal for its next wake-up a few times a second, so it takes operators' requests
and a dead runner's work at once.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor as JobThreads
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

from rotation.errors import AlreadyOpen, JournalError, RotationError
from rotation.execution.runner import Runner
from rotation.journal import Identity
from rotation.machine.decide import Wait
from rotation.plan import Plan, rules_of
from rotation.runtime.logs import log_error
from rotation.runtime.process import STOP_WITHIN, Signals, end_children
from rotation.schedule.auto_replace import Gone
from rotation.types import Specification

TICK = timedelta(seconds=60)
WATCH = timedelta(minutes=5)
COMPARE = timedelta(seconds=30)
HOUSEKEEPING = timedelta(hours=1)
POLL = timedelta(milliseconds=250)
# The wait where the journal names no time to wake.
IDLE = timedelta(hours=1)

# The wait before a rotation that another runner has is tried again.
LATER = timedelta(seconds=1)
AFTER_ERROR = timedelta(seconds=30)
# How long the journal may fail before this process ends, so that its supervisor notices.
JOURNAL_PATIENCE = timedelta(seconds=60)

WIDTH_MAX = 64

log = structlog.get_logger("rotation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A rotation that is due and may be opened now."""

    stream: str
    plan: Plan
    spec: Specification


@dataclass(kw_only=True)
class Waking:
    """What the scheduler needs of the configuration, always as it is now.

    due: what to open now. gone: what to replace now, looked at one after the other. compare: looks at
    some secrets, and changes nothing of them. lane: the
    connection that a rotation loads; `width` of them at once are advanced on each lane.
    """

    due: Callable[[datetime], Iterable[Opening]]
    gone: Callable[[datetime], Iterable[Gone]] = lambda now: ()
    compare: Callable[[datetime], None] = lambda now: None
    lane: Callable[[Identity], str] = lambda identity: ""
    width: Callable[[], int] = lambda: 4


@dataclass(kw_only=True)
class Scheduler:
    """One per process; `runner.stopping` must be true once `signals.stopping` is."""

    runner: Runner
    policy: Waking
    signals: Signals
    reload: Callable[[], None] = lambda: None
    sweep: Callable[[], None] = lambda: None
    turned: Callable[[str], None] = lambda loop: None  # a loop of it came round
    _lock: threading.Condition = field(default_factory=threading.Condition)
    _active: dict[str, str] = field(default_factory=dict)
    _ready: dict[str, deque[Identity]] = field(default_factory=dict)
    _postponed: dict[str, datetime] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WIDTH_MAX))
    _drained_until: float = 0.0
    # After a start, rotations may go on earlier than scheduled: a freeze may have ended.
    _reloaded: bool = True
    _failing_since: float | None = None

    # --------------------------------------------------------------------------------- the jobs

    def tick(self) -> None:
        """Every secret that is due and inside its window has an open rotation."""
        if self._reloaded:
            # Each of them may go on earlier than scheduled.
            self._reloaded, rows = False, self.runner.journal.identities()
            self._queue(row for row in rows if row.plan is not None and row.held is None)
        for opening in self.policy.due(self.runner.clock.now()):
            if self.signals.stopping:
                return
            try:
                self.runner.open(opening.stream, opening.plan, opening.spec, trigger="schedule")
            except AlreadyOpen:
                continue
            except RotationError as error:
                log_error("rotation.not-opened", error, secret=opening.spec.secret)

    def watch(self) -> None:
        """What its issuer reports as dead is being replaced, where its class allows it."""
        for gone in self.policy.gone(self.runner.clock.now()):
            if self.signals.stopping:
                return
            try:
                self.runner.open_replacement(
                    gone.stream, gone.spec, trigger="schedule", reason=gone.reason, seen=gone.seen
                )
            except RotationError as error:
                log_error("rotation.not-opened", error, secret=gone.spec.secret)
            else:
                log.warning("rotation.replaces", secret=gone.spec.secret, reason=gone.reason)

    def compare(self) -> None:
        """Each secret is compared with the journal once an interval."""
        self.policy.compare(self.runner.clock.now())

    def drain(self) -> None:
        """Whatever can go on now is being advanced, emergencies first, no lane beyond its width."""
        self._queue(self.runner.journal.runnable(self.runner.clock.now()))

    def _queue(self, identities: Iterable[Identity]) -> None:
        with self._lock:
            self._ready.clear()
            for identity in sorted(identities, key=lambda row: not rules_of(row.plan).contains):
                self._ready.setdefault(self.policy.lane(identity), deque()).append(identity)
            for lane in self._ready:
                self._fill(lane)

    def housekeeping(self) -> None:
        self.sweep()
        now = self.runner.clock.now()
        with self._lock:
            self._postponed = {s: until for s, until in self._postponed.items() if until > now}

    # ---------------------------------------------------------------------------- the advancing

    def _fill(self, lane: str) -> None:
        """Call it only under the lock."""
        ready = self._ready.get(lane, deque())
        busy = sum(1 for other in self._active.values() if other == lane)
        while ready and busy < self.policy.width() and not self.signals.stopping:
            identity = ready.popleft()
            stream = identity.stream
            if stream not in self._active and not self._is_postponed(stream):
                self._active[stream] = lane
                self._pool.submit(self._advance, stream, identity.secret)
                busy += 1

    def _is_postponed(self, stream: str) -> bool:
        until, now = self._postponed.get(stream), self.runner.clock.now()
        # A longer pause means that the clock was set back.
        return until is not None and now < until <= now + AFTER_ERROR

    def _advance(self, stream: str, secret: str) -> None:
        pause = AFTER_ERROR  # even where the error cannot be logged
        try:
            action = self.runner.advance(stream)
            pause = timedelta()
            if isinstance(action, Wait) and action.until is None:
                pause = LATER if action.row is None else AFTER_ERROR
        except RotationError as error:
            # One secret's error must not stop the others.
            log_error("rotation.failed", error, secret=secret, stream=stream)
        except Exception:
            log.exception("rotation.broke", secret=secret, stream=stream)
        finally:
            self._ended(stream, pause)

    def _ended(self, stream: str, pause: timedelta) -> None:
        with self._lock:
            lane = self._active.pop(stream)
            if pause:
                self._postponed[stream] = self.runner.clock.now() + pause
            self._fill(lane)
            self._lock.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a call is in flight."""
        with self._lock:
            return bool(self._active)

    # ------------------------------------------------------------------------------- the process

    def run(self) -> bool:
        """Runs until a signal to stop. False where rotations that could have gone on were left."""
        jobs = BackgroundScheduler(
            executors={"default": JobThreads(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        now = self.runner.clock.now()
        drain = _every(jobs, IDLE, self._timed_drain, now)
        tick = _every(jobs, TICK, self._timed_tick, now)
        paced = (
            (tick, TICK),
            (_every(jobs, WATCH, self.watch, now), WATCH),
            (_every(jobs, COMPARE, self.compare), COMPARE),
            (_every(jobs, HOUSEKEEPING, self.housekeeping), HOUSEKEEPING),
        )
        jobs.start()
        try:
            while not self.signals.stopping:
                self.signals.wait(POLL.total_seconds())
                self._reload_if_asked(tick)
                for job, interval in paced:
                    self._follow_clock(job, interval)
                self._wake(drain)
                self.turned("scheduler")
        finally:
            self.signals.stopping = True
            jobs.shutdown(wait=False)
            left = self._await_calls()
        return not left

    def _reload_if_asked(self, tick: Job) -> None:
        if self.signals.reloads:
            self.signals.reloads = 0
            self.reload()
            self._reloaded = True
        if self._reloaded:
            # Set again and again, because a run that would overlap another one is skipped.
            tick.modify(next_run_time=self.runner.clock.now())

    def _follow_clock(self, job: Job, interval: timedelta) -> None:
        """A job's next time is a time of the clock, which may be set back by hours; the same goes
        for the end of a pause after a failed try."""
        now = self.runner.clock.now()
        if job.next_run_time > now + interval:
            self._reloaded = True
            job.modify(next_run_time=now)

    def _wake(self, drain: Job) -> None:
        """Runs the drain job at the journal's next wake-up. A drain that takes long, because much
        is waiting, is not run more than a tenth of the time."""
        wake, now = self._next_wake(), self.runner.clock.now()
        if wake is None or time.monotonic() < self._drained_until:
            return
        wake = max(wake, now)
        if wake < drain.next_run_time:
            drain.modify(next_run_time=wake)

    def _next_wake(self) -> datetime | None:
        try:
            wake = self.runner.journal.next_wake()
        except JournalError as error:
            self._failing_since = self._failing_since or time.monotonic()
            if time.monotonic() - self._failing_since > JOURNAL_PATIENCE.total_seconds():
                raise
            log_error("journal.failed", error)
            self._drained_until = time.monotonic() + LATER.total_seconds()
            return None
        self._failing_since = None
        return wake

    def _timed_tick(self) -> None:
        try:
            self.tick()
        finally:
            self.turned("tick")

    def _timed_drain(self) -> None:
        began = time.monotonic()
        self._drained_until = float("inf")
        try:
            self.drain()
        finally:
            self._drained_until = time.monotonic() + 10 * (time.monotonic() - began)

    def _await_calls(self) -> bool:
        """Awaits calls in flight and asks commands to end. Returns whether a rotation was left in
        the middle."""
        deadline = time.monotonic() + STOP_WITHIN.total_seconds()
        with self._lock:
            cut = set(self._active)
            while self._active and (left := deadline - time.monotonic()) > 0:
                end_children()
                self._lock.wait(min(left, POLL.total_seconds()))
            self._pool.shutdown(wait=False)
        return bool(self._active) or self._could_go_on(cut)

    def _could_go_on(self, cut: set[str]) -> bool:
        journal = self.runner.journal
        rows = [row for stream in cut if (row := journal.identity(stream)) is not None]
        return bool(journal.runnable(self.runner.clock.now())) or any(
            row.plan is not None and row.held is None for row in rows
        )


def _every(
    jobs: BackgroundScheduler, interval: timedelta, job: Callable[[], None],
    first: datetime | None = None,
) -> Job:  # fmt: skip
    """first: None: after one interval."""
    at = {} if first is None else {"next_run_time": first}
    return jobs.add_job(_logging_errors(job), "interval", seconds=interval.total_seconds(), **at)


def _logging_errors(job: Callable[[], None]) -> Callable[[], None]:
    """Logs a job's error like any other, so that the job runs again."""

    def run() -> None:
        try:
            job()
        except RotationError as error:
            log_error("scheduler.failed", error)

    return run
