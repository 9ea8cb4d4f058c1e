"""A route that is a program of the team: the message is its input, exit 0 a receipt."""

from pathlib import Path

from rotation.config.routes import Route
from rotation.errors import Denied, Refused, Transient
from rotation.runtime import child
from rotation.runtime.ownership import flaws


def start(route: Route, body: str, id_: str, directory: Path | None) -> str:
    """What it ended with. It sees nothing but the message."""
    name, *arguments = route.argv
    path = _checked(route, (directory or Path("/")) / name)
    given = {"ROTATION_ACTION": "alert", "ROTATION_ALERT": id_}
    try:
        code = child.run(path, arguments, given, body.encode(), route.timeout_s)
    except child.TimedOut:
        raise Transient(
            "alerts.timed-out",
            f"the command of route {route.id} did not end in {route.timeout_s} s and was ended",
            "make it faster, or raise the route's `timeout:`",
        ) from None
    except OSError as error:
        raise _cannot(route, error) from None
    if code:
        raise Refused(
            "alerts.not-accepted",
            f"the command of route {route.id} ended with {code}, which is no receipt",
            "run it by hand as the runner's user and see what it says",
        )
    return "it ended with 0"


def _checked(route: Route, path: Path) -> Path:
    """Its path, where nobody else can have put or changed it."""
    try:
        for flaw in flaws(path):
            raise Denied("alerts.open-command", f"{flaw}; nothing was run", flaw.remedy)
    except OSError as error:
        raise _cannot(route, error) from None
    return path


def _cannot(route: Route, error: OSError) -> Denied:
    return Denied(
        "alerts.no-command",
        f"the command of route {route.id} cannot be started: {error.strerror}",
        "it must be an executable file in the directory that `commands:` names",
    )
