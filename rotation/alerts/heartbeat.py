"""Tells a service that watches for silence that all is well."""

from rotation.alerts.address import send, url_of
from rotation.config.watching import Heartbeat

WHOSE = "the service of the heartbeat"
TIMEOUT_S = 10


def beat(heartbeat: Heartbeat) -> None:
    """Raises RotationError unless it was received; the address is in no text."""
    url = url_of(WHOSE, heartbeat.url)
    send(WHOSE, "GET", url, {"User-Agent": "rotation"}, min(TIMEOUT_S, heartbeat.every_s))
