"""Advances rotations as far as they go: in this process, or by watching a live `serve` do it."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from rotation.errors import RotationError
from rotation.journal.entries import Entry
from rotation.journal.facts import Opened
from rotation.machine.decide import Action, Do, Wait, next_action
from rotation.machine.replay import Rotation, replay
from rotation.operations.approvals import approval_wait
from rotation.operations.continuation import keeps_failing
from rotation.operations.installation import POLL, Installation
from rotation.plugins.guarded import place_of
from rotation.runtime.process import STOP_WITHIN, end_children

# The total time that a command waits for one rotation; the rest is left to the next `run`, unless
# --wait is given. Even with --wait it does not wait out a longer pause after failed tries, which
# ends only with its cause, nor a longer wait that another process waits for already.
PATIENCE = timedelta(seconds=90)

# The number of rotations that wait at the same time; no more than `width` of them work.
THREADS_MAX = 64

Show = Callable[[Sequence[Entry]], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The state in which one rotation was left."""

    rotation: Rotation
    action: Action


def advance_all(
    installation: Installation,
    streams: Sequence[str],
    show: Show,
    *,
    wait: bool,
    here: bool,
    width: int,
    give_up: Callable[[], None],
) -> Mapping[str, RunResult | RotationError]:
    """Advances every stream to its close, to Held, or to a wait that is too long. A stream that
    cannot be advanced does not stop the others. Unless `here`, a live `serve` does the work and
    this process watches. give_up: ends the process where a call outlives its deadline."""
    watched = not here and installation.live_runner() is not None
    if not watched:
        installation.runner.follow = show

    at_work = BoundedSemaphore(width)

    def walk(stream: str) -> RunResult | RotationError:
        stay = _Stay(installation, wait=wait)
        try:
            if watched:
                return _watch(installation, stream, show, stay)
            return _work(installation, stream, stay, at_work)
        except RotationError as error:
            return error
        except Exception as bug:  # noqa: BLE001 -- a fault of ours in one must end no other
            return _bug(installation, stream, bug)

    installation.stop_on_signals()
    with ThreadPoolExecutor(max(1, min(THREADS_MAX, len(streams)))) as pool:
        working = {stream: pool.submit(walk, stream) for stream in streams}
        _await_all(installation, list(working.values()), give_up)
    return {stream: done.result() for stream, done in working.items()}


def _bug(installation: Installation, stream: str, bug: Exception) -> RotationError:
    secrets = (entry.id for entry in installation.configuration.secrets() if entry.stream == stream)
    broke = RotationError(
        "rotation.broke",
        f"{next(secrets, stream)}: a bug of this program stopped it ({place_of(bug)}); it stays "
        "resumable, and no other one waits for it",
        "run it again with --debug and report what it says",
    )
    broke.__cause__ = bug
    return broke


@dataclass
class _Stay:
    """How much longer to wait for one rotation. Many short waits add up to a long one."""

    installation: Installation
    wait: bool
    spent: timedelta = timedelta()

    def sits_out(self, rotation: Rotation, action: Action) -> bool:
        if not isinstance(action, Wait) or action.until is None or self.installation.stop():
            return False
        left = max(action.until - self.installation.clock.now(), timedelta())
        if self.wait:
            return left <= PATIENCE or not (
                keeps_failing(rotation, action) or self.installation.stays_elsewhere(rotation)
            )
        return self.spent + left <= PATIENCE

    def pause(self, until: datetime) -> None:
        self.spent += max(until - self.installation.clock.now(), timedelta())
        self.installation.pause(until)


def _work(
    installation: Installation, stream: str, stay: _Stay, at_work: BoundedSemaphore
) -> RunResult:
    while True:
        with at_work:
            action = installation.runner.advance(stream)
        rotation = replay(installation.journal.entries(stream))
        if not stay.sits_out(rotation, action):
            return RunResult(rotation, action)
        assert isinstance(action, Wait) and action.until is not None
        stay.pause(action.until)


def _watch(installation: Installation, stream: str, show: Show, stay: _Stay) -> RunResult:
    seen = installation.journal.entries(stream)
    show(seen)
    moved = _Stay(installation, wait=False)
    while True:
        entries = installation.journal.entries(stream)
        show(entries[len(seen) :] if entries[0].seq == seen[0].seq else entries)
        if entries[-1].seq != seen[-1].seq:
            moved.spent = timedelta()
        seen, rotation, now = entries, replay(entries), installation.clock.now()
        action = approval_wait(installation, rotation, now) or next_action(
            rotation, now, installation.gates(_secret(rotation), now)
        )
        # A rotation without new entries is not being worked on, even if its runner is alive.
        working = isinstance(action, Do) and moved.spent < PATIENCE
        working = working and installation.live_runner() is not None
        if not working and not stay.sits_out(rotation, action):
            return RunResult(rotation, action)
        (moved if working else stay).pause(now + POLL)
        if installation.stop():
            return RunResult(rotation, action)


def _secret(rotation: Rotation) -> str:
    return Opened.of(rotation.opened.facts).secret


def _await_all(
    installation: Installation, working: Sequence[Future[Any]], give_up: Callable[[], None]
) -> None:
    """Runs in the main thread, where signals arrive. After a signal to stop, commands are asked to
    end; a call that outlives its deadline does not keep the process, because the journal has the
    state."""
    deadline = None
    while wait_for(working, timeout=POLL.total_seconds()).not_done:
        if installation.stop():
            end_children()
            deadline = deadline or time.monotonic() + STOP_WITHIN.total_seconds()
            if time.monotonic() > deadline:
                give_up()
