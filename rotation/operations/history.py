"""The rotations that were."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rotation.errors import UnknownName
from rotation.journal.entries import Entry, Kind
from rotation.machine.replay import Rotation, replay
from rotation.machine.unaccounted import seen_of, with_look
from rotation.operations.installation import Installation


def rotations(entries: Iterable[Entry]) -> Iterator[Rotation]:
    """The stream's, oldest first."""
    for opened, group in groupby(entries, key=lambda entry: entry.rotation):
        if opened:
            yield replay(tuple(group))


def latest(here: Installation, name: str | None, number: int) -> list[Rotation]:
    """At most so many, the latest first; without a name those of all secrets."""
    streams = here.streams_of(name) if name else list(here.records.streams())
    found = _of(here, streams)
    return sorted(found, key=lambda rotation: rotation.opened.at, reverse=True)[:number]


def the_one(here: Installation, name: str, number: int | None) -> Rotation:
    """By its number, or the latest; with what a look found since."""
    found = _of(here, here.streams_of(name))
    if number is None:
        wanted = sorted(found, key=lambda rotation: rotation.opened.at)[-1:]
    else:
        wanted = [rotation for rotation in found if rotation.opened.seq == number]
    if not wanted:
        which = "a rotation yet" if number is None else f"a rotation {number}"
        raise UnknownName(
            "cli.unknown-rotation", f"{name} does not have {which}", f"`rotation history {name}`"
        )
    return as_looked_at(here, wanted[0])


def as_looked_at(here: Installation, rotation: Rotation) -> Rotation:
    """With what a look found off since its own rows looked."""
    seen = seen_of(here.records.installation_entries(Kind.SEEN))
    return with_look(rotation, seen.get(rotation.stream))


def _of(here: Installation, streams: Iterable[str]) -> Iterator[Rotation]:
    return (each for stream in streams for each in rotations(here.records.history(stream)))
