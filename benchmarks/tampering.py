"""Verifying a journal of 100,000 entries, and whether what was done to it is found."""

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Figure
from rotation.audit.keys import new_key
from rotation.audit.verification import verify
from tests.support.chained import TAMPERED, checkpoints, streams

STREAMS, LENGTH = 2_500, 40
LIMIT_S = 10.0
TRIES, STRIDE = 2_000, 7919


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    """Each tampering is looked for in its stream, by the checkpoints of that stream: the others are
    independent of it."""
    directory.mkdir(mode=0o700)
    key = new_key(directory / "audit.pem")
    journal = streams(STREAMS // 10 if quick else STREAMS, LENGTH)
    lines = [each.line for each in checkpoints(journal, key)]
    began = time.perf_counter()
    verdict = verify(lines, journal.items(), [key.public])
    took = time.perf_counter() - began
    if not verdict.is_whole:
        raise RuntimeError("an untouched journal is not whole")
    size = sum(map(len, journal.values()))
    yield Figure(f"audit verify, {size:,} entries", took, "s", None if quick else LIMIT_S)
    names, missed = sorted(journal), 0
    for number in range(TRIES // 10 if quick else TRIES):
        place = number * STRIDE
        name = names[place % len(names)]
        own = {name: journal[name]}
        made = [each.line for each in checkpoints(own, key)]
        for tamper in TAMPERED.values():
            forged = tamper(journal[name], place % len(journal[name]))
            if forged is not None:
                missed += verify(made, [(name, forged)], [key.public]).is_whole
    note = f"{len(TAMPERED)} kinds at {TRIES:,} places, every {STRIDE:,}th"
    yield Figure("tamperings that were not found", missed, limit=0, note=note)
