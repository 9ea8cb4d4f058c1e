"""`serve`: keep rotating by schedule until told to stop."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import click
import structlog

from rotation import observe, process
from rotation.calendar import gates
from rotation.cli.app import settings, verb
from rotation.cli.failures import CANCELLED, OK
from rotation.cli.session import SERVE, configuration_path
from rotation.clock import SystemClock
from rotation.config import Configuration, load
from rotation.due import due_now, frozen_by
from rotation.errors import JournalError, RotationError
from rotation.interfaces import Bound, Clock
from rotation.journal import Identity, Journal
from rotation.journal.liveness import RunnerLock, is_dead, new_runner_id, runners_of, sweep
from rotation.journal.sql import SqlJournal, open_journal
from rotation.plan import ROUTINE
from rotation.registry import Registry
from rotation.runner import Live, Runner
from rotation.scheduler import Opening, Policy, Scheduler
from rotation.types import Gates, Specification

log = structlog.get_logger("rotation")


class Served:
    """The configuration as it is now, and what the scheduler and the runner ask of it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._use(load(path))

    def _use(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._registry = Registry(configuration, self._clock)

    def reload(self) -> None:
        """A file that cannot be read, or that is another installation's, changes nothing."""
        before = self.configuration
        try:
            fresh = load(self._path)
        except RotationError as error:
            observe.tell("configuration.refused", error, kept=before.digest)
            return
        if (fresh.installation, fresh.journal) != (before.installation, before.journal):
            log.error("configuration.refused", code="config.other-journal", kept=before.digest)
            return
        self._use(fresh)
        log.info("configuration.loaded", digest=fresh.digest)

    def bind(self, spec: Specification) -> Bound:
        return self._registry.bind(spec)

    def specification(self, secret: str) -> Specification | None:
        entry = self.configuration.secret(secret)
        return None if entry is None else self.configuration.specification(entry)

    def gates(self, journal: Journal, secret: str, now: datetime) -> Gates:
        reason = frozen_by(journal)
        if reason is not None:
            return Gates(open=False, frozen=reason)
        entry = self.configuration.secret(secret)
        return gates(entry.schedule, self.configuration.freezes, now) if entry else Gates()

    def lane(self, identity: Identity) -> str:
        entry = self.configuration.secret(identity.secret)
        return "" if entry is None else entry.connection

    def due(self, journal: Journal, now: datetime) -> Iterator[Opening]:
        for entry in due_now(self.configuration, journal, now):
            spec = self.configuration.specification(entry)
            yield Opening(stream=entry.stream, plan=ROUTINE, spec=spec)


def _open(configuration: Configuration) -> SqlJournal:
    """Never made in passing: an empty journal beside marks in the world is a lost one."""
    if not configuration.journal.exists():
        raise JournalError(
            "journal.missing",
            f"there is no journal at {configuration.journal}; nothing was done",
            "`rotation init` makes a new one; `rotation journal restore` brings a lost one back",
        )
    return open_journal(configuration.journal, configuration.installation)


def _secret_of(journal: Journal, stream: str) -> str | None:
    row = journal.identity(stream)
    return None if row is None else row.secret


@verb(
    "serve",
    "serve -c /etc/rotation/rotation.yaml",
    "serve -c rotation.yaml --log-level debug",
)
@click.option(
    "--log-level", type=click.Choice(list(observe.LEVELS)), default="info", show_default=True,
    help="What is logged to stderr.",
)  # fmt: skip
def serve(*, log_level: str) -> int:
    """Keep rotating by schedule until told to stop.

    Takes people's requests at once, and the work of a runner that died. SIGHUP reads the
    configuration again; a broken one changes nothing. SIGTERM and SIGINT end it within 30 s: the
    call in flight is awaited, the rest goes on with the next runner. Exit 0 if nothing was cut
    short, 8 if a rotation was; it is resumable either way.
    """
    observe.configure(log_level)
    process.harden()
    path = configuration_path(settings(), effectful=True)
    served = Served(path, SystemClock())
    with ExitStack() as stack:
        signals = stack.enter_context(process.Signals())
        journal = stack.enter_context(_open(served.configuration))
        directory = runners_of(served.configuration.journal)
        lock = stack.enter_context(RunnerLock(directory, SERVE + new_runner_id()))
        runner = Runner(
            journal=journal,
            bind=served.bind,
            clock=SystemClock(),
            id=lock.runner_id,
            live=Live(gates=partial(served.gates, journal), specification=served.specification),
            follow=observe.observer(partial(_secret_of, journal)),
            dead=partial(is_dead, directory),
            stopping=lambda: signals.stopping,
        )
        log.info("serve.began", runner=runner.id, configuration=served.configuration.digest)
        scheduler = Scheduler(
            runner=runner,
            policy=Policy(
                due=partial(served.due, journal),
                lane=served.lane,
                width=lambda: served.configuration.concurrency,
            ),
            signals=signals,
            reload=served.reload,
            sweep=partial(sweep, directory),
        )
        left_nothing = scheduler.run()
        code = OK if left_nothing else CANCELLED
        log.info("serve.ended", exit=code)
        if scheduler.busy:
            # A call that outlives its own deadline must not keep the process: the journal has it.
            os._exit(code)
    return code
