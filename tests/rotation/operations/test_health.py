"""Who is asked, and what silence means."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rotation.config.watching import Heartbeat
from rotation.errors import JournalError, Transient
from rotation.interfaces import OwnCredential
from rotation.operations.health import Loops, Pulse
from rotation.operations.installation import Installation
from tests.support.configured import file
from tests.support.shell import Shell, SimulatedSession, at_work

__all__ = ["file"]


@dataclass
class Services:
    """wrong: by connection, what is raised; hangs: these do not answer before `released`."""

    wrong: dict[str, Exception] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def connection(self, name: str) -> Any:
        return SimpleNamespace(own_credential=lambda: self._answer(name))

    def _answer(self, name: str) -> OwnCredential:
        self.asked.append(name)
        if name in self.hangs:
            self.released.wait(30)
        if name in self.wrong:
            raise self.wrong[name]
        return OwnCredential(kind="token")

    def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def asking(shell: Shell, *names: str) -> Iterator[tuple[Pulse, Services, SimulatedSession]]:
    services, options = Services(), SimpleNamespace(owner="team")
    for name in names:
        shell.configuration.connections[name] = SimpleNamespace(type="aws", options=options)
    shell.configuration.heartbeat = Heartbeat(url="https://watch.example/x", every_s=1)
    with at_work(shell) as here:
        here.registry = services
        try:
            yield Pulse(here=here), services, here
        finally:
            services.released.set()


def test_before_anybody_was_asked_nothing_is_well(shell: Shell) -> None:
    with asking(shell, "aws") as (pulse, _, _):
        assert pulse.silent == ("nobody was asked yet",)


def test_it_is_well_once_all_have_answered(shell: Shell) -> None:
    with asking(shell, "aws", "journal") as (pulse, services, _):
        pulse.ask()
        assert not pulse.silent
        assert sorted(services.asked) == ["aws", "journal"], "a connection may be called so"
        assert pulse.answers["journal"].own == OwnCredential(kind="token")


def test_each_that_fails_is_named_with_its_reason(shell: Shell) -> None:
    with asking(shell, "aws", "vault") as (pulse, services, _):
        services.wrong = {"vault": Transient("vault.sealed", "sealed"), "aws": ValueError("bug")}
        pulse.ask()
        said = sorted(pulse.silent)
        assert "[ValueError]" in said[0] and said[0].startswith("connection aws has not answered")
        assert "[vault.sealed]" in said[1]
        services.wrong.clear()
        pulse.ask()
        assert not pulse.silent


def test_one_that_hangs_holds_up_nobody_and_is_not_asked_twice(shell: Shell) -> None:
    with asking(shell, "aws", "vault") as (pulse, services, _):
        services.hangs = {"vault"}
        pulse.ask()
        [said] = pulse.silent
        assert said.startswith("connection vault has not answered for ")
        pulse.ask()
        assert services.asked.count("vault") == 1
        assert services.asked.count("aws") == 2


def test_an_answer_of_an_earlier_round_is_none(shell: Shell) -> None:
    with asking(shell, "vault") as (pulse, services, _):
        pulse.ask()
        assert not pulse.silent
        services.wrong = {"vault": Transient("vault.sealed", "sealed")}
        pulse.ask()
        assert pulse.silent


def test_a_journal_that_refuses_a_transaction_is_silent(shell: Shell) -> None:
    def refuse(lease: object) -> None:
        raise JournalError("journal.busy", "locked by another process")

    with asking(shell) as (pulse, _, here):
        here.journal.release = refuse  # type: ignore[method-assign]
        pulse.ask()
        [said] = pulse.silent
        assert said.startswith("journal has not answered") and said.endswith("[journal.busy]")


def test_a_connection_that_a_reload_took_away_is_not_missed(shell: Shell) -> None:
    with asking(shell, "aws", "vault") as (pulse, services, _):
        services.wrong = {"vault": Transient("vault.sealed", "sealed")}
        pulse.ask()
        del shell.configuration.connections["vault"]
        pulse.ask()
        assert not pulse.silent
        assert list(pulse.answers) == ["aws"]


def test_a_loop_that_does_not_turn_is_stuck() -> None:
    now = 0.0
    loops = Loops(monotonic=lambda: now)
    loops.expect("tick", 300)
    loops.expect("scheduler", 60)
    now = 61
    loops.turned("tick")
    assert list(loops.stuck()) == ["the loop scheduler has not turned for 61 s"]
    loops.turned("scheduler")
    assert not list(loops.stuck())


def test_a_journal_that_another_process_holds_is_silent_until_it_is_free(file: Path) -> None:
    """The real file: `init` made it, and another connection holds its write lock."""
    text = file.read_text()
    head = text.partition("connections:")[0] + "heartbeat: {url: /nowhere, every: 5s}\n"
    file.write_text(head)
    with Installation(configuration_path=file, effectful=True, patience_s=0.2) as here:
        pulse = Pulse(here=here)
        pulse.ask()
        assert not pulse.silent
        before = here.journal.installation_entries()
        with closing(sqlite3.connect(here.configuration.journal, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            pulse.ask()
            [said] = pulse.silent
            assert said.startswith("journal has not answered for ") and "[journal." in said
            other.execute("ROLLBACK")
        pulse.ask()
        assert not pulse.silent
        assert here.journal.installation_entries() == before, "asking writes nothing"
