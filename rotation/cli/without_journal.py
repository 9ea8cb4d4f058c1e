"""An emergency whose journal cannot be written: contain first, write after. What was switched off
stands in a spill, which `rotation emergency merge` brings into the journal."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from rotation import spill as spills
from rotation.cli.by_hand import by_hand_lines
from rotation.cli.failures import AT_RISK, code_of, worst
from rotation.cli.say import done, note, plain
from rotation.cli.session import Session
from rotation.cli.target import Target
from rotation.effects.emergency import switch_off
from rotation.entries import stamp
from rotation.errors import (
    Ambiguous,
    JournalError,
    NotYet,
    RotationError,
    Transient,
)
from rotation.fold import listed, text
from rotation.incident import Survey
from rotation.interfaces import Bound
from rotation.specification import spec_to_json
from rotation.types import Facts, KeyState, Specification

AGAIN = timedelta(seconds=5)


class _NoStore:
    """Where it cannot be built: whatever it is asked, that is why."""

    def __init__(self, why: RotationError) -> None:
        self._why = why

    def __getattr__(self, name: str) -> NoReturn:
        raise self._why


def bound_for_containment(
    session: Session, spec: Specification
) -> tuple[Bound, RotationError | None]:
    """The adapters, or the issuer alone and why the others cannot be had."""
    try:
        return session.bind(spec), None
    except RotationError as error:
        store: Any = _NoStore(error)
        issuer = session.issuer(spec)
        return Bound(issuer=issuer, store=store, probe=None, consumers={}), error


def without_journal(
    session: Session, target: Target, found: Survey, facts: Facts, why: RotationError
) -> int:
    """`facts` as COMPROMISED is opened with: the scope, the reason. why: nothing but the switch-off
    can be done. Returns the exit code."""
    what = (
        "the journal cannot be written" if isinstance(why, JournalError) else "no more can be done"
    )
    note(plain(f"{what}: {why.message}; containing without it"))
    bound, _ = bound_for_containment(session, target.spec)
    if not bound.issuer.traits.overlap:
        raise JournalError(
            "emergency.needs-journal",
            "this issuer has one credential, only its successor ends it, and none is made without "
            "the journal; nothing was switched off",
            "end it by hand; make the journal writable, then declare the emergency again",
        )
    session.stop_on_signals()
    spill = spills.begin(
        spills.places(session.configuration.journal),
        uuid.uuid4().hex[:12],
        _header(session, target, found, facts),
    )
    scope = listed(facts, "scope")
    failures = _switched_off(session, bound, scope, spill)
    if not failures:
        _mark(bound, found, scope)
    _tell(session, target, found, scope, list(failures), spill.path if spill else None, why)
    if spill is not None:
        spill.close()
    off = [handle for handle in scope if handle not in failures]
    done(
        "contained",
        plain(f"{target.name}  {', '.join(off) or 'nothing'} is off, and the journal does not know"),
        secret=target.name, contained=off, not_contained=sorted(failures),
        by_hand=[session.by_hand(target.spec, handle) for handle in sorted(failures)],
        spill=str(spill.path) if spill else None, journal=why.code,
    )  # fmt: skip
    down = not found.known or found.baseline.get("handle") in {*scope} - failures.keys()
    return worst([AT_RISK if down else code_of(why), *map(code_of, failures.values())])


def _header(session: Session, target: Target, found: Survey, facts: Facts) -> Facts:
    scope = listed(facts, "scope")
    suspects = [suspect for suspect in found.suspects if suspect.id in scope]
    return {
        "installation": session.configuration.installation,
        "stream": target.stream,
        "secret": target.name,
        "spec": spec_to_json(target.spec),
        "who": session.who,
        "at": stamp(session.clock.now()),
        "reason": facts["reason"],
        "scope": list(scope),
        "destroy_foreign": facts.get("destroy_foreign") is True,
        "active": [s.id for s in suspects if s.state is KeyState.ACTIVE],
        "instances": [
            [s.id, str(s.state), stamp(s.created), stamp(s.last_used), s.service] for s in suspects
        ],
    }


def _switched_off(
    session: Session, bound: Bound, scope: Sequence[str], spill: spills.Spill | None
) -> dict[str, RotationError]:
    """What could not be. One that fails does not keep the others alive; what may pass is tried
    again until a person stops it."""
    left = list(scope)
    while True:
        failures: dict[str, RotationError] = {}
        for handle in left:
            try:
                switch_off(bound.issuer, handle)
            except RotationError as error:
                failures[handle] = error
            else:
                note(plain(f"{session.clock.now():%H:%M:%S}Z  the issuer says {handle} is off"))
                _add(spill, {"contained": handle, "at": stamp(session.clock.now())})
        left = [h for h, error in failures.items() if isinstance(error, Transient | Ambiguous)]
        if not left or session.stop():
            return {h: e for h, e in failures.items() if not isinstance(e, NotYet)}
        note(plain(f"not contained yet: {failures[left[0]].message}; tries again"))
        session.pause(session.clock.now() + AGAIN)


def _add(spill: spills.Spill | None, facts: Facts) -> None:
    with suppress(OSError):
        if spill is not None:
            spill.add(facts)


def _mark(bound: Bound, found: Survey, scope: Sequence[str]) -> None:
    """Runners that never heard of it are told by the store. What is off is off without it."""
    version = text(found.baseline.get("version"))
    if version is not None and found.baseline.get("handle") in scope:
        with suppress(RotationError):
            bound.store.mark_compromised(version)


def _tell(
    session: Session,
    target: Target,
    found: Survey,
    scope: Sequence[str],
    left: Sequence[str],
    path: Path | None,
    why: RotationError,
) -> None:
    if left:
        note(plain(f"NOT CONTAINED: {', '.join(left)}"))
        for line in by_hand_lines(session, target.spec, left):
            note(line)
    current = found.baseline.get("handle")
    if current in {*scope} - {*left}:
        note(
            plain(
                f"readers of {target.name} get {current}, which is off, and nothing replaces it "
                "until that is mended"
            )
        )
    mend = why.hint.partition(", then ")[0] or "make the journal writable again"
    if path is None:
        note("no file could be written either: these lines are the only record, keep them")
        note(plain(f"  next: {mend}; then `rotation emergency {target.name}`"))
    else:
        note(plain(f"what was switched off is recorded in {path}"))
        note(plain(f"  next: {mend}; then `rotation emergency merge {path}`"))
