"""An outbox, routes and time, without a journal."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rotation.alerts.alert import Alert
from rotation.alerts.delivery import Delivery, Sender
from rotation.alerts.outbox import Outbox
from rotation.alerts.records import Look
from rotation.config.routes import Route
from rotation.errors import RotationError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def alert(secret: str = "app", event: str = "held", **more: Any) -> Alert:
    given: dict[str, Any] = {
        "stream": f"sim/{secret}", "event": event, "episode": "1", "since": NOW, "secret": secret,
        "next": f"rotation resume {secret}", "page": "docs/alerts.md",
    }  # fmt: skip
    return Alert(**{**given, **more})


@dataclass
class Team:
    directory: Path
    routes: tuple[Route, ...]
    now: datetime = NOW
    commands: Path | None = None

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.directory / "journal.db.alerts")

    def finds(self, *stands: Alert, happened: tuple[Alert, ...] = (), origin: str = "i") -> None:
        found = Look(origin=origin, stands=stands, happened=happened, seen={"installation": 0})
        self.outbox.record(found, self.routes, self.now)

    def sends(self, after: timedelta = timedelta()) -> list[RotationError]:
        self.now += after
        send = Sender(installation="0123456789ab", commands=self.commands)
        made = Delivery(self.outbox, send, lambda: self.now).to(self.routes, 30)
        return [error for _, error in made]
