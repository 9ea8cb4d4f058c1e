"""What a person sees before an emergency: which instances are ours, which are not, what breaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rotation.errors import RotationError
from rotation.fold import Rotation, fold, listed
from rotation.interfaces import Bound
from rotation.journal import Journal
from rotation.plan import Step
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
    credential after the new one is current, in seconds."""

    baseline: Facts
    suspects: tuple[Suspect, ...]
    outage_s: int
    store_reached: bool

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
    rotation = fold(entries) if entries else None
    known = _known(rotation)
    state = _state(bound)
    baseline = _baseline(rotation, known, state)
    ours = {*listed(baseline, "live"), *known.values()}
    suspects = _suspects(bound, ours, baseline.get("handle"))
    live = sorted(suspect.id for suspect in suspects if suspect.ours)
    readers = [consumer.refresh_s for consumer in spec.consumers if consumer.role == "reader"]
    return Survey(
        baseline={**baseline, "live": live},
        suspects=suspects,
        outage_s=max(readers, default=0),
        store_reached=state is not None,
    )


def _known(rotation: Rotation | None) -> dict[str, str]:
    """Version -> instance, of the latest rotation."""
    if rotation is None:
        return {}
    before = rotation.result if rotation.result is not None else rotation.baseline
    pairs = [
        (before.get("version"), before.get("handle")),
        (rotation.old_version, rotation.old),
        (rotation.new_version or "never staged", rotation.new),
    ]
    return {str(version): str(handle) for version, handle in pairs if version and handle}


def _state(bound: Bound) -> StoreState | None:
    try:
        return bound.store.state()
    except RotationError:
        return None


def _baseline(rotation: Rotation | None, known: dict[str, str], state: StoreState | None) -> Facts:
    if rotation is None:
        return {"version": state.current if state else None, "handle": None, "known": []}
    before = rotation.result if rotation.result is not None else rotation.baseline
    promoted = rotation.state(Step.PROMOTE).done
    version = (
        rotation.new_version if promoted and rotation.result is None else before.get("version")
    )
    if state is not None and state.current is not None:
        version = state.current
    return {
        **before,
        "version": version,
        "handle": known.get(str(version)),
        "foreign": sorted({*listed(before, "foreign"), *rotation.foreign}),
        "known": sorted({*listed(before, "known"), *known} - {"never staged"}),
    }


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
