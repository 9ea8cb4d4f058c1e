"""Switches off what leaked, here and now, in this process: with the journal or without it."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, Protocol, cast

from rotation.approvals.rules import Asks
from rotation.errors import Ambiguous, JournalError, NotYet, RotationError, Transient
from rotation.execution.effects.emergency import switch_off
from rotation.interfaces import Adapters, Store
from rotation.journal import spill
from rotation.journal.entries import stamp
from rotation.journal.facts import Opened
from rotation.machine.decide import Do, Held, Wait, next_action
from rotation.machine.replay import Rotation, replaced_by, replay
from rotation.operations.installation import POLL, Installation
from rotation.operations.survey import ExposureReport
from rotation.operations.target import Target
from rotation.plan import Step
from rotation.plan.specification import spec_to_json
from rotation.types import Facts, KeyState, Specification

AGAIN = timedelta(seconds=5)


class _NoStore:
    """Stands for a store that cannot be built: every call raises the reason."""

    def __init__(self, why: RotationError) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        raise self._why


def bound_for_containment(
    here: Installation, spec: Specification
) -> tuple[Adapters, RotationError | None]:
    """The adapters, or those that are needed here and the reason why the others cannot be built."""
    try:
        return here.bind(spec), None
    except RotationError as error:
        issuer, store = here.issuer(spec), _store(here, spec)
        return Adapters(issuer=issuer, store=store, probe=None, consumers={}), error


def _store(here: Installation, spec: Specification) -> Store:
    try:
        return here.store(spec)
    except RotationError as error:
        return cast("Store", _NoStore(error))


def contain(here: Installation, target: Target, waits: Callable[[Wait], None]) -> Rotation:
    """Saves the evidence and contains. Whatever fails is tried again at once, until the operator
    stops it or somebody ends the emergency. waits: called before each wait."""
    stream = target.stream
    rotation = replay(here.journal.entries(stream))
    contains = _containing(rotation)
    positions = [row.step for row in rotation.rows]
    after = positions[positions.index(contains) + 1]
    here.stop_on_signals()
    while not rotation.done(contains):
        action = here.runner.advance(stream, until=after)
        rotation = replay(here.journal.entries(stream))
        if isinstance(action, Held | Asks) or here.stop() or rotation.outcome is not None:
            break
        if isinstance(action, Wait) and action.until is not None:
            waits(action)
            here.pause(action.until)
        elif isinstance(action, Wait):
            here.pause(here.clock.now() + POLL)  # another runner works on it
    return rotation


def is_contained(rotation: Rotation) -> bool:
    return rotation.done(_containing(rotation))


def _containing(rotation: Rotation) -> Step:
    return replaced_by(rotation) or Step.CONTAIN


def still_given(here: Installation, target: Target, found: ExposureReport) -> bool:
    """Whether readers still get what was switched off. True while the store does not answer."""
    try:
        state = here.bind(target.spec).store.state()
    except RotationError:
        return True
    return state.current == found.baseline.version


def frozen_runner(here: Installation, stream: str) -> str | None:
    """The live runner that was waited for, where it has not done what could be done by now."""
    rotation, now = replay(here.journal.entries(stream)), here.clock.now()
    undone = not here.stop() and isinstance(next_action(rotation, now), Do)
    return here.live_runner() if undone else None


# ------------------------------------------------------------------------- without the journal


class Watcher(Protocol):
    """Called as each thing happens."""

    def is_off(self, handle: str) -> None: ...
    def tries_again(self, why: RotationError) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchedOff:
    """What was done without the journal."""

    off: Sequence[str]  # instances of the scope
    failures: Mapping[str, RotationError]  # what is not off, and why
    spill: Path | None  # where it is recorded; None: no file could be written either
    down: bool  # readers get what is off, and nothing replaces it


def without_journal(
    here: Installation, target: Target, found: ExposureReport, said: Opened, watcher: Watcher
) -> SwitchedOff:
    """Contains first and records afterwards: a spill has what was switched off, and `merge` brings
    it into the journal. said: the scope and the reason, as for opening COMPROMISED."""
    bound, _ = bound_for_containment(here, target.spec)
    if not bound.issuer.traits.overlap:
        raise JournalError(
            "emergency.needs-journal",
            "this issuer has one credential, only its successor ends it, and none is made without "
            "the journal; nothing was switched off",
            "end it by hand; make the journal writable, then declare the emergency again",
        )
    here.stop_on_signals()
    record = spill.begin(
        spill.places(here.configuration.journal),
        uuid.uuid4().hex[:12],
        _header(here, target, found, said),
    )
    scope = said.scope
    failures = _switched_off(here, bound, scope, record, watcher)
    if not failures:
        _mark(bound, found, scope)
    if record is not None:
        record.close()
    off = [handle for handle in scope if handle not in failures]
    down = not found.known or found.baseline.handle in off
    path = record.path if record else None
    return SwitchedOff(off=off, failures=failures, spill=path, down=down)


def _header(here: Installation, target: Target, found: ExposureReport, said: Opened) -> Facts:
    suspects = [suspect for suspect in found.suspects if suspect.id in said.scope]
    return {
        "installation": here.configuration.installation,
        "stream": target.stream,
        "secret": target.name,
        "spec": spec_to_json(target.spec),
        "who": here.who,
        "at": stamp(here.clock.now()),
        "reason": said.reason,
        "scope": said.scope,
        "destroy_foreign": said.destroy_foreign,
        "active": [s.id for s in suspects if s.state is KeyState.ACTIVE],
        "instances": [
            [s.id, str(s.state), stamp(s.created), stamp(s.last_used), s.service] for s in suspects
        ],
    }


def _switched_off(
    here: Installation,
    bound: Adapters,
    scope: Sequence[str],
    record: spill.Spill | None,
    watcher: Watcher,
) -> dict[str, RotationError]:
    """Returns what could not be switched off. One failure does not stop the others; a failure that
    may pass is tried again until the operator stops it."""
    left = list(scope)
    failures: dict[str, RotationError] = {}
    while True:
        for handle in left:
            try:
                switch_off(bound.issuer, handle)
            except RotationError as error:
                failures[handle] = error
            else:
                failures.pop(handle, None)
                watcher.is_off(handle)
                _add(record, {"contained": handle, "at": stamp(here.clock.now())})
        left = [h for h, error in failures.items() if isinstance(error, Transient | Ambiguous)]
        if not left or here.stop():
            return {h: e for h, e in failures.items() if not isinstance(e, NotYet)}
        watcher.tries_again(failures[left[0]])
        here.pause(here.clock.now() + AGAIN)


def _add(record: spill.Spill | None, facts: Facts) -> None:
    with suppress(OSError):
        if record is not None:
            record.add(facts)


def _mark(bound: Adapters, found: ExposureReport, scope: Sequence[str]) -> None:
    """Marks the store as a warning to other runners. Containment does not depend on it."""
    version = found.baseline.version
    if version is not None and found.baseline.handle in scope:
        with suppress(RotationError):
            bound.store.mark_compromised(version)
