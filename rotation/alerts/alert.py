"""One alert, in words that may leave this host."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from rotation.alerts.table import EVENTS, INSTALLATION, TEST, Event, Severity
from rotation.config.routes import Route
from rotation.journal.entries import stamp, unstamp
from rotation.types import contains_live_value

LENGTH_MAX, PART = 500, 200
LEFT_OUT = "(left out: there was a secret in it)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An event of a stream. episode: differs between occurrences of the same event; since:
    None where nobody knows when it began; why: what it is about, in a line; begins: whether it is
    raised where it was not before."""

    event: str
    episode: str = ""
    since: datetime | None = None
    why: str | None = None
    begins: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """why: what it is about. works: what works right now, and `until` when, where that is known.
    next: one command. page: of the runbook. begins: False where it only goes on."""

    stream: str
    event: str
    episode: str
    since: datetime | None
    secret: str
    owner: str | None = None
    environment: str | None = None
    row: str | None = None
    why: str | None = None
    works: str | None = None
    until: datetime | None = None
    next: str
    page: str
    begins: bool = True

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
        given = {name: getattr(self, name) for name in _SAID}
        clean = safe if contains_live_value("\n".join(filter(_is_text, given.values()))) else _line
        return {name: _plain(value, clean) for name, value in given.items()}

    @classmethod
    def read(cls, said: dict[str, Any]) -> Self:
        given: dict[str, Any] = {name: said.get(name) for name in _SAID}
        given |= {name: unstamp(said[name]) for name in ("since", "until")}
        return cls(**given)

    def title(self, state: str) -> str:
        over = ": over" if state == "resolved" else ""
        return f"[{self.severity}] {safe(self.secret, PART)}: {self.event}{over}"

    def text(self, state: str, host: str) -> str:
        """One line for a person. Each part is bounded by itself, so that none pushes another out."""
        over = state == "resolved"
        parts = [self.title(state) if over else f"{self.title(state)}: {self.kind.sentence}"]
        said = {"why": self.why, "works now": self.works, "next": self.next, "page": self.page}
        parts += [f"{name}: {safe(text, PART)}" for name, text in said.items() if text and not over]
        return "; ".join([*parts, f"host: {safe(host, PART)}"])


_SAID = tuple(field.name for field in fields(Alert) if field.name != "begins")


def safe(text: str, most: int = LENGTH_MAX) -> str:
    """One line that steers no terminal and is no longer than a screen; nothing where a live secret
    is in it. What does not print includes what turns the order of letters round."""
    return LEFT_OUT if contains_live_value(text) else _line(text, most)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _plain(value: Any, clean: Callable[[str], str]) -> Any:
    return (
        stamp(value) if isinstance(value, datetime) else clean(value) if _is_text(value) else value
    )


def _line(text: str, most: int = LENGTH_MAX) -> str:
    if len(text) <= most and text.isprintable():
        return text
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
    return line if len(text) <= most else f"{line[:-1]}…"


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
