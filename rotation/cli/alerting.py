"""Sends alerts beside the work: whatever goes wrong with that, rotations go on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from rotation.cli.output import next_step, note, plain
from rotation.errors import RotationError
from rotation.runtime.logs import log_error

if TYPE_CHECKING:
    from rotation.cli.session import Session

EVERY_SECONDS = 15.0
END_SECONDS = 2.0

log = structlog.get_logger("rotation")


@contextmanager
def alerts_after(session: "Session") -> Iterator[None]:
    """Sends once, after the work, even where it ended with an error."""
    try:
        yield
    except RotationError:
        _send_once(session)
        raise
    _send_once(session)


def _send_once(session: "Session") -> None:
    """A live `serve` does it by itself; without a configuration nobody knows the routes."""
    if "configuration" not in vars(session) or not session.configuration.alerts.routes:
        return
    if session.live_runner() is not None:
        return
    from rotation.operations.alerts import Alerts  # noqa: PLC0415 -- only where there are routes

    try:
        with Alerts(here=session) as alerts:
            for _, error in alerts.update():
                note(plain(f"alerts: {error.message}; {next_step(error)}"))
    except RotationError as error:
        note(plain(f"alerts: {error.message}; {next_step(error)}"))
    except Exception as error:  # noqa: BLE001 -- a bug in the alerts must not change the outcome
        note(f"alerts: a bug of this program stopped them ({type(error).__name__}); report it")


@contextmanager
def alerting(session: "Session") -> Iterator[None]:
    """Again and again, in a thread of its own that nothing waits for."""
    ends = threading.Event()
    thread = threading.Thread(target=_repeat, args=(session, ends), daemon=True, name="alerts")
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(END_SECONDS)


def _repeat(session: "Session", ends: threading.Event) -> None:
    while True:
        try:
            _send_and_log(session)
        except RotationError as error:
            log_error("alerts.failed", error)
        except Exception:  # a bug in the alerts ends no rotation
            if not ends.is_set():
                log.exception("alerts.broke")
        if ends.wait(EVERY_SECONDS):
            return


def _send_and_log(session: "Session") -> None:
    if not session.configuration.alerts.routes:
        return
    from rotation.operations.alerts import Alerts  # noqa: PLC0415 -- only where there are routes

    with Alerts(here=session) as alerts:
        for route, error in alerts.update():
            log_error("alerts.failed", error, route=route.id)
