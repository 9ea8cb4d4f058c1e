"""The report of many secrets as a page: its time and its size."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.inventory import Installation as Many
from benchmarks.processes import rotation, spend
from benchmarks.report import Figure

SECRETS = 2_000
LIMIT_S, LIMIT_MB = 5.0, 3.0


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """In quick mode over a tenth of the secrets."""
    many, page = Many(directory), directory / "page.html"
    many.grow(SECRETS // 10 if quick else SECRETS, in_yaml=True)
    spent = spend(rotation("-c", str(many.path), "report", "--out", str(page)))
    if spent.code != 0:
        raise RuntimeError(f"`rotation report` ended: {spent.code}")
    named = f"report, {many.size:,} secrets"
    note = f"{spent.cpu:.2f} s of the processor, {spent.megabytes:.0f} MB of memory"
    yield Figure(named, spent.seconds, "s", None if quick else LIMIT_S, note)
    size = page.stat().st_size / 1e6
    yield Figure(f"{named}: the page", size, "MB", None if quick else LIMIT_MB)
