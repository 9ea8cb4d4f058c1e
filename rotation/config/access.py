"""Who may change a configuration, which is code that runs with the runner's rights."""

from collections.abc import Iterator
from pathlib import Path

from rotation.config.findings import Problem
from rotation.runtime.ownership import flaws


def problems(path: Path) -> Iterator[Problem]:
    """Every file and directory on the way to `path` that somebody else may change."""
    for flaw in flaws(path):
        if flaw.foreign:
            message = f"{flaw}, and who owns it decides what the runner does"
            yield Problem((), "config.owner", message, flaw.remedy)
        else:
            yield Problem((), "config.mode", str(flaw), flaw.remedy)
