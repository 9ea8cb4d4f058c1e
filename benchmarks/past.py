"""`status`, and `run` with nothing due, over secrets with a long past, against the same ones without."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet import INSTALLATION
from benchmarks.inventory import CLOSED, Installation, copy, live_through, named
from benchmarks.processes import rotation, spend
from benchmarks.report import Figure
from rotation.journal.sql import open_journal

SECRETS, ROTATIONS, LIMIT = 1_000, 40, 1.2
VERBS = ("status", "run")
QUICK = 10
TIMES = 3


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """In quick mode over a tenth of the secrets."""
    directory.mkdir(mode=0o700)
    size = SECRETS // (QUICK if quick else 1)
    new = _settled(directory / "new", size, rotations=0)
    old = _settled(directory / "old", size, rotations=ROTATIONS)
    for verb in VERBS:
        ours, bare = _seconds(old, verb), _seconds(new, verb)
        note = f"{ours:.2f} s, and {bare:.2f} s without a past"
        what = f"{verb}, {size:,} secrets with {ROTATIONS} past rotations each"
        yield Figure(what, ours / bare, "x", LIMIT, note)


def _settled(directory: Path, size: int, *, rotations: int) -> Installation:
    """Nothing is open, and nothing is due."""
    directory.mkdir(mode=0o700)
    made = Installation(directory)
    with open_journal(made.journal, INSTALLATION) as journal:
        live_through(journal, CLOSED, "adopt", *["routine"] * rotations, grace=0)
    copy(made.journal, [named(number, CLOSED, days=10) for number in range(size)])
    made.write(size, in_yaml=False)
    return made


def _seconds(made: Installation, verb: str) -> float:
    spent = [spend(rotation("-c", str(made.path), verb)) for _ in range(TIMES)]
    if any(one.code for one in spent):
        raise RuntimeError(f"`rotation {verb}` ended: {max(one.code for one in spent)}")
    return min(one.seconds for one in spent)
