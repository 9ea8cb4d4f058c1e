"""How long the program takes until it has answered something small: best of five."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.inventory import Installation
from benchmarks.processes import rotation, spend
from benchmarks.report import Figure

TIMES = 5


def measure(directory: Path) -> Iterator[Figure]:
    one = Installation(directory)
    one.grow(1, in_yaml=True)
    yield _best("start of --help", rotation("--help"), limit=150)
    yield _best("start of status", rotation("-c", str(one.path), "status"), limit=450)


def _best(named: str, words: list[str], limit: float) -> Figure:
    spent = [spend(words) for _ in range(TIMES)]
    if any(one.code for one in spent):
        raise RuntimeError(f"{named}: it ended with {max(one.code for one in spent)}")
    cpu_ms = min(one.cpu for one in spent) * 1000
    told = f"best of {TIMES}; {cpu_ms:.0f} ms of the processor"
    return Figure(named, min(one.seconds for one in spent) * 1000, "ms", limit, told)
