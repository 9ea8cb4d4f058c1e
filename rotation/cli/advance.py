"""Taking rotations as far as they go: in this process, or by watching a live `serve` do it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rotation.cli.failures import AT_RISK, CANCELLED, FAILED, HELD, LOCKED, OK
from rotation.cli.session import POLL, Session
from rotation.describe import consumers_at_risk
from rotation.entries import Entry
from rotation.errors import RotationError
from rotation.fold import Outcome, Rotation, fold
from rotation.machine import Action, Close, Do, Held, Wait, next_action
from rotation.process import STOP_WITHIN, end_children

PATIENCE = timedelta(seconds=90)
"""Waits up to this are sat out; a longer one is left to the next `run`, unless --wait."""

Show = Callable[[Sequence[Entry]], None]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where one rotation was left."""

    rotation: Rotation
    action: Action

    @property
    def exit_code(self) -> int:
        match self.action:
            case Close(Outcome.SUCCEEDED | Outcome.ACCEPTED):
                return OK
            case Close(Outcome.ROLLED_BACK):
                return FAILED
            case Close():
                return CANCELLED
            case Held():
                return AT_RISK if consumers_at_risk(self.rotation) else HELD
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

    def walk(stream: str) -> Arrival | RotationError:
        try:
            if watched:
                return _watch(session, stream, show, wait=wait)
            return _work(session, stream, wait=wait)
        except RotationError as error:
            return error

    session.stop_on_signals()
    with ThreadPoolExecutor(max(1, min(width, len(streams)))) as pool:
        working = {stream: pool.submit(walk, stream) for stream in streams}
        _await_all(session, list(working.values()))
    return {stream: done.result() for stream, done in working.items()}


def _work(session: Session, stream: str, *, wait: bool) -> Arrival:
    while True:
        action = session.runner.advance(stream)
        if not _sits_out(session, action, wait=wait):
            return Arrival(fold(session.journal.entries(stream)), action)
        assert isinstance(action, Wait) and action.until is not None
        session.pause(action.until)


def _watch(session: Session, stream: str, show: Show, *, wait: bool) -> Arrival:
    seen = session.journal.entries(stream)
    show(seen)
    while True:
        entries = session.journal.entries(stream)
        show(entries[len(seen) :] if entries[0].seq == seen[0].seq else entries)
        seen, rotation, now = entries, fold(entries), session.clock.now()
        action = next_action(rotation, now, session.gates(_secret(rotation), now))
        working = isinstance(action, Do) and session.live_runner() is not None
        if not working and not _sits_out(session, action, wait=wait):
            return Arrival(rotation, action)
        session.pause(now + POLL)
        if session.stop():
            return Arrival(rotation, action)


def _secret(rotation: Rotation) -> str:
    return str(rotation.opened.facts["secret"])


def _sits_out(session: Session, action: Action, *, wait: bool) -> bool:
    if not isinstance(action, Wait) or action.until is None or session.stop():
        return False
    return wait or action.until - session.clock.now() <= PATIENCE


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
