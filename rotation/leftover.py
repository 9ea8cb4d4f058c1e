"""What is ours and outlived its rotation, as a baseline keeps it."""

from dataclasses import dataclass
from typing import Any, cast

from rotation.types import Facts


@dataclass(frozen=True, slots=True)
class Leftover:
    """An instance of ours that outlived its rotation. version: where its bytes are, if they are
    known to be anywhere. served: readers may have been given it."""

    version: str | None = None
    served: bool = False


def leftovers_of(baseline: Facts) -> dict[str, Leftover]:
    """As a baseline keeps them: instance -> [version, served]."""
    kept = baseline.get("ours")
    pairs = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
    return {instance: Leftover(*pair) for instance, pair in pairs.items()}
