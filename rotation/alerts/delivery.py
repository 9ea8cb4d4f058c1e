"""Sends what is due, on each route in a thread of its own: at least once, in order per secret.

A message that a route refuses waits, with the later ones of its secret; those of others go on. A
route that does not answer is asked with one message at a time, and has all the others once it is back.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from socket import gethostname

from rotation.alerts.alert import Alert
from rotation.alerts.message import as_json, id_of
from rotation.alerts.outbox import Outbox
from rotation.alerts.records import Message
from rotation.alerts.table import REPEATED, Lasts, Severity
from rotation.config.routes import Route
from rotation.errors import RotationError, Transient

PAUSE, PAUSE_MAX = timedelta(seconds=30), timedelta(hours=1)
CLAIMED = timedelta(minutes=1)
"""Longer than one try may take: afterwards whoever had the message is dead."""
STALE = timedelta(hours=1)
"""What nobody has to act on is not sent any more after this; the journal has it."""

Send = Callable[[Route, Message, datetime], str]


@dataclass(frozen=True, kw_only=True)
class Sender:
    """How a message goes out of one installation."""

    installation: str
    commands: Path | None = None
    host: str = field(default_factory=gethostname)

    def __call__(self, route: Route, message: Message, now: datetime) -> str:
        alert = replace(message.alert, since=message.alert.since or message.raised_at)
        id_ = id_of(alert, message.raised_at, message.state, message.sent)
        return self.transmit(route, alert, message.state, id_, now)

    def transmit(self, route: Route, alert: Alert, state: str, id_: str, now: datetime) -> str:
        """What the other side said. Raises RotationError where that is no receipt."""
        from rotation.alerts import by_apprise, command, webhook  # noqa: PLC0415 -- only who sends pays

        body = as_json(alert, state, id_, self.installation, self.host, now)
        if route.type == "webhook":
            return webhook.post(route, body, id_, now)
        if route.type == "apprise":
            return by_apprise.notify(route, alert, state, self.host)
        return command.start(route, body, id_, self.commands)


class Delivery:
    """The threads of one process: a route that hangs delays no other, and is not asked twice."""

    def __init__(self, outbox: Outbox, send: Send, now: Callable[[], datetime]) -> None:
        self._outbox, self._send, self._now = outbox, send, now
        self._busy: dict[str, threading.Thread] = {}
        self._failed: SimpleQueue[tuple[Route, BaseException]] = SimpleQueue()

    def to(self, routes: Sequence[Route], seconds: float) -> Iterator[tuple[Route, RotationError]]:
        """Yields each try that failed. A route that is not done after that time goes on beside the
        next call."""
        end = time.monotonic() + seconds
        for route in routes:
            if route.id not in self._busy:
                thread = threading.Thread(
                    target=self._serve, args=(route,), daemon=True, name=f"alerts {route.id}"
                )
                self._busy[route.id] = thread
                thread.start()
        for id_, thread in list(self._busy.items()):
            thread.join(max(end - time.monotonic(), 0))
            if not thread.is_alive():
                del self._busy[id_]
        while not self._failed.empty():
            route, error = self._failed.get()
            if not isinstance(error, RotationError):
                raise error  # a bug, or this process is told to end
            yield route, error

    def _serve(self, route: Route) -> None:
        try:
            for error in _all(self._outbox, route, self._send, self._now):
                self._failed.put((route, error))
        except BaseException as error:  # noqa: BLE001 -- raised again by the thread that waits
            self._failed.put((route, error))


def _all(
    outbox: Outbox, route: Route, send: Send, now: Callable[[], datetime]
) -> Iterator[RotationError]:
    waiting = set[str]()
    while True:
        due = [m for m in outbox.due(route.id, now()) if m.alert.stream not in waiting]
        if not due:
            return
        for message in due:
            if message.alert.stream in waiting:
                continue
            error = _one(outbox, route, message, send, now, waiting)
            if error is not None:
                yield error
                waiting.add(message.alert.stream)
            if isinstance(error, Transient):
                return


def _one(
    outbox: Outbox, route: Route, message: Message, send: Send, now: Callable[[], datetime],
    waiting: set[str],
) -> RotationError | None:  # fmt: skip
    at = now()
    if _is_stale(message, at):
        outbox.drop(message, at)
        return None
    if not outbox.claim(message, at + CLAIMED):
        waiting.add(message.alert.stream)  # another process is sending it
        return None
    try:
        send(route, message, at)
    except RotationError as error:
        again = min(PAUSE * 2 ** min(message.tries, 10), PAUSE_MAX)
        outbox.failed(message, now(), now() + again, error.code)
        return error
    outbox.sent(message, now(), _again(message, now()))
    return None


def _is_stale(message: Message, now: datetime) -> bool:
    kind = message.alert.kind
    idle = kind.lasts is Lasts.NEWS and kind.severity is Severity.INFO
    return idle and now - message.raised_at > STALE


def _again(message: Message, now: datetime) -> datetime | None:
    if message.alert.kind.lasts is Lasts.NEWS:
        return None
    return now + REPEATED[message.alert.severity]
