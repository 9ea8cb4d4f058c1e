"""`make bench`: measures on this machine, now, and prints what was aimed at beside it.

The figures are no tests: whatever they are, it ends with 0. Run it on a machine with nothing else
to do.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks import (
    alerts,
    inventory,
    logins,
    past,
    policies,
    reviewing,
    rotations,
    scrape,
    sessions,
    start,
    tampering,
)
from benchmarks.report import Figure, table

_err = Console(stderr=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="under a minute; fewer turns and secrets"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    chosen = parser.parse_args()
    began, busy = time.perf_counter(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="rotation-benchmarks-") as directory:
        figures = list(_printed(_measured(Path(directory), quick=chosen.quick)))
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}, load {busy:.1f}"
    console = Console(width=None if os.isatty(1) else 140)
    console.print(f"[bold]rotation, measured[/] in {time.perf_counter() - began:.0f} s: {machine}")
    console.print(
        f"Strict AWS in a process of its own, {rotations.LATENCY_MS:.0f} ms added to each call; "
        "Vault and PostgreSQL are real, on loopback. Settle, grace, quiet, soak 0."
    )
    console.print(table(figures))
    if chosen.json is not None:
        listed = [{**asdict(figure), "verdict": figure.verdict} for figure in figures]
        chosen.json.write_text(json.dumps({"machine": machine, "figures": listed}, indent=2) + "\n")


def _measured(directory: Path, *, quick: bool) -> Iterator[Figure]:
    yield from start.measure(directory / "start")
    yield from rotations.measure(directory / "rotations", quick=quick)
    yield from sessions.measure(directory / "sessions", quick=quick)
    yield from logins.measure(directory / "logins", quick=quick)
    yield from inventory.measure(directory / "inventory", quick=quick)
    yield from scrape.measure(directory / "scrape", quick=quick)
    yield from past.measure(directory / "past", quick=quick)
    yield from alerts.measure(directory / "alerts", quick=quick)
    yield from policies.measure(directory / "policies", quick=quick)
    yield from reviewing.measure(directory / "reviewing", quick=quick)
    yield from tampering.measure(directory / "tampering", quick=quick)


def _printed(figures: Iterator[Figure]) -> Iterator[Figure]:
    """Prints progress on standard error."""
    for figure in figures:
        _err.print(f"[dim]{figure.what}[/]")
        yield figure


if __name__ == "__main__":
    main()
