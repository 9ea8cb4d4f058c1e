"""What the alerts add: processor time for each journal entry beyond a look with no news, for such a
look, and for one at very many alerts."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.fleet import INSTALLATION
from benchmarks.inventory import CLOSED, Installation, copy, live_through, named
from benchmarks.report import Figure
from rotation.alerts.alert import Alert
from rotation.alerts.outbox import Outbox
from rotation.alerts.records import Look
from rotation.config.routes import Route
from rotation.journal.entries import stamp
from rotation.journal.sql import open_journal
from rotation.operations.alerts import Alerts
from rotation.operations.installation import Installation as Here
from tests.support.simulator import SimulatedClock
from tests.support.world import START, World

MOVING, STILL, LIMIT_MS = 200, 2_000, 1.0
"""Secrets that rotate at once, one entry between two looks, among others."""
OPEN, ENDED = 20_000, 300_000
QUICK = 10
ROTATED = "rotated"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUTE = Route(id="oncall", type="webhook", url="https://a.example.com", secret="/none")
IN_YAML = "\nalerts: {routes: [{id: oncall, type: command, argv: [none]}]}\ncommands: .\n"


def measure(directory: Path, *, quick: bool) -> Iterator[Figure]:
    directory.mkdir(mode=0o700)
    scale = QUICK if quick else 1
    yield from _by_entry(directory / "entries", MOVING // scale, STILL // scale)
    yield from _many(directory, OPEN // scale, ENDED // scale)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _by_entry(directory: Path, moving: int, still: int) -> Iterator[Figure]:
    directory.mkdir(mode=0o700)
    made = Installation(directory)
    with open_journal(made.journal, INSTALLATION) as journal:
        live_through(journal, CLOSED, "adopt", grace=0)
        live_through(journal, ROTATED, "adopt", "routine", grace=0)
    first, steps = _steps(made.journal)
    names = [named(number, CLOSED, days=10) for number in range(moving + still)]
    copy(made.journal, names)
    made.write(moving + still, in_yaml=False)
    made.path.write_text(made.path.read_text() + IN_YAML)
    spent = idle = 0.0
    clock = SimulatedClock(World(now=START + timedelta(minutes=10)))
    here = Here(configuration_path=made.path, effectful=False, clock=clock)
    with here, Alerts(here=here) as alerts:

        def look() -> None:
            list(alerts.update(0))

        look()
        for number, row in enumerate(steps, start=first):
            _move(made.journal, names[:moving], number, row)
            spent += _cpu(look)
            idle += _cpu(look)
    entries = moving * len(steps)
    what = f"alerts, a journal entry, {moving:,} of {moving + still:,} secrets rotating"
    yield Figure(
        what, (spent - idle) / entries, "ms", LIMIT_MS, f"of the processor; {entries:,} entries"
    )
    note = "of the processor, every 15 s"
    yield Figure(
        f"alerts, a look with no news, {moving + still:,} secrets",
        idle / len(steps),
        "ms",
        None,
        note,
    )


def _steps(journal: Path) -> tuple[int, list[dict[str, Any]]]:
    """The row of the rotated stream after each entry of its rotation, from the first one on."""
    rows: list[dict[str, Any]] = []
    with closing(sqlite3.connect(journal)) as file:
        file.row_factory = sqlite3.Row
        (first,) = file.execute(
            "SELECT max(rotation) FROM entry WHERE stream = ?", (ROTATED,)
        ).fetchone()
        (last,) = file.execute("SELECT max(seq) FROM entry WHERE stream = ?", (ROTATED,)).fetchone()
        file.execute("CREATE TABLE whole AS SELECT * FROM entry WHERE stream = ?", (ROTATED,))
        for seq in range(last, first - 1, -1):
            file.execute("DELETE FROM entry WHERE stream = ? AND seq > ?", (ROTATED, seq))
            file.commit()
            with open_journal(journal, INSTALLATION) as opened:
                opened.rebuild(ROTATED)
            found = file.execute("SELECT * FROM identity WHERE stream = ?", (ROTATED,)).fetchone()
            rows.insert(0, dict(found))
        file.execute("DELETE FROM entry WHERE stream = ?", (ROTATED,))
        file.execute("DELETE FROM identity WHERE stream = ?", (ROTATED,))
        file.commit()
    return first, rows


def _move(journal: Path, names: Sequence[dict[str, Any]], seq: int, row: dict[str, Any]) -> None:
    """Each of them gets that entry of the rotation."""
    with closing(sqlite3.connect(journal)) as file, file:
        columns = [each[1] for each in file.execute("PRAGMA table_info(entry)")]
        copied = ", ".join(":stream" if name == "stream" else f'"{name}"' for name in columns)
        entry = f"INSERT INTO entry SELECT {copied} FROM whole WHERE seq = :seq"  # noqa: S608 -- its own columns
        given = ", ".join(f":{name}" for name in row)
        identity = f"INSERT OR REPLACE INTO identity VALUES ({given})"  # noqa: S608 -- its own columns
        for name in names:
            own = {key: name[key] for key in ("stream", "identity", "secret", "created")}
            file.execute(entry, {**own, "seq": seq})
            file.execute(identity, {**row, **own})


def _many(directory: Path, opened: int, ended: int) -> Iterator[Figure]:
    outbox = Outbox(directory / "many.alerts")
    stands = [_alert(number) for number in range(opened)]
    found = Look(origin="i", stands=stands)
    outbox.record(found, (ROUTE,), NOW)
    _end(directory / "many.alerts", ended)
    note = f"of the processor; {ended:,} that are over beside them"
    for what, work in (
        ("a look", lambda: outbox.record(found, (ROUTE,), NOW)),
        ("the next 100 messages", lambda: outbox.due(ROUTE.id, NOW)),
        ("which routes fail", outbox.failing),
    ):
        yield Figure(f"alerts, {opened:,} open: {what}", _cpu(work), "ms", None, note)
    outbox.close()


def _alert(number: int) -> Alert:
    return Alert(
        stream=f"aws-iam/service-{number}", event="held", episode="1", since=NOW,
        secret=f"service-{number}", next=f"rotation status service-{number}", page="docs/alerts.md",
        works="KEY1 works, and readers get it",
    )  # fmt: skip


def _end(path: Path, ended: int) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.executemany(
            "INSERT INTO alert (stream, event, episode, secret, said, raised_at, ended_at) "
            "VALUES (?, 'succeeded', ?, 'service', '{}', ?, ?)",
            ((f"aws-iam/service-{n % 1000}", str(n), stamp(NOW), stamp(NOW)) for n in range(ended)),
        )
        file.execute(
            "INSERT INTO delivery (alert, route) SELECT id, 'oncall' FROM alert WHERE ended_at IS NOT NULL"
        )
