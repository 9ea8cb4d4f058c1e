"""Calls, wall time, processor time and commits of a routine rotation, against the bare calls."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import calls
from benchmarks.bare import Bare, Clients
from benchmarks.fleet import INSTALLATION, Fleet, fleet, seed, specification, stream
from benchmarks.processes import spend
from benchmarks.report import Figure
from providers.aws.testing import StrictControl, spawn_strict_aws
from rotation.execution.runner import Runner
from rotation.journal.sql import SqlJournal, open_journal
from rotation.machine.decide import Close
from rotation.plan import PLANS

LATENCY_MS = 30.0
LIMITS = {1: 1.05, 32: 1.15}
WORKERS = max(LIMITS)
ROUNDS_QUICK, ROUNDS = 1, 5
IN_A_ROW = 4
"""How many rotations a single worker makes before the other side has its turn."""

Rotate = Callable[[str], None]


@dataclass(frozen=True)
class Turn:
    """One side's turn: seconds by the clock and of the processor."""

    wall: float
    cpu: float


@dataclass
class Product:
    """The product as `serve` has it: one runner, one journal, many threads."""

    fleet: Fleet
    journal: SqlJournal

    def __post_init__(self) -> None:
        self.runner = Runner(
            journal=self.journal,
            bind=self.fleet.registry.bind,
            clock=self.fleet.clock,
            id="benchmark",
        )

    def adopt(self, name: str) -> None:
        self._carry_out("adopt", name)

    def rotate(self, name: str) -> None:
        self._carry_out("routine", name)

    def _carry_out(self, plan: str, name: str) -> None:
        self.runner.open(stream(name), PLANS[plan], specification(name), trigger="benchmark")
        action = self.runner.advance(stream(name))
        assert isinstance(action, Close), action


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    directory.mkdir(mode=0o700)
    ours = [f"ours-{n}" for n in range(WORKERS)]
    bares = [f"bare-{n}" for n in range(WORKERS)]
    with (
        spawn_strict_aws() as control,
        fleet(control, directory) as made,
        open_journal(directory / "journal" / "journal.db", INSTALLATION) as journal,
    ):
        seed(control, [*ours, *bares])
        product, bare = Product(made, journal), Bare(Clients(control), WORKERS)
        for name in ours:
            product.adopt(name)
        logins = dict(zip(bares, cycle(bare.logins), strict=False))

        def rotate_bare(name: str) -> None:
            bare.rotate(name, logins[name])

        yield calls_made(control, "ours", lambda: product.rotate(ours[0]), calls.BY_TIME)
        yield calls_made(control, "the bare sequence", lambda: rotate_bare(bares[0]), calls.BY_TIME)
        yield _commits(journal, lambda: product.rotate(ours[0]))
        control.faults.latency(LATENCY_MS)
        rounds = ROUNDS_QUICK if quick else ROUNDS
        for workers, limit in LIMITS.items():
            taken = IN_A_ROW if workers == 1 else WORKERS
            pairs = [
                (
                    turn(rotate_bare, bares[:taken], workers),
                    turn(product.rotate, ours[:taken], workers),
                )
                for _ in range(rounds)
            ]
            yield from compared(pairs, _named(workers), taken, limit)
        yield _drained(control, directory, ours)


def turn(rotate: Rotate, names: Sequence[str], workers: int) -> Turn:
    with ThreadPoolExecutor(workers) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        list(pool.map(rotate, names))
        return Turn(time.perf_counter() - wall, time.process_time() - cpu)


def _named(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"


def compared(
    pairs: Sequence[tuple[Turn, Turn]], named: str, taken: int, limit: float
) -> Iterator[Figure]:
    """Turns of the bare sequence and of ours, `taken` rotations each."""
    ratio = median(ours.wall / bare.wall for bare, ours in pairs)
    bare_s = median(bare.wall for bare, _ in pairs)
    ours_s = median(ours.wall for _, ours in pairs)
    own_ms = median((ours.cpu - bare.cpu) / taken * 1000 for bare, ours in pairs)
    bare_ms = median(bare.cpu / taken * 1000 for bare, _ in pairs)
    note = f"{taken} rotations: {bare_s:.2f} s bare, {ours_s:.2f} s ours"
    yield Figure(f"time against the bare calls, {named}", ratio, "x", limit, note)
    yield Figure(
        f"the product's own processor time, {named}",
        own_ms,
        "ms per rotation",
        note=f"beside {bare_ms:.1f} ms of the SDK",
    )


def _drained(control: StrictControl, directory: Path, names: Sequence[str]) -> Figure:
    module = [sys.executable, "-m", "benchmarks.drain", control.endpoint, str(directory)]
    spent = spend([*module, *names])
    if spent.code != 0:
        raise RuntimeError(f"the drain ended with {spent.code}")
    note = f"a whole process, {spent.seconds:.1f} s"
    return Figure(f"memory of {len(names)} rotations at once", spent.megabytes, "MB", note=note)


def calls_made(
    control: StrictControl, who: str, rotate: Callable[[], None], table: Sequence[calls.Call]
) -> Figure:
    """By one rotation, against a table."""
    since = control.oracle.called()
    rotate()
    made = [f"{call['service']}:{call['operation']}" for call in control.oracle.calls(since=since)]
    wanted = calls.names(table)
    note = "equal to the table" if made == wanted else "NOT the table"
    return Figure(f"calls per rotation, {who}", len(made), "", len(wanted), note)


def _commits(journal: SqlJournal, rotate: Callable[[], None]) -> Figure:
    with _counted(journal) as count:
        rotate()
    return Figure("commits to the journal", count(), "per rotation")


@contextmanager
def _counted(journal: Any) -> Iterator[Callable[[], int]]:
    """Every transaction that writes goes through this one method."""
    begin, begun = journal._transaction, 0  # noqa: SLF001

    def counting() -> Any:
        nonlocal begun
        begun += 1
        return begin()

    journal._transaction = counting  # noqa: SLF001
    try:
        yield lambda: begun
    finally:
        del journal._transaction  # noqa: SLF001
