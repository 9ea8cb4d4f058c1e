"""Stores what was sent to whom, in a file beside the journal.

Alerts and the position up to which the journal was read are committed together, so none is lost.
If the file is lost, alerts that are not over are sent again.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from rotation.alerts.alert import Alert
from rotation.alerts.recording import Run, record
from rotation.alerts.records import Failing, Look, Message, Open, Position
from rotation.alerts.table import Lasts
from rotation.config.routes import Route
from rotation.errors import RotationError
from rotation.journal.entries import NONSENSE, stamp, unstamp
from rotation.journal.sqlite.statements import named
from rotation.runtime.ownership import flaws

BUSY_SECONDS = 5
VERSION = 2

QUERIES = named(Path(__file__).with_name("queries.sql").read_text(encoding="utf-8"))
SCHEMA = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")


class OutboxError(RotationError):
    """Rotations go on: the file only says what was sent."""

    NEXT = "look at the disk; where the file is damaged, remove it: alerts that are not over are sent again"


def file_of(journal: Path) -> Path:
    """Named after its journal, as everything beside it, so that two in one directory have two."""
    return journal.with_name(f"{journal.name}.alerts")


class Outbox:
    """For all threads. It makes its file where there is none."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        with _translated(path):
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            for flaw in flaws(path):
                raise OutboxError("alerts.open-file", f"{flaw}; no alert is sent", flaw.remedy)
            self._database = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        self._path = path

    def _prepare(self) -> None:
        """What another version wrote is as good as lost."""
        database = self._database
        database.execute("PRAGMA journal_mode=wal")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        former = ["seen", "alert", "delivery", "about"]
        drop = "".join(f"DROP TABLE IF EXISTS {table};" for table in former)
        database.executescript(
            f"BEGIN IMMEDIATE;{drop}{SCHEMA};PRAGMA user_version={VERSION};COMMIT;"
        )

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def position(self) -> Position:
        about = dict(self._read("about"))
        return Position(origin=about.get("origin"), seen=dict(self._read("seen")))

    def looked_at(self) -> datetime | None:
        return unstamp(dict(self._read("about")).get("looked_at"))

    def record(self, look: Look, routes: Sequence[Route], now: datetime) -> None:
        """One transaction, or nothing of it."""
        with self._transaction() as run:
            record(run, look, routes, now)

    def open(self) -> list[Open]:
        with _translated(self._path):
            return list(_opened(self._read("open")))

    def due(self, route: str, now: datetime) -> list[Message]:
        with _translated(self._path):
            return [
                Message(
                    id=id_, route=route, alert=Alert.read(json.loads(said)), raised_at=_time(raised),
                    ended=ended is not None, has_it=bool(has_it), sent=sent, tries=tries, due=due,
                )
                for id_, said, raised, ended, has_it, sent, tries, due
                in self._read("due", route=route, now=stamp(now))
            ]  # fmt: skip

    def claim(self, message: Message, until: datetime) -> bool:
        """Whether this process sends it. If it dies, the message is due again at that time."""
        with self._transaction() as run:
            done = run(
                "claim", id=message.id, route=message.route, due=message.due, until=stamp(until)
            )
            return bool(done.rowcount)

    def sent(self, message: Message, now: datetime, again: datetime | None) -> None:
        with self._transaction() as run:
            run(
                "sent", id=message.id, route=message.route, has_it=message.state != "resolved",
                news=message.alert.kind.lasts is Lasts.NEWS, now=stamp(now), again=stamp(again),
            )  # fmt: skip
            _end_news(run, message, now)
            run("back", route=message.route, now=stamp(now))

    def failed(self, message: Message, now: datetime, again: datetime, why: str) -> None:
        with self._transaction() as run:
            run("failed", id=message.id, route=message.route, now=stamp(now), again=stamp(again),
                why=why)  # fmt: skip

    def drop(self, message: Message, now: datetime) -> None:
        with self._transaction() as run:
            run("dropped", id=message.id, route=message.route)
            _end_news(run, message, now)

    def free(self, route: str, now: datetime) -> None:
        """It works again: what it refused before is tried now."""
        with self._transaction() as run:
            run("free", route=route, now=stamp(now))

    def failing(self) -> list[Failing]:
        return [
            Failing(route=route, since=_time(since), count=count, why=why)
            for route, since, count, why in self._read("failing")
        ]

    def acknowledge(self, ids: Sequence[int], who: str, why: str | None, now: datetime) -> None:
        """It is not repeated; what lasts until then is over. A route that does not have it yet gets
        it all the same."""
        with self._transaction() as run:
            lasting = {each.id: each.alert.kind.lasts for each in _opened(run("open"))}
            for id_ in ids:
                run("ack", id=id_, who=who, why=why, now=stamp(now))
                run("quiet", id=id_)
                if lasting.get(id_) is Lasts.ACKNOWLEDGED:
                    run("end", id=id_, now=stamp(now))
                    run("announce_end", id=id_, now=stamp(now))

    def _read(self, query: str, **values: Any) -> list[Any]:
        with _translated(self._path), self._lock:
            return self._database.execute(QUERIES[query], values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[Run]:
        def run(query: str, **values: Any) -> sqlite3.Cursor:
            return self._database.execute(QUERIES[query], values)

        with _translated(self._path), self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield run
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                raise


def _end_news(run: Run, message: Message, now: datetime) -> None:
    """Once every route has it."""
    if message.alert.kind.lasts is Lasts.NEWS:
        run("end_this_news", id=message.id, now=stamp(now))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Errors without SQLite's own text."""
    try:
        yield
    except (sqlite3.Error, OSError, *NONSENSE) as error:
        name = getattr(error, "sqlite_errorname", None) or getattr(error, "strerror", None)
        raise OutboxError(
            "alerts.outbox",
            f"{path.name} failed ({name or type(error).__name__}); no alert is sent",
            "move it away: a new one announces again what still stands",
        ) from None


def _opened(rows: Any) -> Iterator[Open]:
    for id_, said, raised, acked, by, why, routes in rows:
        yield Open(
            id=id_, alert=Alert.read(json.loads(said)), raised_at=_time(raised),
            acked_at=unstamp(acked), acked_by=by, acked_why=why,
            undelivered=tuple((routes or "").split()),
        )  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
