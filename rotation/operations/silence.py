"""Why alerts may not arrive, and what the routes hear of that where nothing can be stored."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec

from rotation.alerts.alert import of_installation, wanted_by
from rotation.alerts.delivery import Sender
from rotation.alerts.outbox import Outbox, file_of
from rotation.config import Finding, Level
from rotation.config.routes import Route
from rotation.errors import RotationError, Transient
from rotation.operations.installation import Installation

LATE = timedelta(minutes=3)
"""A live runner looks every 15 seconds."""
UNSTORED_EVERY = timedelta(hours=1)


def trouble(here: Installation, now: datetime) -> list[RotationError]:
    """Why alerts may not arrive; nothing where they work, and where there is no route. What tells
    others that this installation is well, such as a heartbeat, asks here."""
    names = {route.id for route in here.configuration.alerts.routes}
    if not names:
        return []
    lives, path = here.live_runner() is not None, file_of(here.configuration.journal)
    if not path.exists():
        return [_not_looked(None)] if lives else []
    try:
        with closing(Outbox(path)) as outbox:
            looked_at, failing = outbox.looked_at(), outbox.failing()
    except RotationError as error:
        return [error]
    found: list[RotationError] = [
        Transient("alerts.undelivered", str(each), f"`rotation alerts test {each.route}`")
        for each in failing
        if each.route in names
    ]
    if lives and (looked_at is None or now - looked_at > LATE):
        found.append(_not_looked(looked_at))
    return found


def mute(here: Installation, now: datetime) -> RotationError | None:
    """Why no team would be woken. One route of several that is down is no such thing."""
    found = trouble(here, now)
    for error in found:
        if error.code != "alerts.undelivered":
            return error
    waking = sum("page" in route.severities for route in here.configuration.alerts.routes)
    return found[0] if found and len(found) >= waking else None


def missing_extras(here: Installation) -> Iterator[Finding]:
    """Routes that need a package that is not installed. Nothing else waits for it."""
    routes = here.configuration.alerts.routes
    if any(route.type == "apprise" for route in routes) and find_spec("apprise") is None:
        yield Finding(
            file=str(here.configuration_path), line=1, path="alerts.routes", code="config.extra-missing",
            message="a route of type apprise needs the package apprise, which is not installed",
            hint="install rotation[apprise]", level=Level.WARNING,
        )  # fmt: skip


def _not_looked(at: datetime | None) -> RotationError:
    since = "yet" if at is None else f"since {at:%Y-%m-%d %H:%M}Z"
    return Transient(
        "alerts.not-looked",
        f"the live runner has not looked for alerts {since}",
        "look at its log for `alerts.failed`, and at the disk",
    )


@dataclass(kw_only=True)
class Unstored:
    """Without its file nobody knows what was sent, so only that is said: once an hour, and once when
    it is over."""

    here: Installation
    _said: datetime | None = field(default=None, init=False)

    def say(self, why: RotationError) -> Iterator[tuple[Route, RotationError]]:
        """Yields each try that failed."""
        now = self.here.clock.now()
        if self._said is None or not timedelta() <= now - self._said < UNSTORED_EVERY:
            self._said = now
            yield from self._send("raised", why.message, now)

    def is_over(self) -> Iterator[tuple[Route, RotationError]]:
        if self._said is not None:
            self._said = None
            yield from self._send("resolved", None, self.here.clock.now())

    def _send(
        self, state: str, why: str | None, now: datetime
    ) -> Iterator[tuple[Route, RotationError]]:
        configuration = self.here.configuration
        alert = of_installation(
            "outbox", "", since=now, why=why, next="rotation doctor", page="docs/alerts.md#outbox"
        )
        send = Sender(installation=configuration.installation, commands=configuration.commands)
        routes = configuration.alerts.routes
        wanted = wanted_by(alert, routes)
        for route in routes:
            if route.id in wanted:
                try:
                    # By the hour, so that many short runs are one message to who compares ids.
                    send.transmit(route, alert, state, f"outbox.{now:%Y%m%dT%H}.{state}", now)
                except RotationError as error:
                    yield route, error
