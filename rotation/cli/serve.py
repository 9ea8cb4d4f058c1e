"""`serve`: keep rotating by schedule until told to stop."""

import os
from collections.abc import Sequence
from functools import partial

import click
import structlog

from rotation.cli.alerting import alerting
from rotation.cli.app import verb
from rotation.cli.failures import CANCELLED, OK
from rotation.cli.session import Session, open_session
from rotation.cli.watching import Watching, watching
from rotation.config import Level
from rotation.errors import RotationError
from rotation.journal import Journal
from rotation.journal.entries import Entry
from rotation.journal.liveness import runners_of, sweep
from rotation.operations.by_schedule import BySchedule
from rotation.operations.configured import unattended
from rotation.operations.installation import SERVE, Installation
from rotation.report.events import observer
from rotation.runtime import logs
from rotation.schedule.scheduler import Scheduler

log = structlog.get_logger("rotation")


@verb(
    "serve",
    "serve -c /etc/rotation/rotation.yaml",
    "serve -c rotation.yaml --log-level debug",
)
@click.option(
    "--log-level", type=click.Choice(list(logs.LEVELS)), default="info", show_default=True,
    help="What is logged to stderr.",
)  # fmt: skip
def serve(*, log_level: str) -> int:
    """Keep rotating by schedule until told to stop.

    Takes requests at once, and takes over from a runner that died. SIGHUP reads the configuration
    again; a broken one changes nothing. SIGTERM and SIGINT end it within 30 s: it waits for the
    call in flight, and the next runner goes on. Exit 0 if nothing was cut short, 8 if a rotation
    was; it is resumable either way.
    """
    logs.configure(log_level)
    with open_session(effectful=True) as session:
        session.runs_as, session.log_level = SERVE, log_level
        watch = Watching(session=session)
        scheduler = _scheduler(session, watch)
        digest = session.configuration.digest
        log.info("serve.began", runner=scheduler.runner.id, configuration=digest)
        _say_unattended(session)
        with alerting(session), watching(watch):
            left_nothing = scheduler.run()
        code = OK if left_nothing else CANCELLED
        log.info("serve.ended", exit=code)
        if scheduler.busy:
            # A call that outlives its deadline must not keep the process; the journal has the
            # state.
            os._exit(code)
    return code


def _say_unattended(session: Session) -> None:
    for found in unattended(session):
        if found.level is Level.ERROR:
            log.warning("serve.unattended", code=found.code, message=found.message, hint=found.hint)


def _scheduler(session: Session, watch: Watching) -> Scheduler:
    signals, journal = session.stop_on_signals(reloads=True), session.journal
    session.meter, logged = watch.meter, observer(partial(_secret_of, journal), journal.entries)

    def follow(entries: Sequence[Entry]) -> None:
        logged(entries)
        watch.follow(entries)

    session.runner.follow = follow
    return Scheduler(
        runner=session.runner,
        policy=BySchedule(installation=session, log_error=logs.log_error).policy(),
        signals=signals,
        reload=partial(reload, session),
        sweep=partial(sweep, runners_of(session.configuration.journal)),
        turned=watch.turned,
    )


def reload(installation: Installation) -> None:
    """Reads the configuration again. One that cannot be read for any reason, or is another
    installation's, changes nothing, and open rotations go on."""
    kept = installation.configuration.digest
    try:
        taken = installation.reload()
    except RotationError as error:
        installation.refused = error.code
        logs.log_error("configuration.refused", error, kept=kept)
    except Exception as error:  # noqa: BLE001 -- our own fault while reading must end no rotation
        installation.refused = type(error).__name__
        # Without a traceback, which would quote the file.
        log.error("configuration.refused", code=type(error).__name__, kept=kept)  # noqa: TRY400
    else:
        installation.refused = None if taken else "config.other-journal"
        if taken:
            log.info("configuration.loaded", digest=installation.configuration.digest)
        else:
            log.error("configuration.refused", code=installation.refused, kept=kept)


def _secret_of(journal: Journal, stream: str) -> str | None:
    row = journal.identity(stream)
    return None if row is None else row.secret
