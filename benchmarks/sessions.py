"""What a session for each user and secret costs: calls and time of a rotation, with roles and without;
and a rotation in sessions against the bare sequence in such sessions."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path

from benchmarks import calls
from benchmarks.bare import Bare, Sessions
from benchmarks.fleet import INSTALLATION, ROLES, fleet, seed, seed_roles
from benchmarks.report import Figure
from benchmarks.rotations import IN_A_ROW, LATENCY_MS, LIMITS, Product, calls_made, compared, turn
from providers.aws.testing import spawn_strict_aws
from rotation.journal.sql import open_journal

HOUR = timedelta(hours=1)
NARROW = "narrow sessions"
NAMED = {
    None: "no roles",
    "shared": "a session for each set",
    "narrow": "a session for each set, user and secret",
}


@dataclass(frozen=True)
class Taken:
    """By one rotation."""

    calls: int
    seconds: float


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    directory.mkdir(mode=0o700)
    taken = {
        sessions: _rotated(directory / (sessions or "none"), sessions, 2 if quick else 8)
        for sessions in NAMED
    }
    floor = taken[None].seconds / taken[None].calls
    for sessions, each in taken.items():
        yield Figure(
            f"calls per rotation, {NAMED[sessions]}",
            each.calls,
            "",
            len(calls.BY_TIME)
            if sessions is None
            else len(calls.with_sessions(calls.BY_TIME, narrow=sessions == "narrow")),
        )
        yield Figure(
            f"time of a rotation, {NAMED[sessions]}",
            each.seconds,
            "s",
            note=f"{each.seconds / each.calls / floor:.2f} x the time of as many calls without roles",
        )
    yield from _against_the_bare(directory / "bare", 1 if quick else 5)


def _against_the_bare(directory: Path, rounds: int) -> Iterator[Figure]:
    """A user and a secret of its own for each rotation, so that both sides take every session anew but
    the one for looks."""
    directory.mkdir(mode=0o700)
    ours, bares = (
        [[f"{whose}-{t}-{n}" for n in range(IN_A_ROW)] for t in range(rounds)]
        for whose in ("ours", "bare")
    )
    first = ("ours-first", "bare-first")
    with (
        spawn_strict_aws() as control,
        fleet(control, directory, "narrow") as made,
        open_journal(directory / "journal" / "journal.db", INSTALLATION) as journal,
    ):
        seed(control, [*first, *chain.from_iterable([*ours, *bares])])
        seed_roles(control)
        product, bare = Product(made, journal), Bare(Sessions(control, ROLES), 1)
        for name in [first[0], *chain.from_iterable(ours)]:
            product.adopt(name)
        made.clock.skip_to(made.clock.now() + HOUR)

        def rotate_bare(name: str) -> None:
            bare.rotate(name, bare.logins[0])

        table = calls.with_sessions(calls.BY_TIME, narrow=True)
        yield calls_made(control, f"ours, {NARROW}", lambda: product.rotate(first[0]), table)
        yield calls_made(
            control, f"the bare sequence, {NARROW}", lambda: rotate_bare(first[1]), table
        )
        control.faults.latency(LATENCY_MS)
        pairs = [
            (turn(rotate_bare, bares[t], 1), turn(product.rotate, ours[t], 1))
            for t in range(rounds)
        ]
        yield from compared(pairs, f"1 worker, {NARROW}", IN_A_ROW, LIMITS[1])


def _rotated(directory: Path, sessions: str | None, count: int) -> Taken:
    """Each secret for the first time, so that nothing is left of an earlier session but the looks."""
    directory.mkdir(mode=0o700)
    names = [f"app-{n}" for n in range(count + 1)]
    with (
        spawn_strict_aws() as control,
        fleet(control, directory, sessions) as made,
        open_journal(directory / "journal" / "journal.db", INSTALLATION) as journal,
    ):
        seed(control, names)
        seed_roles(control)
        product = Product(made, journal)
        for name in names:
            product.adopt(name)
        made.clock.skip_to(made.clock.now() + HOUR)
        since = control.oracle.called()
        product.rotate(names[0])
        mine = [c for c in control.oracle.calls(since=since) if c["user_agent"].startswith("rot")]
        control.faults.latency(LATENCY_MS)
        began = time.perf_counter()
        for name in names[1:]:
            product.rotate(name)
        return Taken(len(mine), (time.perf_counter() - began) / count)
