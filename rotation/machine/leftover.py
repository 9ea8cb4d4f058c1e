"""Instances of ours that outlived their rotation, as a baseline keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rotation.journal.entries import compact
from rotation.journal.facts import Baseline
from rotation.journal.keyed import keyed, record
from rotation.types import Facts


@dataclass(frozen=True, slots=True)
class Leftover:
    """An instance that outlived its rotation."""

    version: str | None = None  # where its bytes are, if that is known
    served: bool = False  # readers may have been given it


def as_kept(left: Mapping[str, Leftover]) -> Facts:
    """The value of a baseline's `ours`, by instance."""
    return {instance: keyed(it) for instance, it in sorted(left.items())}


# How a baseline without leftovers is written.
NOTHING_LEFT = compact(Baseline(ours=as_kept({})).facts)[1:-1]


def leftovers_of(baseline: Baseline) -> dict[str, Leftover]:
    """The inverse of `as_kept`."""
    return {instance: _leftover(content) for instance, content in baseline.ours.items()}


def _leftover(kept: Any) -> Leftover:
    # Before schema 3 an entry had a pair here.
    return Leftover(*kept) if isinstance(kept, list) else record(Leftover, kept)
