"""What a person sees before an emergency: which instances are ours, which are not, what breaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rotation.errors import RotationError
from rotation.fold import Outcome, Rotation, fold, listed, text
from rotation.interfaces import Bound
from rotation.journal import Journal
from rotation.leftover import Leftover, as_kept, leftovers_of
from rotation.summary import outcome_baseline
from rotation.types import Facts, KeyState, Specification, StoreState


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One live instance as the issuer tells of it."""

    id: str
    state: KeyState
    created: datetime | None
    last_used: datetime | None
    service: str | None
    ours: bool
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """baseline: what COMPROMISED begins with. outage_s: how long a reader may hold the contained
    credential after the new one is current, in seconds. seen: the last seq of the stream that it
    was read from."""

    baseline: Facts
    suspects: tuple[Suspect, ...]
    outage_s: int
    store_reached: bool
    seen: int

    @property
    def ours(self) -> list[str]:
        return [suspect.id for suspect in self.suspects if suspect.ours]

    @property
    def others(self) -> list[str]:
        return [suspect.id for suspect in self.suspects if not suspect.ours]


def survey(journal: Journal, bound: Bound, stream: str, spec: Specification) -> Survey:
    """Reads the issuer, the store and the journal; changes nothing. An open rotation's new
    instance is ours as well. A store that cannot be reached leaves the journal's word for what is
    current; the issuer must answer, or nothing could be contained anyway."""
    entries = journal.entries(stream)
    state = _state(bound)
    baseline = _baseline(fold(entries) if entries else None, state)
    suspects = _suspects(bound, set(listed(baseline, "live")), baseline.get("handle"))
    readers = [consumer.refresh_s for consumer in spec.consumers if consumer.role == "reader"]
    return Survey(
        baseline=baseline,
        suspects=suspects,
        outage_s=max(readers, default=0),
        store_reached=state is not None,
        seen=entries[-1].seq if entries else 0,
    )


def _state(bound: Bound) -> StoreState | None:
    try:
        return bound.store.state()
    except RotationError:
        return None


def _baseline(rotation: Rotation | None, state: StoreState | None) -> Facts:
    """As the journal has it, with what the store names as current. A version that the journal does
    not know may be a copy of the current credential: that one counts as what readers get."""
    current = state.current if state is not None else None
    if rotation is None:
        return {"version": current, "handle": None, "known": []}
    known = rotation.result
    if known is None:
        known = outcome_baseline(rotation, Outcome.SUPERSEDED)
    if current in (None, known.get("version")):
        return known
    return _reading(known, current)


def _reading(known: Facts, version: str | None) -> Facts:
    """Another version is current than the journal says."""
    left = leftovers_of(known)
    named = next((i for i, leftover in left.items() if leftover.version == version), None)
    handle = text(known.get("handle"))
    if named is not None:
        del left[named]
        if handle is not None:
            left[handle] = Leftover(text(known.get("version")), served=True)
    return {**known, "version": version, "handle": named or handle, "ours": as_kept(left)}


def _suspects(bound: Bound, ours: set[str], current: object) -> tuple[Suspect, ...]:
    issuer = bound.issuer
    if not issuer.traits.lists:
        return tuple(_unlisted(sorted(ours), current))
    found = []
    for handle in issuer.listing().handles:
        usage = issuer.usage(handle.id) if issuer.traits.reports_usage else None
        found.append(
            Suspect(
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


def _unlisted(ours: Sequence[str], current: object) -> list[Suspect]:
    """An issuer that lists nothing: the journal's word."""
    return [
        Suspect(
            id=handle, state=KeyState.UNKNOWN, created=None, last_used=None, service=None,
            ours=True, current=handle == current,
        )
        for handle in ours
    ]  # fmt: skip
