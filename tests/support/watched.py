"""A secret that is fine, and a team that hears of it over a real server."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.config.routes import Alerts
from tests.support.receiver import Receiver, receiving, webhook
from tests.support.shell import APP, DAY, Shell

ALL = ("page", "warn", "info")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def watched(shell: Shell, receiver: Receiver, tmp_path: Path) -> Shell:
    """A secret that is fine, and a route that has heard of it."""
    shell.configuration.entry = APP._replace(max_age_s=400 * DAY, period_s=390 * DAY)
    route = webhook(receiver, tmp_path, severities=ALL)
    shell.configuration.alerts = Alerts(routes=(route,))
    shell.adopted().run("run")
    receiver.got.clear()
    return shell


def later(shell: Shell, **by: float) -> None:
    shell.world.advance(shell.world.now + timedelta(**by))


def events(receiver: Receiver) -> list[str]:
    return [event for event, _ in receiver.received]


def last(receiver: Receiver) -> dict[str, object]:
    data = receiver.got[-1]["data"]
    assert isinstance(data, dict)
    return data
