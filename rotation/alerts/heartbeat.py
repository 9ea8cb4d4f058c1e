"""Tells a service that watches for silence that all is well."""

from rotation.alerts.address import send, url_of
from rotation.config.watching import Heartbeat
from rotation.types import SecretValue

WHOSE = "the service of the heartbeat"
TIMEOUT_S = 10


def address(heartbeat: Heartbeat) -> SecretValue:
    """Raises RotationError where it cannot be used."""
    return url_of(WHOSE, heartbeat.url)


def beat(heartbeat: Heartbeat) -> None:
    """Raises RotationError unless it was received; the address is in no text."""
    send(
        WHOSE,
        "GET",
        address(heartbeat),
        {"User-Agent": "rotation"},
        min(TIMEOUT_S, heartbeat.every_s),
    )
