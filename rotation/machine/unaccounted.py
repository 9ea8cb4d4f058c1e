"""Live instances that a look found and nobody has accounted for. Pure. They are shown until a later
look no longer finds them, a person says whose they are, or they are removed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from rotation.journal.entries import Entry, Kind
from rotation.journal.facts import Inspected, Issued, Tidied
from rotation.journal.installation_facts import Looked
from rotation.machine.replay import Rotation
from rotation.plan import Step


@dataclass(frozen=True, slots=True)
class Seen:
    """What the latest look at one stream found."""

    instances: tuple[str, ...]
    off: tuple[str, ...]
    at: datetime
    # What else differs: by its code a sentence and one next step.
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    down: bool = False  # readers get one that is gone or off


def seen_of(entries: Iterable[Entry]) -> Mapping[str, Seen]:
    """By stream, from the installation's entries."""
    return {
        str(looked.stream): Seen(
            tuple(looked.instances), tuple(looked.off), entry.at, _differs(looked), looked.down
        )
        for entry in entries
        if entry.kind is Kind.SEEN and (looked := Looked.of(entry.facts))
    }


def with_look(rotation: Rotation, seen: Seen | None) -> Rotation:
    """The rotation with the instances that the look found switched off, unless one of its own rows
    has looked since."""
    if seen is None or not seen.off or rotation.outcome is not None:
        return rotation
    looked = (rotation.held_at, *(state.done_at for state in rotation.states.values()))
    if any(at is not None and at > seen.at for at in looked):
        return rotation
    return replace(rotation, found_off=frozenset(seen.off), found_off_at=seen.at)


def _differs(looked: Looked) -> dict[str, tuple[str, str]]:
    """A later version may say it otherwise: then the code alone is shown."""
    return {
        code: (str(said[0]), str(said[1]))
        if isinstance(said, list) and len(said) == 2
        else (code, "")
        for code, said in looked.differs.items()
    }


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
