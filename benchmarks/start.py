"""How long the program takes until it has answered something small, in milliseconds and in starts of
the bare interpreter: best of five.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.inventory import Installation
from benchmarks.processes import Spent, rotation, spend
from benchmarks.report import Figure

TIMES = 5


def measure(directory: Path) -> Iterator[Figure]:
    one = Installation(directory)
    one.grow(1, in_yaml=True)
    bare = _best([sys.executable, "-c", ""])
    for named, words, limit in (
        ("--help", rotation("--help"), 80),
        ("status", rotation("-c", str(one.path), "status"), 200),
    ):
        best = _best(words)
        note = f"{best.cpu * 1000:.0f} ms of the processor; {best.cpu / bare.cpu:.1f} bare interpreters"
        yield Figure(f"start of {named}", best.seconds * 1000, "ms", limit, note)


def _best(words: list[str]) -> Spent:
    spent = [spend(words) for _ in range(TIMES)]
    if any(one.code for one in spent):
        raise RuntimeError(f"{words[1:]}: it ended with {max(one.code for one in spent)}")
    return min(spent, key=lambda one: one.seconds)
