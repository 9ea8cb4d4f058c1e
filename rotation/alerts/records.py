"""What goes into the outbox and comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rotation.alerts.alert import Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far which journal was read."""

    origin: str | None = None
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """origin: the journal. happened: events since the last look. stands: every condition that holds
    now. seen: streams that moved, and how far they were read. whole: False where the journal could
    not be read, so that nothing is known to be over."""

    origin: str | None = None
    happened: Sequence[Alert] = ()
    stands: Sequence[Alert] = ()
    seen: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An alert that is not over. undelivered: routes that do not have it yet."""

    id: int
    alert: Alert
    raised_at: datetime
    acked_at: datetime | None
    acked_by: str | None
    acked_why: str | None
    undelivered: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is due on one route."""

    id: int
    route: str
    alert: Alert
    raised_at: datetime
    ended: bool
    has_it: bool
    sent: int
    tries: int
    due: str

    @property
    def state(self) -> str:
        if not self.has_it:
            return "raised"
        return "resolved" if self.ended else "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    route: str
    since: datetime
    count: int
    why: str

    def __str__(self) -> str:
        since = f"{self.since:%Y-%m-%d %H:%M}Z"
        return f"route {self.route} has not got through since {since}; {self.count} waiting"
