"""What an operator sees before an emergency: which instances are ours, which are not, and what
breaks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rotation.errors import RotationError
from rotation.interfaces import Adapters, Issuer
from rotation.journal.entries import Entry, Identity, Kind
from rotation.journal.facts import Baseline, Exposure, Issued, Requested, baseline_of
from rotation.machine.baseline import left_by
from rotation.machine.leftover import Leftover, as_kept, leftovers_of
from rotation.machine.replay import Mode, Rotation, replay
from rotation.plan import Step
from rotation.types import KeyState, LastUsed, Specification, StoreState

# Roughly what a replacement takes besides its waits: mint, stage, promote.
CALLS_S = 5


class Past(Protocol):
    """The part of a journal that an emergency reads, which may be one that cannot be written."""

    def entries(self, stream: str) -> tuple[Entry, ...]: ...
    def history(self, stream: str) -> Iterator[Entry]: ...
    def streams(self) -> Iterator[str]: ...
    def identity(self, stream: str) -> Identity | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedCredential:
    """One live instance as the issuer reports it."""

    id: str
    state: KeyState
    created: datetime | None
    last_used: datetime | None
    service: str | None
    ours: bool
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureReport:
    """What the survey found."""

    baseline: Baseline  # what COMPROMISED starts from
    suspects: tuple[ExposedCredential, ...]
    outage_s: int  # how long readers have no working credential, if nothing delays it
    store_reached: bool
    seen: int  # the last seq of the stream that was read
    moved: bool = False  # an open rotation has evidence that every consumer uses the current one
    known: bool = True  # the journal could be read
    under_way: Rotation | None = None  # the emergency that is open already

    @property
    def declared(self) -> list[str]:
        """What the open emergency switches off; an emergency that supersedes it has to cover the
        same."""
        scope = self.under_way.scope if self.under_way is not None else []
        return [suspect.id for suspect in self.suspects if suspect.id in scope]

    def came_later(self, handle: str) -> bool:
        """Whether the instance is newer than the open emergency: it may be the successor, so it
        counts only where the operator named it."""
        return self.under_way is not None and not was_there(self.under_way, handle)

    @property
    def ours(self) -> list[str]:
        return [suspect.id for suspect in self.suspects if suspect.ours]

    @property
    def others(self) -> list[str]:
        return [suspect.id for suspect in self.suspects if not suspect.ours]


def survey(
    journal: Past | None,
    bound: Adapters,
    stream: str,
    spec: Specification,
    named: str | None = None,
) -> ExposureReport:
    """Reads the issuer, the store and the journal; changes nothing. An instance is ours if the
    journal ever made it, even in an open rotation. Where the store cannot be reached, the journal
    says what is current. Without a journal nobody knows whose an instance is. An issuer that does
    not list leaves the journal's instances and `named`, which an operator names; perhaps it can be
    switched off all the same."""
    entries = journal.entries(stream) if journal is not None else ()
    rotation = replay(entries) if entries else None
    state = _state(bound)
    baseline = _baseline(rotation, state)
    ever = made(journal.history(stream)) if journal is not None else set()
    ours = (ever | {*baseline.live}) - {*baseline.foreign}
    suspects = _suspects(bound, ours, baseline, named)
    return ExposureReport(
        baseline=_with_found(baseline, [suspect.id for suspect in suspects if suspect.ours]),
        suspects=suspects,
        outage_s=outage_s(spec),
        store_reached=state is not None,
        seen=entries[-1].seq if entries else 0,
        moved=rotation is not None and rotation.outcome is None and rotation.done(Step.CONFIRM),
        known=journal is not None,
        under_way=emergency_under_way(rotation),
    )


def emergency_under_way(rotation: Rotation | None) -> Rotation | None:
    """The rotation, if it is an open emergency that nobody cancelled or abandoned."""
    if rotation is None or rotation.outcome is not None or not rotation.rules.contains:
        return None
    return rotation if rotation.mode is Mode.FORWARD and not rotation.abandoned else None


def was_there(rotation: Rotation, handle: str) -> bool:
    """Whether that instance was known or listed before the emergency made anything."""
    evidence = rotation.state(Step.EVIDENCE)
    return not evidence.done or handle in _at_opening(rotation)


def is_about_all(rotation: Rotation, *, others: bool) -> bool:
    """Whether that emergency switches off everything that was ours when it was opened; others: and
    everything that was not."""
    if others:
        return rotation.done(Step.EVIDENCE) and _at_opening(rotation) <= {*rotation.scope}
    return {*rotation.baseline.live} - rotation.foreign <= {*rotation.scope}


def _at_opening(rotation: Rotation) -> set[str]:
    evidence = rotation.state(Step.EVIDENCE).record(Exposure)
    return {*rotation.baseline.live, *evidence.listing, *rotation.scope}


def outage_s(spec: Specification) -> int:
    """From the switch-off until the slowest reader has the new credential: it is made, logs in over
    the settle time, and is then read."""
    readers = [c.refresh_s for c in spec.consumers if c.role == "reader" and not c.gone]
    return CALLS_S + spec.settle_s + max(readers, default=0)


def made(history: Iterable[Entry]) -> set[str]:
    """Every instance that this stream's rotations minted or started from, except those that an
    operator called foreign."""
    ours: set[str] = set()
    for entry in history:
        new = Issued.of(entry.facts).new
        if entry.kind in (Kind.NOTED, Kind.DONE) and new is not None:
            ours.add(new)
        if entry.kind in (Kind.OPENED, Kind.CLOSED):
            ours |= {*baseline_of(entry).live}
        asked = Requested.of(entry.facts)
        if entry.kind is Kind.REQUESTED and asked.verb == "foreign":
            ours.discard(str(asked.instance))
    return ours


def _with_found(baseline: Baseline, ours: Sequence[str]) -> Baseline:
    """The baseline with instances of ours that are alive although the journal took them for
    gone."""
    left = leftovers_of(baseline)
    for instance in {*ours} - {*left, baseline.handle}:
        left[instance] = Leftover()
    return baseline | Baseline(live=sorted({*baseline.live, *ours}), ours=as_kept(left))


def _state(bound: Adapters) -> StoreState | None:
    try:
        return bound.store.state()
    except RotationError:
        return None


def _baseline(rotation: Rotation | None, state: StoreState | None) -> Baseline:
    """The journal's baseline with the store's current version. A version that the journal does not
    know may be a copy of the current credential, so it counts as what readers get."""
    current = state.current if state is not None else None
    if rotation is None:
        return Baseline(version=current, handle=None, known=[])
    known = left_by(rotation)
    if current in (None, known.version):
        return known
    return _reading(known, current)


def _reading(known: Baseline, version: str | None) -> Baseline:
    """The baseline where the store's current version is not the journal's."""
    left = leftovers_of(known)
    named = next((i for i, leftover in left.items() if leftover.version == version), None)
    handle = known.handle
    if named is not None:
        del left[named]
        if handle is not None:
            left[handle] = Leftover(known.version, served=True)
    return known | Baseline(version=version, handle=named or handle, ours=as_kept(left))


def _suspects(
    bound: Adapters, ours: set[str], baseline: Baseline, named: str | None
) -> tuple[ExposedCredential, ...]:
    issuer, current, live = bound.issuer, baseline.handle, baseline.live
    if not issuer.traits.lists:
        return tuple(_unlisted(live, ours, current))
    try:
        handles = issuer.listing().handles
    except RotationError:
        if named is None:
            raise
        return tuple(_unlisted(sorted({*live, named}), ours, current))
    found = []
    for handle in handles:
        usage = _usage(issuer, handle.id) if issuer.traits.reports_usage else None
        found.append(
            ExposedCredential(
                id=handle.id,
                state=handle.state,
                created=handle.created,
                last_used=usage.last_used if usage else None,
                service=usage.service if usage else None,
                ours=handle.id in ours,
                current=handle.id == current,
            )
        )
    return tuple(found)


def _usage(issuer: Issuer, handle_id: str) -> LastUsed | None:
    """An unknown last use is no reason to keep a leaked credential alive."""
    try:
        return issuer.usage(handle_id)
    except RotationError:
        return None


def _unlisted(live: Sequence[str], ours: set[str], current: str | None) -> list[ExposedCredential]:
    """For an issuer that does not list: what the journal knows."""
    return [
        ExposedCredential(
            id=handle, state=KeyState.UNKNOWN, created=None, last_used=None, service=None,
            ours=handle in ours, current=handle == current,
        )
        for handle in live
    ]  # fmt: skip
