"""What an installation begins by itself: secrets that are due, and those that their issuer reports
as dead."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import structlog

from rotation.errors import NeedsPerson, PolicyRefusal, RotationError
from rotation.execution.opening import refuse_doubtful
from rotation.interfaces import Adapters
from rotation.journal.entries import Identity
from rotation.operations.installation import Installation
from rotation.operations.pauses import lift_ended
from rotation.operations.watch import DriftWatch
from rotation.plan import ROUTINE
from rotation.plugins.guard import Guard, Stopped
from rotation.schedule.admission import due_now, refusals_of_unmerged, refuse_unknown
from rotation.schedule.auto_replace import Gone, gone
from rotation.schedule.brakes import stop_if_behind
from rotation.schedule.breaker import trip
from rotation.schedule.scheduler import COMPARE, Opening, Waking
from rotation.types import Specification

log = structlog.get_logger("rotation")

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


class LogError(Protocol):
    """Logs what kept a rotation from being opened, under the name of an event."""

    def __call__(self, event: str, error: RotationError, **facts: str) -> None: ...


@dataclass(kw_only=True)
class BySchedule:
    """Follows the present configuration. An obstacle is reported once, as long as it stays the
    same."""

    installation: Installation
    log_error: LogError
    _stopped: str | None = field(default=None, init=False)
    _unknown: str | None = field(default=None, init=False)
    _unmerged: set[str] = field(default_factory=set, init=False)

    def policy(self) -> Waking:
        return Waking(
            due=self.due,
            gone=self.gone,
            compare=DriftWatch(here=self.installation, log=self.log_error, pace=COMPARE).tick,
            lane=self.lane,
            width=lambda: self.installation.configuration.concurrency,
        )

    def lane(self, identity: Identity) -> str:
        entry = self.installation.configuration.secret(identity.secret)
        return "" if entry is None else entry.connection

    def due(self, now: datetime) -> Iterator[Opening]:
        here = self.installation
        stop_if_behind(here.configuration, here.journal, here.runner.id, now)
        for opened in trip(here.configuration, here.journal, here.runner.id, now):
            self.log_error("breaker.opened", opened.refusal)
        for name in lift_ended(here, now):
            log.info("pause.ended", secret=name)
        self._log_unknown(now)
        found = self._due(now)
        unmerged = refusals_of_unmerged(here.configuration, here.journal) if found else {}
        for entry in found:
            if (refusal := unmerged.get(entry.stream)) is not None:
                self._say_unmerged(entry, refusal)
                continue
            spec = here.configuration.specification(entry)
            yield Opening(stream=entry.stream, plan=ROUTINE, spec=spec)

    def gone(self, now: datetime) -> Iterator[Gone]:
        here = self.installation

        def failed(entry: "ConfiguredSecret", error: RotationError) -> None:
            self.log_error("rotation.not-looked-at", error, secret=entry.id)

        with suppress(Stopped):
            yield from gone(here.configuration, here.journal, self._bind, now, failed)

    def _bind(self, spec: Specification) -> Adapters:
        return Guard(stopping=self.installation.stop).wrap(self.installation.bind(spec))

    def _log_unknown(self, now: datetime) -> None:
        try:
            refuse_unknown(self.installation.configuration, self.installation.journal, (), now)
        except NeedsPerson as unknown:
            if unknown.message != self._unknown:
                self.log_error("serve.unknown-secrets", unknown)
            self._unknown = unknown.message
        else:
            self._unknown = None

    def _say_unmerged(self, entry: "ConfiguredSecret", refusal: NeedsPerson) -> None:
        if refusal.message not in self._unmerged:
            self.log_error("serve.unmerged", refusal, secret=entry.id)
        self._unmerged.add(refusal.message)

    def _due(self, now: datetime) -> list["ConfiguredSecret"]:
        """The secrets to open; none while everything is stopped."""
        try:
            refuse_doubtful(self.installation.journal)
            found = due_now(self.installation.configuration, self.installation.journal, now)
        except PolicyRefusal as stop:
            if stop.message != self._stopped:
                self.log_error("serve.stopped", stop)
            self._stopped = stop.message
            return []
        self._stopped = None
        return found
