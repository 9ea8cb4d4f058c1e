"""`serve`: keep rotating by schedule until told to stop."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from functools import partial

import click
import structlog

from rotation import observe, process
from rotation.by_itself import Gone, gone
from rotation.calendar import gates
from rotation.cli.app import verb
from rotation.cli.failures import CANCELLED, OK
from rotation.cli.session import SERVE, Session, open_session
from rotation.config import Configuration, Entry, load
from rotation.due import due_now, freeze_file, frozen_by, read_only, refuse_unknown, stop_if_behind
from rotation.errors import NeedsPerson, PolicyRefusal, RotationError
from rotation.interfaces import Bound, Clock
from rotation.journal import Identity, Journal
from rotation.journal.liveness import RunnerLock, is_dead, new_runner_id, runners_of, sweep
from rotation.opening import refuse_doubtful
from rotation.plan import ROUTINE
from rotation.registry import Registry
from rotation.runner import Live, Runner
from rotation.scheduler import Opening, Policy, Scheduler
from rotation.sharing import Sharing
from rotation.types import Gates, Specification

log = structlog.get_logger("rotation")


class Served:
    """The configuration as it is now, and what the scheduler and the runner ask of it."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._clock = clock
        self._stopped: str | None = None
        self._unknown: str | None = None
        self._exits = ExitStack()
        self._use(configuration)

    def _use(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._registry = Registry(configuration, self._clock)
        self._exits.callback(self._registry.close)

    def close(self) -> None:
        """Gives the connections back, those of earlier configurations too: until now somebody may
        have been at work with them."""
        self._exits.close()

    def reload(self) -> None:
        """A file that cannot be read, whatever the reason, or that is another installation's, changes
        nothing: what is open goes on."""
        before = self.configuration
        try:
            fresh = load(before.path)
        except RotationError as error:
            observe.tell("configuration.refused", error, kept=before.digest)
            return
        except Exception as error:  # noqa: BLE001 -- a fault of ours in reading ends no rotation
            # Without a traceback, which would quote the file.
            log.error("configuration.refused", code=type(error).__name__, kept=before.digest)  # noqa: TRY400
            return
        if _journal_of(fresh) != _journal_of(before):
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
        reason = frozen_by(journal, freeze_file(self.configuration))
        if reason is not None:
            return Gates(open=False, frozen=reason)
        entry = self.configuration.secret(secret)
        return gates(entry.schedule, self.configuration.freezes, now) if entry else Gates()

    def lane(self, identity: Identity) -> str:
        entry = self.configuration.secret(identity.secret)
        return "" if entry is None else entry.connection

    def due(self, journal: Journal, runner: str, now: datetime) -> Iterator[Opening]:
        stop_if_behind(self.configuration, journal, runner, now)
        self._tell_unknown(journal, now)
        for entry in self._due(journal, now):
            spec = self.configuration.specification(entry)
            yield Opening(stream=entry.stream, plan=ROUTINE, spec=spec)

    def gone(self, journal: Journal, stopping: Callable[[], bool], now: datetime) -> Iterator[Gone]:
        def bind(spec: Specification) -> Bound:
            return process.until_stopped(self.bind(spec), stopping)

        def failed(entry: Entry, error: RotationError) -> None:
            observe.tell("rotation.not-looked-at", error, secret=entry.id)

        with suppress(process.Stopped):
            yield from gone(self.configuration, journal, bind, now, failed)

    def _tell_unknown(self, journal: Journal, now: datetime) -> None:
        """Once, as long as they are the same."""
        try:
            refuse_unknown(self.configuration, journal, (), now)
        except NeedsPerson as unknown:
            if unknown.message != self._unknown:
                observe.tell("serve.unknown-secrets", unknown)
            self._unknown = unknown.message
        else:
            self._unknown = None

    def _due(self, journal: Journal, now: datetime) -> list[Entry]:
        """Nothing while everything is stopped; why is told once."""
        try:
            refuse_doubtful(journal)
            found = due_now(self.configuration, journal, now)
        except PolicyRefusal as stop:
            if stop.message != self._stopped:
                observe.tell("serve.stopped", stop)
            self._stopped = stop.message
            return []
        self._stopped = None
        return found


def _journal_of(configuration: Configuration) -> tuple[object, ...]:
    return configuration.installation, configuration.journal, configuration.seal_key


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

    Takes requests at once, and takes over from a runner that died. SIGHUP reads the configuration
    again; a broken one changes nothing. SIGTERM and SIGINT end it within 30 s: it waits for the
    call in flight, and the next runner goes on. Exit 0 if nothing was cut short, 8 if a rotation
    was; it is resumable either way.
    """
    observe.configure(log_level)
    with (
        open_session(effectful=True) as session,
        process.Signals() as signals,
        closing(Served(session.configuration, session.clock)) as served,
    ):
        directory = runners_of(session.configuration.journal)
        with RunnerLock(directory, SERVE + new_runner_id()) as lock:
            runner = _runner(served, session, lock, signals)
            scheduler = Scheduler(
                runner=runner,
                policy=_policy(served, session.journal, runner),
                signals=signals,
                reload=served.reload,
                sweep=partial(sweep, directory),
            )
            log.info("serve.began", runner=runner.id, configuration=served.configuration.digest)
            left_nothing = scheduler.run()
            code = OK if left_nothing else CANCELLED
            log.info("serve.ended", exit=code)
            if scheduler.busy:
                # A call that outlives its deadline must not keep the process: the journal has it.
                os._exit(code)
    return code


def _runner(served: Served, session: Session, lock: RunnerLock, signals: process.Signals) -> Runner:
    journal, directory = session.journal, runners_of(session.configuration.journal)

    def stopping() -> bool:
        return signals.stopping

    return Runner(
        journal=journal,
        bind=lambda spec: process.until_stopped(served.bind(spec), stopping),
        clock=session.clock,
        id=lock.runner_id,
        live=Live(
            gates=partial(served.gates, journal),
            specification=served.specification,
            read_only=partial(read_only, journal),
            others=Sharing(lambda: served.configuration, journal),
        ),
        follow=observe.observer(partial(_secret_of, journal), journal.entries),
        dead=partial(is_dead, directory),
        stopping=stopping,
    )


def _policy(served: Served, journal: Journal, runner: Runner) -> Policy:
    return Policy(
        due=partial(served.due, journal, runner.id),
        gone=partial(served.gone, journal, runner.stopping),
        lane=served.lane,
        width=lambda: served.configuration.concurrency,
    )
