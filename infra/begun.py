"""What a killed `pulumi up` had begun to make, as it is found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Given = Mapping[str, Any]
"""The inputs of a resource, or of a provider."""


@dataclass(frozen=True)
class Found:
    """ours: this stack made it, and nobody else."""

    id: str
    ours: bool


class Unsaid(Exception):
    """Nothing said whether it is there."""
