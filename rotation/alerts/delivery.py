"""Sends what is due, on each route by itself: at least once, in order per secret.

A message that a route refuses waits, with the later ones of its secret; those of others go on. A
route that does not answer is asked with one message at a time, and has all the others once it is back.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
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
BUDGET_SECONDS = 30
"""For one route at a time, so that a slow one does not stop the others."""
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
        from rotation.alerts import command, webhook  # noqa: PLC0415 -- only who sends pays for it

        body = as_json(alert, state, id_, self.installation, self.host, now)
        if route.type == "webhook":
            return webhook.post(route, body, id_, now)
        return command.start(route, body, id_, self.commands)


def deliver(
    outbox: Outbox, routes: Sequence[Route], send: Send, now: Callable[[], datetime]
) -> Iterator[tuple[Route, RotationError]]:
    """Yields each try that failed."""
    for route in routes:
        end, waiting = time.monotonic() + BUDGET_SECONDS, set[str]()
        while time.monotonic() < end:
            due = [m for m in outbox.due(route.id, now()) if m.alert.stream not in waiting]
            if not due:
                break
            for message in due:
                if message.alert.stream in waiting:
                    continue
                error = _one(outbox, route, message, send, now, waiting)
                if error is not None:
                    yield route, error
                    waiting.add(message.alert.stream)
                if isinstance(error, Transient) or time.monotonic() >= end:
                    end = 0.0
                    break


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
    if message.ended or message.alert.kind.lasts is Lasts.NEWS:
        return None
    return now + REPEATED[message.alert.severity]
