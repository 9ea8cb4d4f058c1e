"""One installation: the only place that puts its configuration, journal, plugins and runner
together.

Each is opened when it is first used.
"""

import difflib
import os
import pwd
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rotation.errors import JournalError, RotationError, UnknownName
from rotation.journal import Journal
from rotation.journal.entries import Identity
from rotation.runtime.clock import SystemClock
from rotation.types import Gates, Specification, Traits

if TYPE_CHECKING:
    from rotation.config import Configuration, ConfiguredSecret
    from rotation.execution.runner import Runner
    from rotation.interfaces import Adapters, Clock, Issuer, Store
    from rotation.journal.seal import Seals
    from rotation.journal.sql import SqlJournal
    from rotation.machine.replay import Rotation
    from rotation.operations.sharing import Sharing
    from rotation.plugins.registry import Declared, Registry
    from rotation.runtime.process import Signals

# The prefix of the runner's id of a live `serve`, which takes operators' requests at once.
SERVE = "serve-"

# How often the journal is read for what another process writes.
POLL = timedelta(milliseconds=300)


def who() -> str:
    """The operating system's user of this process, whatever the environment says."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


@dataclass(kw_only=True)
class Installation:
    """What the operations of one process work on."""

    configuration_path: Path
    #: Whether the world or the journal may be changed; otherwise the journal is only read.
    effectful: bool
    #: Connection -> the one whose login is used in its place.
    logins: Mapping[str, str] = field(default_factory=dict)
    clock: "Clock" = field(default_factory=SystemClock)
    #: Who asks.
    who: str = field(default_factory=who)
    #: How the runner's id begins.
    runs_as: str = ""
    #: How long another process may hold the journal; None: as long as any writer may.
    patience_s: float | None = None
    signals: "Signals | None" = None
    #: Sees the calls of a rotation's adapters.
    meter: "Callable[[Adapters, Specification], Adapters]" = lambda bound, spec: bound
    #: Why the latest change of the configuration file was refused, by its code.
    refused: str | None = None
    _exits: ExitStack = field(default_factory=ExitStack)
    _building: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def configuration(self) -> "Configuration":
        from rotation.config import load  # noqa: PLC0415 -- only who reads it pays for it

        return load(self.configuration_path)

    def reload(self) -> bool:
        """Reads the configuration file again; open rotations go on. Returns whether it is still
        this installation's configuration; another one changes nothing."""
        from rotation.config import load  # noqa: PLC0415

        before, fresh = self.configuration, load(self.configuration.path)
        if _journal_of(fresh) != _journal_of(before):
            return False
        if "registry" in self.__dict__:
            # Other threads may use its connections until the end.
            self._exits.callback(self.registry.close)
            self.registry = self._plugins_of(fresh)
        self.configuration = fresh
        return True

    @cached_property
    def unbound(self) -> "Configuration":
        """The configuration without a stack's bindings: the next stack is made from it."""
        from rotation.config import load  # noqa: PLC0415

        return load(self.configuration_path, bindings=False)

    @cached_property
    def journal(self) -> Journal:
        from rotation.journal.sql import open_journal  # noqa: PLC0415

        path, installation = self.journal_file(), self.configuration.installation
        seals = self.seals if self.effectful else None  # a reader needs no key
        journal = open_journal(
            path, installation,
            read_only=not self.effectful, patience_s=self.patience_s, seals=seals,
        )  # fmt: skip
        if self.effectful:
            self._repair(journal)
        return journal

    def _repair(self, journal: "SqlJournal") -> None:
        """Derives wrong rows again from their entries. A journal that cannot be repaired here must
        not stop an emergency."""
        from rotation.journal.upkeep import repair_at_start  # noqa: PLC0415

        with suppress(JournalError):
            for stream in repair_at_start(journal):
                self.repaired(stream)

    def repaired(self, stream: str) -> None:
        """Called where the stream's row did not follow from its entries and was derived again."""

    @cached_property
    def seals(self) -> "Seals | None":
        """The journal's seals, where the configuration names a key."""
        key, journal = self.configuration.seal_key, self.configuration.journal
        if key is None:
            return None
        from rotation.journal.seal import Seals, read_key  # noqa: PLC0415 -- only where one is

        return Seals(self.configuration.installation, read_key(key, journal))

    @cached_property
    def records(self) -> Journal:
        """The journal for commands that only read."""
        if self.effectful:
            return self.journal
        from rotation.journal.sql import journal_for_looks  # noqa: PLC0415

        return journal_for_looks(self.journal_file(), self.configuration.installation)

    def journal_file(self) -> Path:
        path = self.configuration.journal
        if not path.exists():
            # Never created on the way: an empty journal beside marks in the world means a lost one.
            raise JournalError(
                "journal.missing",
                f"there is no journal at {path}; nothing was done",
                "`rotation journal restore FILE` brings a lost one back; `rotation init` is for a first one",
            )
        return path

    @cached_property
    def runner(self) -> "Runner":
        """The runner. Other runners of this host see it as alive until the process ends."""
        from rotation.execution.runner import Runner  # noqa: PLC0415
        from rotation.journal.liveness import (  # noqa: PLC0415
            RunnerLock,
            is_dead,
            new_runner_id,
            runners_of,
        )
        from rotation.journal.sqlite import translated  # noqa: PLC0415
        from rotation.operations.live import live_of  # noqa: PLC0415

        journal, directory = self.journal, runners_of(self.configuration.journal)
        with translated():  # its file lies on the journal's disk
            self._lock = RunnerLock(directory, self.runs_as + new_runner_id())
        return Runner(
            journal=journal,
            bind=self.bind,
            clock=self.clock,
            id=self._lock.runner_id,
            live=live_of(self),
            dead=lambda runner: is_dead(directory, runner),
            stopping=self.stop,
        )

    def others(self) -> "Sharing":
        from rotation.operations.sharing import Sharing  # noqa: PLC0415

        return Sharing(lambda: self.configuration, self.records)

    @cached_property
    def registry(self) -> "Registry":
        return self._plugins_of(self.configuration)

    def _plugins_of(self, configuration: "Configuration") -> "Registry":
        from rotation.plugins.registry import LoggedInAs, Registry  # noqa: PLC0415

        return Registry(LoggedInAs(configuration, self.logins), self.clock)

    def bind(self, spec: Specification) -> "Adapters":
        with self._building:  # many threads advance rotations
            registry = self.registry
        return self.meter(registry.bind(spec), spec)

    def issuer(self, spec: Specification) -> "Issuer":
        return self.registry.issuer(spec)

    def store(self, spec: Specification) -> "Store":
        return self.registry.store(spec)

    def traits(self, spec: Specification) -> Traits:
        """The issuer's traits; its adapter and SDK are not loaded."""
        return self.registry.traits(spec)

    def by_hand(self, spec: Specification, handle: str) -> str | None:
        """The service's own command that ends the instance; without the connection's part where the
        configuration cannot be read."""
        from rotation.plugins.commands import by_hand  # noqa: PLC0415

        return by_hand(spec, handle, self._connections())

    def audit_command(self, spec: Specification, handle: str) -> str | None:
        """The service's own command that shows what the instance was used for."""
        from rotation.plugins.commands import audit_command  # noqa: PLC0415

        return audit_command(spec, handle, self._connections())

    def _connections(self) -> "Declared":
        try:
            return self.configuration.connections
        except RotationError:
            return {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes what was opened. A runner that ends properly leaves no lock behind."""
        if "runner" in self.__dict__:
            self._lock.close()
        if "registry" in self.__dict__:
            self.registry.close()
        for opened in ("journal", "records"):
            if hasattr(self.__dict__.get(opened), "close"):
                self.__dict__[opened].close()
        self._exits.close()

    # ---------------------------------------------------------------------------- secrets

    def entry(self, name: str) -> "ConfiguredSecret":
        found = self._configured(name)
        if found is None:
            raise self.unknown(name)
        return found

    def _configured(self, name: str) -> "ConfiguredSecret | None":
        found = self.configuration.secret(name)
        if found is not None and name != found.id:
            self.renamed(name, found.id)
        return found

    def renamed(self, former: str, name: str) -> None:
        """Called where somebody used a former name."""

    def called(self, name: str) -> str:
        """The id of a configured secret; the name itself where only the journal knows it."""
        found = self.configuration.secret(name)
        return name if found is None else found.id

    def stream_of(self, name: str) -> str:
        """The stream of a configured secret, or of one that only the journal still knows."""
        found = self._configured(name)
        if found is not None:
            return found.stream
        for identity in self.records.identities():
            if identity.secret == name:
                return identity.stream
        raise self.unknown(name)

    def orphans_of(self, name: str) -> list[Identity]:
        """Streams of that name that only the journal still knows, alive or open."""
        if self.configuration.secret(name) is not None:
            return []
        return [row for row in self.records.identities() if row.secret == name and row.is_alive]

    def streams_of(self, name: str) -> list[str]:
        """The secret's own stream first, then those that were begun while its name stood for
        another credential."""
        own, called = self.stream_of(name), self.called(name)
        found = {
            row.stream for row in self.records.identities() if self.called(row.secret) == called
        }
        if found - {own}:
            found -= {entry.stream for entry in self.configuration.secrets()}
        return [own, *sorted(found - {own})]

    def open_streams_of(self, name: str) -> list[str]:
        open_ = {row.stream for row in self.records.identities() if row.plan is not None}
        return [stream for stream in self.streams_of(name) if stream in open_]

    def unknown(self, name: str) -> UnknownName:
        known = [entry.id for entry in self.configuration.secrets()]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`rotation status --all` lists them"
        return UnknownName("cli.unknown-secret", f"there is no secret {name}", hint)

    def specification(self, name: str) -> Specification:
        return self.configuration.specification(self.entry(name))

    def live_specification(self, name: str) -> Specification | None:
        found = self.configuration.secret(name)
        return None if found is None else self.configuration.specification(found)

    def gates(self, name: str, now: datetime) -> Gates:
        from rotation.calendar import gates  # noqa: PLC0415
        from rotation.schedule.brakes import freeze_file, frozen_by  # noqa: PLC0415
        from rotation.schedule.breaker import group_of, trips  # noqa: PLC0415

        reason = frozen_by(self.journal, freeze_file(self.configuration))
        if reason is not None:
            return Gates(open=False, frozen=reason)
        found = self.configuration.secret(name)
        if found is None:
            return Gates()
        if (trip := trips(self.journal).get(group_of(found))) is not None:
            return Gates(open=False, frozen=f"{trip.why}, until `{trip.reset}`")
        return gates(found.schedule, self.configuration.freezes, now)

    # ---------------------------------------------------------------------------- time, others

    def live_runner(self) -> str | None:
        """The live `serve` on this host, if there is one."""
        from rotation.journal.liveness import living, runners_of  # noqa: PLC0415

        directory = runners_of(self.configuration.journal)
        return next((name for name in living(directory) if name.startswith(SERVE)), None)

    def stays_elsewhere(self, rotation: "Rotation") -> bool:
        """Whether another live process of this host advanced it last and now waits for it as this
        one would. A `serve` does not count: it is watched."""
        from rotation.journal.liveness import is_dead, runners_of  # noqa: PLC0415

        last = rotation.last.runner
        if last.startswith(SERVE):
            return False
        directory = runners_of(self.configuration.journal)
        return last != self.runner.id and is_dead(directory, last) is False

    def at_work(self, rotation: "Rotation") -> str | None:
        """The live process of this host that continues it by itself: a `serve`, or the other
        command that wrote of it last."""
        from rotation.journal.liveness import is_dead, runners_of  # noqa: PLC0415

        if (serve := self.live_runner()) is not None:
            return serve
        last = rotation.last.runner
        if "runner" in self.__dict__ and last == self.runner.id:
            return None
        alive = is_dead(runners_of(self.configuration.journal), last) is False
        return last if alive else None

    def stop_on_signals(self, *, reloads: bool = False) -> "Signals":
        """From now on a signal ends the work properly: the call in flight is awaited, nothing else
        is begun, and the rest stays in the journal. A hang-up of the terminal does the same, unless
        `reloads`."""
        from rotation.runtime.process import Signals  # noqa: PLC0415

        if self.signals is None:
            self.signals = self._exits.enter_context(Signals(reloads=reloads))
        return self.signals

    def stop(self) -> bool:
        """Whether the process was asked to stop: no further effect is begun."""
        return self.signals is not None and self.signals.stopping

    def pause(self, until: datetime) -> None:
        assert self.signals is not None, "a process that waits can be asked to stop"
        # Short slices with an end by the monotonic clock: setting the clock must not make the wait
        # longer.
        end = time.monotonic() + (until - self.clock.now()).total_seconds()
        while not self.stop() and (left := self._left(until, end)) > 0:
            self.signals.wait(min(left, 5.0))

    def _left(self, until: datetime, end: float) -> float:
        return min((until - self.clock.now()).total_seconds(), end - time.monotonic())


def _journal_of(configuration: "Configuration") -> tuple[object, ...]:
    return configuration.installation, configuration.journal, configuration.seal_key
