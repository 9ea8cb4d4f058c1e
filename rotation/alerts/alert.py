"""One alert, in words that may leave this host."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Self

from rotation.alerts.table import EVENTS, INSTALLATION, TEST, Event, Severity
from rotation.config.routes import Route
from rotation.journal.entries import stamp, unstamp
from rotation.types import contains_live_value

LENGTH_MAX = 500
LEFT_OUT = "(left out: there was a secret in it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An event of a stream. episode: differs between occurrences of the same event; since:
    None where nobody knows when it began."""

    event: str
    episode: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """works: what works right now, and `until` when, where that is known. next: one command. page:
    of the runbook."""

    stream: str
    event: str
    episode: str
    since: datetime | None
    secret: str
    owner: str | None = None
    environment: str | None = None
    row: str | None = None
    works: str | None = None
    until: datetime | None = None
    next: str
    page: str

    @property
    def kind(self) -> Event:
        return EVENTS.get(self.event, TEST)

    @property
    def severity(self) -> Severity:
        return self.kind.severity

    @property
    def key(self) -> tuple[str, str, str]:
        return self.stream, self.event, self.episode

    def said(self) -> dict[str, Any]:
        """As plain data. Each text is one short line without a secret."""
        plain = {
            name: stamp(v) if isinstance(v, datetime) else v for name, v in asdict(self).items()
        }
        return {name: safe(v) if isinstance(v, str) else v for name, v in plain.items()}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Self:
        given: dict[str, Any] = {field.name: said.get(field.name) for field in fields(cls)}
        given |= {name: unstamp(said[name]) for name in ("since", "until")}
        return cls(**given)

    def text(self, state: str) -> str:
        """One line for a person."""
        now = "over" if state == "resolved" else self.kind.sentence
        parts = [f"[{self.severity}] {self.secret}: {self.event}: {now}"]
        if state != "resolved":
            parts += [f"works now: {self.works}"] if self.works else []
            parts.append(f"next: {self.next}")
        return safe("; ".join(parts))


def safe(text: str) -> str:
    """One line that steers no terminal and is no longer than a screen; nothing where a live secret
    is in it. What does not print includes what turns the order of letters round."""
    if contains_live_value(text):
        return LEFT_OUT
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:LENGTH_MAX])
    return line if len(text) <= LENGTH_MAX else f"{line[:-1]}…"


def wanted_by(alert: Alert, routes: Iterable[Route]) -> list[str]:
    """The routes that it goes to. What has no owner, as the journal itself, is everybody's."""
    return [
        route.id
        for route in routes
        if alert.severity in route.severities
        and (not route.owners or alert.owner is None or alert.owner in route.owners)
        and (
            not route.environments
            or alert.environment is None
            or alert.environment in route.environments
        )
    ]


def of_installation(event: str, episode: str, **said: Any) -> Alert:
    return Alert(
        stream=INSTALLATION, event=event, episode=episode, secret=INSTALLATION,
        **{"since": None, **said},
    )  # fmt: skip
