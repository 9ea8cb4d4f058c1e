"""A route that is one of apprise's services: Slack, Teams, PagerDuty, mail and a hundred others."""

import json
import sys
from pathlib import Path

from rotation.alerts.address import word
from rotation.alerts.alert import Alert
from rotation.alerts.apprise_child import MISSING, NO_URL, OPEN
from rotation.config.routes import Route
from rotation.errors import Denied, Refused, Transient
from rotation.runtime import child

TYPES = {"page": "failure", "warn": "warning", "info": "info"}


def notify(route: Route, alert: Alert, state: str, host: str) -> str:
    """What it said."""
    whose = f"route {route.id}"
    url = word(whose, route.url or "")
    given = {
        "url": url.reveal(),
        "title": alert.title(state),
        "body": alert.text(state, host),
        "type": "success" if state == "resolved" else TYPES[alert.severity],
        "seconds": route.timeout_s,
    }
    arguments = ["-I", "-m", "rotation.alerts.apprise_child"]
    try:
        code = child.run(
            Path(sys.executable), arguments, {}, json.dumps(given).encode(), route.timeout_s
        )
    except child.TimedOut:
        raise Transient(
            "alerts.timed-out",
            f"the service of {whose} did not answer in {route.timeout_s} s",
            "look at the service and the way to it, or raise the route's `timeout:`",
        ) from None
    if code:
        raise _refused(whose, code)
    return "apprise has handed it over"


def _refused(whose: str, code: int) -> Denied | Refused:
    if code == MISSING:
        return Denied(
            "alerts.no-apprise",
            f"{whose} needs the package apprise, which is not installed",
            "install rotation[apprise]",
        )
    if code == NO_URL:
        return Denied(
            "alerts.bad-url",
            f"apprise does not understand the address of {whose}",
            "https://appriseit.com says how each service is written; one line in the file",
        )
    if code == OPEN:
        return Denied(
            "alerts.bad-url",
            f"the address of {whose} is not encrypted, or its certificate would not be verified",
            "write the secure form (jsons://, mailtos://), without `verify=no`",
        )
    return Refused(
        "alerts.not-accepted",
        f"the service of {whose} did not take the message",
        "`rotation alerts test` tries it; look whether the address is still valid there",
    )
