"""What is ours and outlived its rotation, as a baseline keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rotation.journal.entries import compact
from rotation.journal.facts import Baseline
from rotation.journal.keyed import keyed, record
from rotation.types import Facts


@dataclass(frozen=True, slots=True)
class Leftover:
    """An instance that outlived its rotation. version: where its bytes are, if they are
    known to be anywhere. served: readers may have been given it."""

    version: str | None = None
    served: bool = False


def as_kept(left: Mapping[str, Leftover]) -> Facts:
    """For a baseline, by instance."""
    return {instance: keyed(it) for instance, it in sorted(left.items())}


NOTHING_LEFT = compact(Baseline(ours=as_kept({})).facts)[1:-1]
"""How a baseline without any is written."""


def leftovers_of(baseline: Baseline) -> dict[str, Leftover]:
    """What `as_kept` made of them."""
    return {instance: _leftover(content) for instance, content in baseline.ours.items()}


def _leftover(kept: Any) -> Leftover:
    # Entries of a schema before 3 have a pair.
    return Leftover(*kept) if isinstance(kept, list) else record(Leftover, kept)
