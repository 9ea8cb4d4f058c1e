"""Taking rotations as far as they go: in this process, or by watching a live `serve` do it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

from rotation.cli.failures import AT_RISK, CANCELLED, FAILED, HELD, LOCKED, OK
from rotation.cli.onward import keeps_failing
from rotation.cli.session import Session
from rotation.entries import Entry
from rotation.errors import RotationError
from rotation.fold import Outcome, Rotation, fold
from rotation.health import consumers_at_risk
from rotation.machine import Action, Close, Do, Held, Wait, next_action
from rotation.operations.installation import POLL
from rotation.process import STOP_WITHIN, end_children

PATIENCE = timedelta(seconds=90)
"""So much of waiting is sat out in all; what is left goes to the next `run`, unless --wait. With it,
a pause after failed tries that grew beyond this is left as well: only the end of its cause helps;
and a longer wait that another process sits out already, so that they do not pile up."""

THREADS_MAX = 64
"""Rotations that wait at the same time; at work are no more than `width` of them."""

Show = Callable[[Sequence[Entry]], None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where one rotation was left."""

    rotation: Rotation
    action: Action

    @property
    def exit_code(self) -> int:
        if consumers_at_risk(self.rotation):
            return AT_RISK
        match self.action:
            case Close(Outcome.SUCCEEDED | Outcome.ACCEPTED):
                return OK
            case Close(Outcome.ROLLED_BACK):
                return FAILED
            case Close():
                return CANCELLED
            case Held():
                return HELD
            case Wait(None, _, None) if not self.rotation.on_hold:
                return LOCKED
            case Wait() | Do():
                return OK


def advance_all(
    session: Session, streams: Sequence[str], show: Show, *, wait: bool, here: bool, width: int
) -> Mapping[str, Arrival | RotationError]:
    """Every stream to its close, to Held, or to a wait that is not sat out; one that cannot be
    advanced at all does not stop the others. A live `serve` does the work and this process
    watches, unless `here`."""
    watched = not here and session.live_runner() is not None
    if not watched:
        session.runner.follow = show

    at_work = BoundedSemaphore(width)

    def walk(stream: str) -> Arrival | RotationError:
        stay = _Stay(session, wait=wait)
        try:
            if watched:
                return _watch(session, stream, show, stay)
            return _work(session, stream, stay, at_work)
        except RotationError as error:
            return error

    session.stop_on_signals()
    with ThreadPoolExecutor(max(1, min(THREADS_MAX, len(streams)))) as pool:
        working = {stream: pool.submit(walk, stream) for stream in streams}
        _await_all(session, list(working.values()))
    return {stream: done.result() for stream, done in working.items()}


@dataclass
class _Stay:
    """How much longer one rotation is stayed with. A chain of short waits is a long wait."""

    session: Session
    wait: bool
    spent: timedelta = timedelta()

    def sits_out(self, rotation: Rotation, action: Action) -> bool:
        if not isinstance(action, Wait) or action.until is None or self.session.stop():
            return False
        left = max(action.until - self.session.clock.now(), timedelta())
        if self.wait:
            return left <= PATIENCE or not (
                keeps_failing(rotation, action) or self.session.stays_elsewhere(rotation)
            )
        return self.spent + left <= PATIENCE

    def pause(self, until: datetime) -> None:
        self.spent += max(until - self.session.clock.now(), timedelta())
        self.session.pause(until)


def _work(session: Session, stream: str, stay: _Stay, at_work: BoundedSemaphore) -> Arrival:
    while True:
        with at_work:
            action = session.runner.advance(stream)
        rotation = fold(session.journal.entries(stream))
        if not stay.sits_out(rotation, action):
            return Arrival(rotation, action)
        assert isinstance(action, Wait) and action.until is not None
        stay.pause(action.until)


def _watch(session: Session, stream: str, show: Show, stay: _Stay) -> Arrival:
    seen = session.journal.entries(stream)
    show(seen)
    moved = _Stay(session, wait=False)
    while True:
        entries = session.journal.entries(stream)
        show(entries[len(seen) :] if entries[0].seq == seen[0].seq else entries)
        if entries[-1].seq != seen[-1].seq:
            moved.spent = timedelta()
        seen, rotation, now = entries, fold(entries), session.clock.now()
        action = next_action(rotation, now, session.gates(_secret(rotation), now))
        # One that nothing is written of is not worked on, whoever is alive.
        working = isinstance(action, Do) and moved.spent < PATIENCE
        working = working and session.live_runner() is not None
        if not working and not stay.sits_out(rotation, action):
            return Arrival(rotation, action)
        (moved if working else stay).pause(now + POLL)
        if session.stop():
            return Arrival(rotation, action)


def _secret(rotation: Rotation) -> str:
    return str(rotation.opened.facts["secret"])


def _await_all(session: Session, working: Sequence[Future[Any]]) -> None:
    """In the main thread, where signals arrive. Once told to stop, commands are asked to end; a
    call that outlives its deadline does not keep the process: the journal has where it stands."""
    deadline = None
    while wait_for(working, timeout=POLL.total_seconds()).not_done:
        if session.stop():
            end_children()
            deadline = deadline or time.monotonic() + STOP_WITHIN.total_seconds()
            if time.monotonic() > deadline:
                os._exit(CANCELLED)
