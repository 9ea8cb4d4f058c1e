"""Stores what was sent to whom, in a file beside the journal.

Alerts and the position up to which the journal was read are committed together, so none is lost.
If the file is lost, alerts that are not over are sent again.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rotation.alerts.alert import Alert, wanted_by
from rotation.alerts.records import Failing, Look, Message, Open
from rotation.alerts.table import Lasts
from rotation.config.routes import Route
from rotation.errors import RotationError
from rotation.journal.entries import NONSENSE, stamp, unstamp
from rotation.journal.sqlite.statements import named
from rotation.runtime.ownership import flaws

BUSY_SECONDS = 5
KEPT = timedelta(days=30)
"""How long what is over is remembered."""

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
            self._database.execute("PRAGMA journal_mode=wal")
            self._database.executescript(SCHEMA)
        self._path = path

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def seen(self) -> dict[str, int]:
        return dict(self._read("seen"))

    def record(self, look: Look, routes: Sequence[Route], now: datetime) -> None:
        """One transaction, or nothing of it."""
        at, names = stamp(now), [route.id for route in routes]
        with self._transaction() as run:
            run("forget_routes", routes=json.dumps(names))
            for alert in look.happened:
                _happened(run, alert, wanted_by(alert, routes), at)
            for alert in look.stands:
                _stands(run, alert, wanted_by(alert, routes), at)
            for stream, seq in look.seen.items():
                run("see", stream=stream, seq=seq)
            kept = {Alert.read(alert.said()).key for alert in look.stands}
            for each in _opened(run("open")):
                if _is_over(each.alert, look, kept):
                    _end(run, each.id, at)
                _end_news(run, each.id, each.alert, at)
            before = stamp(now - KEPT)
            run("forget_deliveries", before=before)
            run("forget", before=before)

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
                "sent", id=message.id, route=message.route, has_it=not message.ended,
                now=stamp(now), again=stamp(again),
            )  # fmt: skip
            _end_news(run, message.id, message.alert, stamp(now))
            run("back", route=message.route, now=stamp(now))

    def failed(self, message: Message, now: datetime, again: datetime, why: str) -> None:
        with self._transaction() as run:
            run("failed", id=message.id, route=message.route, now=stamp(now), again=stamp(again),
                why=why)  # fmt: skip

    def drop(self, message: Message, now: datetime) -> None:
        with self._transaction() as run:
            run("dropped", id=message.id, route=message.route)
            _end_news(run, message.id, message.alert, stamp(now))

    def failing(self) -> list[Failing]:
        return [
            Failing(route=route, since=_time(since), count=count, why=why)
            for route, since, count, why in self._read("failing")
        ]

    def acknowledge(self, ids: Sequence[int], who: str, why: str | None, now: datetime) -> None:
        """It is not repeated; what lasts until then is over."""
        with self._transaction() as run:
            lasting = {each.id: each.alert.kind.lasts for each in _opened(run("open"))}
            for id_ in ids:
                run("ack", id=id_, who=who, why=why, now=stamp(now))
                run("quiet", id=id_)
                if lasting.get(id_) is not Lasts.STATE:
                    _end(run, id_, stamp(now))

    def _read(self, query: str, **values: Any) -> list[Any]:
        with _translated(self._path), self._lock:
            return self._database.execute(QUERIES[query], values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator["Run"]:
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


Run = Callable[..., sqlite3.Cursor]


def _happened(run: Run, alert: Alert, routes: Sequence[str], at: str | None) -> None:
    if run("insert", **_values(alert), now=at).rowcount:
        (id_, _) = run("one", **_values(alert)).fetchone()
        for route in routes:
            run("address", id=id_, route=route, now=at)
        _end_news(run, id_, alert, at)


def _stands(run: Run, alert: Alert, routes: Sequence[str], at: str | None) -> None:
    values = _values(alert)
    if alert.begins:
        run("insert", **values, now=at)
    found = run("one", **values).fetchone()
    if found is None or not (alert.begins or found[1] is None):
        return
    (id_, ended) = found
    run("refresh" if ended is None else "reopen", id=id_, **values, now=at)
    for route in routes:
        run("address", id=id_, route=route, now=at)
    if ended is not None:
        run("announce_again", id=id_, now=at)


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


def _is_over(alert: Alert, look: Look, kept: set[tuple[str, str, str]]) -> bool:
    """What is so ends when it is no longer so, a rollback when a rotation succeeds."""
    if not look.whole or alert.key in kept:
        return False
    if alert.kind.lasts is Lasts.STATE:
        return True
    succeeded = any(
        each.event == "succeeded" and each.stream == alert.stream for each in look.happened
    )
    return alert.event == "rolled-back" and succeeded


def _end(run: Run, id_: int, at: str | None) -> None:
    run("end", id=id_, now=at)
    run("announce_end", id=id_, now=at)


def _end_news(run: Run, id_: int, alert: Alert, at: str | None) -> None:
    """Once every route has it."""
    if alert.kind.lasts is Lasts.NEWS:
        run("end_news", id=id_, now=at)


def _values(alert: Alert) -> dict[str, Any]:
    said = alert.said()
    key = {name: said[name] for name in ("stream", "event", "episode", "secret")}
    return {**key, "said": json.dumps(said, ensure_ascii=False)}


def _opened(rows: Any) -> Iterator[Open]:
    for id_, said, raised, acked, by, why, routes in rows:
        yield Open(
            id=id_, alert=Alert.read(json.loads(said)), raised_at=_time(raised),
            acked_at=unstamp(acked), acked_by=by, acked_why=why,
            undelivered=tuple((routes or "").split()),
        )  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
