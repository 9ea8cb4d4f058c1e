"""What is ours and outlived its rotation, as a baseline keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from rotation.types import Facts


@dataclass(frozen=True, slots=True)
class Leftover:
    """An instance of ours that outlived its rotation. version: where its bytes are, if they are
    known to be anywhere. served: readers may have been given it."""

    version: str | None = None
    served: bool = False


def as_kept(left: Mapping[str, Leftover]) -> Facts:
    """For a baseline: instance -> [version, served]."""
    return {instance: [it.version, it.served] for instance, it in sorted(left.items())}


def leftovers_of(baseline: Facts) -> dict[str, Leftover]:
    """What `as_kept` made of them."""
    kept = baseline.get("ours")
    pairs = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    return {instance: Leftover(*pair) for instance, pair in pairs.items()}
