"""Live instances that a look found and nobody has accounted for. Pure. They are shown until a later
look no longer finds them, a person says whose they are, or they are removed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import Inspected, Issued, Looked, Tidied
from rotation.machine.replay import Rotation
from rotation.plan import Step


@dataclass(frozen=True, slots=True)
class Seen:
    """What the latest look at one stream found."""

    instances: tuple[str, ...]
    off: tuple[str, ...]
    at: datetime


def seen_of(entries: Iterable[Entry]) -> Mapping[str, Seen]:
    """By stream, from the installation's entries."""
    return {
        str(looked.stream): Seen(tuple(looked.instances), tuple(looked.off), entry.at)
        for entry in entries
        if entry.kind is Kind.SEEN and (looked := Looked.of(entry.facts))
    }


def as_facts(stream: str, instances: Iterable[str], off: Iterable[str]) -> Looked:
    return Looked(stream=stream, instances=sorted(instances), off=sorted(off))


def with_look(rotation: Rotation, seen: Seen | None) -> Rotation:
    """The rotation with the instances that the look found switched off, unless one of its own rows
    has looked since."""
    if seen is None or not seen.off or rotation.outcome is not None:
        return rotation
    looked = (rotation.held_at, *(state.done_at for state in rotation.states.values()))
    if any(at is not None and at > seen.at for at in looked):
        return rotation
    return replace(rotation, found_off=frozenset(seen.off), found_off_at=seen.at)


_LOOKS = (
    (Step.INSPECT, Inspected.foreign),
    (Step.ISSUE, Issued.inventory),
    (Step.TIDY, Tidied.listing),
)


def unaccounted(rotation: Rotation, seen: Seen) -> tuple[str, ...]:
    """The instances of that look that the latest rotation neither knows nor found gone."""
    left = set(seen.instances) - _known(rotation)
    for step, looked in _LOOKS:
        state = rotation.state(step)
        looked_at = state.began_at if step is Step.ISSUE else state.done_at
        if looked.name in state.facts and looked_at is not None and looked_at > seen.at:
            left &= {*looked.read(state.facts[looked.name])}
    return tuple(sorted(left))


def _known(rotation: Rotation) -> set[str | None]:
    last = rotation.baseline if rotation.outcome is None else rotation.result
    known = {*last.live, *last.foreign, *rotation.foreign, *rotation.ours}
    return known | {rotation.old, rotation.new}
