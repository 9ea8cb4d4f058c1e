"""Sends alerts beside the work: whatever goes wrong with that, rotations go on."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from rotation.cli.output import next_step, note, plain
from rotation.errors import RotationError
from rotation.runtime.logs import log_error

if TYPE_CHECKING:
    from rotation.cli.session import Session
    from rotation.config.routes import Route
    from rotation.operations.alerts import Alerts
    from rotation.operations.silence import Unstored

EVERY_SECONDS = 15.0
END_SECONDS = 2.0
BESIDE_SECONDS = 1.0
AT_ONCE_SECONDS = 30.0
"""How long slow routes are waited for: by `serve`, which comes back, and by `run`, which ends."""

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
    from rotation.alerts.outbox import OutboxError  # noqa: PLC0415 -- only where there are routes
    from rotation.operations.alerts import Alerts  # noqa: PLC0415
    from rotation.operations.silence import Unstored  # noqa: PLC0415

    try:
        with Alerts(here=session) as alerts:
            for _, error in alerts.update(AT_ONCE_SECONDS):
                _note(error)
    except OutboxError as error:
        _note(error)
        for _, further in Unstored(here=session).say(error):
            _note(further)
    except RotationError as error:
        _note(error)
    except Exception as error:  # noqa: BLE001 -- a bug in the alerts must not change the outcome
        note(f"alerts: a bug of this program stopped them ({type(error).__name__}); report it")


def _note(error: RotationError) -> None:
    note(plain(f"alerts: {error.message}; {next_step(error)}"))


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
    repeated = _Repeated(session)
    with closing(repeated):
        while True:
            try:
                repeated.once()
            except RotationError as error:
                log_error("alerts.failed", error)
            except Exception:  # a bug in the alerts ends no rotation
                if not ends.is_set():
                    log.exception("alerts.broke")
            if ends.wait(EVERY_SECONDS):
                return


@dataclass
class _Repeated:
    """The outbox stays open while routes are slow; one that failed is opened again."""

    session: "Session"
    alerts: "Alerts | None" = None
    unstored: "Unstored | None" = None

    def once(self) -> None:
        if not self.session.configuration.alerts.routes:
            return
        from rotation.alerts.outbox import OutboxError  # noqa: PLC0415 -- only where there are routes
        from rotation.operations.silence import Unstored  # noqa: PLC0415

        self.unstored = self.unstored or Unstored(here=self.session)
        try:
            _log(self._update())
            _log(self.unstored.is_over())
        except RotationError as error:
            self.close()
            if isinstance(error, OutboxError):
                _log(self.unstored.say(error))
            raise

    def _update(self) -> Iterator[tuple["Route", RotationError]]:
        from rotation.operations.alerts import Alerts  # noqa: PLC0415 -- only where there are routes

        if self.alerts is None:
            self.alerts = Alerts(here=self.session)
        yield from self.alerts.update(BESIDE_SECONDS)

    def close(self) -> None:
        if self.alerts is not None:
            self.alerts.outbox.close()
        self.alerts = None


def _log(failed: Iterator[tuple["Route", RotationError]]) -> None:
    for route, error in failed:
        log_error("alerts.failed", error, route=route.id)
