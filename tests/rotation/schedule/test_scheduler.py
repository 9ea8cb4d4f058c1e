"""The scheduler over a journal in memory and a runner that does as it is told."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast

import pytest

from rotation.errors import AlreadyOpen, JournalError, JournalMoved, Refused
from rotation.execution.runner import Runner
from rotation.journal import Identity
from rotation.machine.decide import Wait
from rotation.plan import ROUTINE
from rotation.runtime.process import Signals
from rotation.schedule.auto_replace import Gone
from rotation.schedule.scheduler import POLL, Opening, Scheduler, Waking
from rotation.types import PluginSpec, Specification

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(stream: str, *, wake: datetime | None = NOW, plan: str | None = "routine") -> Identity:
    return Identity(
        stream=stream, identity=stream, secret=stream, seq=1, hash="", plan=plan, wake_at=wake
    )


def spec(name: str) -> Specification:
    plugin = PluginSpec(type="sim", options={})
    return Specification(
        secret=name, identity=name, store=plugin, issuer=plugin, probe=None, consumers=(),
        fields={}, keep_foreign=False,
    )  # fmt: skip


@dataclass
class Rows:
    """As much of a journal as a scheduler asks."""

    rows: dict[str, Identity] = field(default_factory=dict)
    broken: bool = False
    asked: int = 0

    def runnable(self, now: datetime) -> list[Identity]:
        due = [row for row in self.rows.values() if row.wake_at and row.wake_at <= now]
        return sorted(due, key=lambda row: row.wake_at or now)

    def identities(self) -> list[Identity]:
        return list(self.rows.values())

    def next_wake(self) -> datetime | None:
        self.asked += 1
        if self.broken:
            raise JournalError("journal.io", "the disk failed")
        return min((row.wake_at for row in self.rows.values() if row.wake_at), default=None)

    def identity(self, stream: str) -> Identity | None:
        return self.rows.get(stream)


@dataclass
class StoppedClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Hands:
    """A runner whose every advance waits until it is let go."""

    journal: Rows = field(default_factory=Rows)
    clock: "StoppedClock | RealClock" = field(default_factory=StoppedClock)
    outcome: Callable[[str], Any] = lambda stream: Wait(NOW + timedelta(days=1), "soak")
    begun: list[str] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    opened: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, stream: str, plan: object, spec: object, *, trigger: str) -> None:
        if stream in self.opened:
            raise AlreadyOpen("rotation.open", "open already")
        self.opened.append(stream)

    def open_replacement(
        self, stream: str, spec: Specification, *, trigger: str, reason: str, seen: int
    ) -> None:
        if stream in self.opened:
            raise JournalMoved("journal.moved", "somebody was here")
        self.opened.append(stream)

    def advance(self, stream: str) -> Any:
        with self.lock:
            self.begun.append(stream)
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        self.gate.wait(30)
        try:
            outcome = self.outcome(stream)
            if isinstance(outcome, Exception):
                raise outcome
            self.journal.rows[stream] = replace(self.journal.rows[stream], wake_at=outcome.until)
            return outcome
        finally:
            with self.lock:
                self.busy -= 1


@pytest.fixture
def signals() -> Iterator[Signals]:
    with Signals() as signals:
        yield signals
        signals.stopping = False  # so that the handlers of the test run come back


@pytest.fixture
def hands() -> Iterator[Hands]:
    hands = Hands()
    yield hands
    hands.gate.set()


def scheduler(hands: Hands, signals: Signals, **policy: Any) -> Scheduler:
    policy.setdefault("due", lambda now: [])
    # Hands is a Runner for all that a scheduler does with one.
    return Scheduler(runner=cast("Runner", hands), policy=Waking(**policy), signals=signals)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def opening(stream: str) -> Opening:
    return Opening(stream=stream, plan=ROUTINE, spec=spec(stream))


# ------------------------------------------------------------------------------------- tick


def test_a_tick_opens_what_is_due_and_leaves_what_is_open(hands: Hands, signals: Signals) -> None:
    hands.opened.append("a")
    scheduler(hands, signals, due=lambda now: map(opening, "abc")).tick()
    assert hands.opened == ["a", "b", "c"]


def test_one_secret_that_cannot_be_opened_does_not_stop_the_others(
    hands: Hands, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Hands.open

    def refuse_b(self: Hands, stream: str, *args: Any, **kwargs: Any) -> None:
        if stream == "b":
            raise Refused("sim.refused", "no")
        real(self, stream, *args, **kwargs)

    monkeypatch.setattr(Hands, "open", refuse_b)
    scheduler(hands, signals, due=lambda now: map(opening, "abc")).tick()
    assert hands.opened == ["a", "c"]


def test_nothing_is_opened_once_the_process_is_told_to_stop(hands: Hands, signals: Signals) -> None:
    signals.stopping = True
    scheduler(hands, signals, due=lambda now: map(opening, "abc")).tick()
    assert hands.opened == []


def test_what_is_gone_is_replaced_and_one_that_moved_on_does_not_stop_the_others(
    hands: Hands, signals: Signals
) -> None:
    hands.opened.append("a")

    def gone(now: datetime) -> Iterator[Gone]:
        for stream in "abc":
            yield Gone(stream=stream, spec=spec(stream), reason="is gone", seen=1)

    scheduler(hands, signals, gone=gone).watch()
    assert hands.opened == ["a", "b", "c"]


# ------------------------------------------------------------------------------------- drain


def test_a_drain_advances_each_runnable_rotation_once(hands: Hands, signals: Signals) -> None:
    hands.journal.rows = {name: row(name) for name in "abc"}
    hands.journal.rows["z"] = row("z", wake=NOW + timedelta(seconds=1))
    hands.journal.rows["held"] = row("held", wake=None)
    working = scheduler(hands, signals)
    working.drain()
    working.drain()  # while all three are in hand
    hands.gate.set()
    wait_for(lambda: not working._active)
    working.drain()
    assert sorted(hands.begun) == ["a", "b", "c"]


def test_no_more_than_the_width_at_once_on_one_connection(hands: Hands, signals: Signals) -> None:
    hands.journal.rows = {f"{lane}{n}": row(f"{lane}{n}") for lane in "xy" for n in range(6)}
    working = scheduler(hands, signals, lane=lambda row: row.secret[0], width=lambda: 2)
    working.drain()
    wait_for(lambda: len(hands.begun) == 4)
    assert sorted(name[0] for name in hands.begun) == ["x", "x", "y", "y"]
    hands.gate.set()
    # The next one of a lane begins when one of it ends, without another drain.
    wait_for(lambda: len(hands.begun) == 12)
    assert hands.busiest <= 4


def test_an_emergency_is_taken_first(hands: Hands, signals: Signals) -> None:
    hands.journal.rows = {name: row(name, wake=NOW - timedelta(hours=1)) for name in "abc"}
    hands.journal.rows["leak"] = row("leak", plan="compromised")
    hands.gate.set()
    scheduler(hands, signals, width=lambda: 1).drain()
    wait_for(lambda: len(hands.begun) == 4)
    assert hands.begun[0] == "leak"


@pytest.mark.parametrize(
    ("error", "back_after"),
    [
        (Refused("sim.refused", "no"), timedelta(seconds=30)),
        (ValueError("a bug"), timedelta(seconds=30)),
    ],
)
def test_a_rotation_in_trouble_is_tried_again_later_and_the_others_go_on(
    hands: Hands, signals: Signals, error: Exception, back_after: timedelta
) -> None:
    hands.journal.rows = {name: row(name) for name in "ab"}
    good = Wait(NOW + timedelta(days=1), "soak")
    hands.outcome = lambda stream: error if stream == "a" else good
    hands.gate.set()
    working = scheduler(hands, signals)

    def drained() -> list[str]:
        hands.begun.clear()
        working.drain()
        wait_for(lambda: not working._active)
        return hands.begun

    assert sorted(drained()) == ["a", "b"]
    assert drained() == []
    hands.clock = StoppedClock(NOW + back_after)
    assert drained() == ["a"]


def test_trouble_that_cannot_be_logged_is_not_tried_again_at_once(
    hands: Hands, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("rotation.schedule.scheduler.log.exception", full)
    hands.journal.rows = {"a": row("a")}
    hands.outcome = lambda stream: ValueError("a bug")
    hands.gate.set()
    working = scheduler(hands, signals)
    for _ in range(2):
        working.drain()
        wait_for(lambda: not working._active)
    assert hands.begun == ["a"]


def test_a_rotation_of_another_runner_is_asked_again_after_a_second(
    hands: Hands, signals: Signals
) -> None:
    hands.journal.rows = {"a": row("a")}
    hands.outcome = lambda stream: replace(Wait(None, "another runner works on it"))
    hands.gate.set()
    working = scheduler(hands, signals)
    working.drain()
    wait_for(lambda: not working._active)
    hands.journal.rows = {"a": row("a")}
    working.drain()
    assert hands.begun == ["a"]
    hands.clock = StoppedClock(NOW + timedelta(seconds=1))
    working.drain()
    wait_for(lambda: hands.begun == ["a", "a"])


# --------------------------------------------------------------------------------- the process


@dataclass
class Process:
    """`run` in its thread, as `serve` runs it."""

    working: Scheduler
    left_nothing: bool | None = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.left_nothing = self.working.run()
        except JournalError as error:
            self.error = error

    def stop(self) -> None:
        self.working.signals.stopping = True
        self.working.signals.wake()
        self.join()

    def join(self) -> None:
        self._thread.join(40)
        assert not self._thread.is_alive()


@pytest.fixture
def real_hands(hands: Hands) -> Hands:
    hands.clock = RealClock()
    hands.outcome = lambda stream: Wait(datetime.now(UTC) + timedelta(days=1), "soak")
    return hands


def test_a_person_s_request_is_taken_at_once(real_hands: Hands, signals: Signals) -> None:
    real_hands.gate.set()
    process = Process(scheduler(real_hands, signals))
    time.sleep(0.3)
    asked = time.monotonic()
    real_hands.journal.rows = {"a": row("a", wake=datetime.now(UTC))}
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    assert time.monotonic() - asked < 5
    process.stop()
    assert process.left_nothing


def test_a_rotation_is_advanced_when_its_time_has_come(real_hands: Hands, signals: Signals) -> None:
    real_hands.gate.set()
    ticks: list[datetime] = []
    process = Process(scheduler(real_hands, signals, due=lambda now: ticks.append(now) or []))
    wait_for(lambda: ticks)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    real_hands.journal.rows = {"a": row("a", wake=soon)}
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    assert datetime.now(UTC) >= soon
    process.stop()


def test_a_start_asks_again_who_waits_for_a_window(real_hands: Hands, signals: Signals) -> None:
    """The freeze may have left the configuration while nobody served it."""
    real_hands.gate.set()
    real_hands.journal.rows = {"a": row("a", wake=datetime.now(UTC) + timedelta(days=30))}
    process = Process(scheduler(real_hands, signals))
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    process.stop()


def test_the_first_tick_is_at_once(real_hands: Hands, signals: Signals) -> None:
    process = Process(scheduler(real_hands, signals, due=lambda now: [opening("a")]))
    wait_for(lambda: real_hands.opened == ["a"])
    process.stop()


def test_a_hang_up_asks_again_who_waits_for_a_window(real_hands: Hands, signals: Signals) -> None:
    real_hands.gate.set()
    real_hands.journal.rows = {"a": row("a", wake=datetime.now(UTC) + timedelta(days=7))}
    process = Process(scheduler(real_hands, signals))
    signal.raise_signal(signal.SIGHUP)
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    process.stop()


def test_a_hang_up_reloads_and_ticks(real_hands: Hands, signals: Signals) -> None:
    ticks: list[datetime] = []
    working = scheduler(real_hands, signals, due=lambda now: ticks.append(now) or [])
    working.reload = ticks.clear
    process = Process(working)
    wait_for(lambda: len(ticks) == 1)
    first = ticks[0]
    signal.raise_signal(signal.SIGHUP)
    wait_for(lambda: len(ticks) == 1 and ticks[0] != first)
    process.stop()


def test_a_hang_up_while_a_tick_is_at_work_is_not_lost(real_hands: Hands, signals: Signals) -> None:
    ticks: list[datetime] = []
    reloaded, go_on = threading.Event(), threading.Event()

    def due(now: datetime) -> list[Opening]:
        ticks.append(now)
        assert len(ticks) > 1 or go_on.wait(20)
        return []

    working = scheduler(real_hands, signals, due=due)
    working.reload = reloaded.set
    process = Process(working)
    wait_for(lambda: len(ticks) == 1)
    signal.raise_signal(signal.SIGHUP)
    assert reloaded.wait(20)
    time.sleep(2 * POLL.total_seconds())  # what it asked for has been left out by now
    go_on.set()
    wait_for(lambda: len(ticks) == 2)
    process.stop()


class SetClock(datetime):
    """A clock that can be set, to the scheduler and to the library that it is made of."""

    back = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = UTC) -> datetime:  # type: ignore[override]
        return datetime.now(tz) - cls.back


@pytest.mark.parametrize("by", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=400)])
def test_a_clock_that_is_set_stalls_no_tick(
    hands: Hands, signals: Signals, monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    ticks: list[int] = []
    hands.gate.set()
    hands.outcome = lambda stream: Wait(datetime.now(UTC) + timedelta(days=9), "soak")
    hands.journal.rows = {"a": row("a", wake=datetime.now(UTC) + timedelta(days=9))}
    monkeypatch.setattr(SetClock, "back", timedelta())
    monkeypatch.setattr("rotation.schedule.scheduler.TICK", timedelta(seconds=1))
    for module in ("executors.base", "schedulers.base", "triggers.interval"):
        monkeypatch.setattr(f"apscheduler.{module}.datetime", SetClock)
    hands.clock = cast("RealClock", SetClock)
    process = Process(scheduler(hands, signals, due=lambda now: ticks.append(1) or []))
    try:
        wait_for(lambda: len(ticks) >= 2 and hands.begun == ["a"])
        hands.begun.clear()
        SetClock.back = by
        before = len(ticks)
        set_at = time.monotonic()
        wait_for(lambda: len(ticks) >= before + 3)
        assert time.monotonic() - set_at < 8
        # Set back, the end of a pause after a failed try is hours away: it is looked at anew.
        wait_for(lambda: by < timedelta() or hands.begun == ["a"])
    finally:
        process.stop()


def test_a_clock_that_is_set_back_prolongs_no_pause(hands: Hands, signals: Signals) -> None:
    hands.journal.rows = {"a": row("a", wake=NOW - timedelta(days=1))}
    hands.outcome = lambda stream: Refused("sim.refused", "no")
    hands.gate.set()
    working = scheduler(hands, signals)
    for hours_back in (0, 2):
        hands.clock = StoppedClock(NOW - timedelta(hours=hours_back))
        hands.begun.clear()
        working.drain()
        wait_for(lambda: not working._active)
        assert hands.begun == ["a"]


def test_the_call_in_flight_is_awaited_and_nothing_else_begins(
    real_hands: Hands, signals: Signals
) -> None:
    now = datetime.now(UTC)
    real_hands.journal.rows = {name: row(name, wake=now) for name in "abc"}
    process = Process(scheduler(real_hands, signals, width=lambda: 1))
    wait_for(lambda: len(real_hands.begun) == 1)
    signals.stopping = True
    signals.wake()
    time.sleep(0.6)
    assert process.left_nothing is None, "it ended before the call in flight"
    real_hands.gate.set()
    process.join()
    assert len(real_hands.begun) == 1
    assert process.left_nothing is False, "two rotations could have gone on"


def test_work_that_was_cut_short_is_said_to_be_left(real_hands: Hands, signals: Signals) -> None:
    real_hands.journal.rows = {"a": row("a", wake=datetime.now(UTC))}
    process = Process(scheduler(real_hands, signals))
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    signals.stopping = True
    signals.wake()
    time.sleep(0.3)
    real_hands.gate.set()
    process.join()
    assert process.left_nothing is False


def test_a_journal_that_fails_for_a_moment_is_waited_for(
    real_hands: Hands, signals: Signals
) -> None:
    real_hands.gate.set()
    real_hands.journal.broken = True
    process = Process(scheduler(real_hands, signals))
    wait_for(lambda: real_hands.journal.asked >= 1)
    real_hands.journal.rows = {"a": row("a", wake=datetime.now(UTC))}
    real_hands.journal.broken = False
    wait_for(lambda: real_hands.begun[:1] == ["a"])
    process.stop()


def test_a_journal_that_stays_broken_ends_the_process(
    real_hands: Hands, signals: Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rotation.schedule.scheduler.JOURNAL_PATIENCE", timedelta(seconds=1))
    real_hands.journal.broken = True
    process = Process(scheduler(real_hands, signals))
    process.join()
    assert process.error is not None
