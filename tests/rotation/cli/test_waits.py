"""How long a command stays, who goes on afterwards, and how a person makes it try at once."""

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotation.cli.session import Session
from rotation.errors import NotYet, Transient
from rotation.execution.runner import Runner
from rotation.journal.entries import Kind
from rotation.journal.liveness import RunnerLock, runners_of
from rotation.machine.replay import replay
from tests.support.shell import STREAM, Shell, draining, held_for_an_unknown_instance

MOST = timedelta(seconds=90 + 5)  # with what the calls between two waits take


def sealed(number: int, name: str) -> None:
    if name == "store.state":
        raise Transient("sim.sealed", "the store is sealed", "unseal it")


def healed(number: int, name: str) -> None:
    pass


def waited(shell: Shell, *words: str, code: int) -> timedelta:
    began: datetime = shell.world.now
    done = shell.run(*words)
    assert done.exit_code == code, done.output
    return shell.world.now - began


@pytest.mark.parametrize("pause", [5, 30, 60])
@pytest.mark.parametrize("words", [("rotate", "app"), ("run",)])
def test_a_chain_of_short_waits_is_a_long_wait(
    shell: Shell, pause: int, words: tuple[str, ...]
) -> None:
    def in_use(number: int, name: str) -> None:
        if name == "store.state":
            until = shell.world.now + timedelta(seconds=pause)
            raise NotYet("sim.in-use", "a session is open", until=until)

    shell.adopted().world.before = in_use
    assert waited(shell, *words, code=0) <= MOST
    assert waited(shell, *words, code=0) <= MOST


def test_who_waits_in_a_pipe_says_so_each_minute(shell: Shell) -> None:
    def in_use(number: int, name: str) -> None:
        if name == "store.state":
            until = shell.world.now + timedelta(seconds=5)
            raise NotYet("sim.in-use", "a session is open", until=until)

    shell.adopted().world.before = in_use
    said = [line for line in shell.run("run").stderr.splitlines() if "a session is open" in line]
    assert len(said) == 2
    assert all("looks again at" in line for line in said)


def test_a_live_serve_that_gets_nowhere_is_not_watched_for_ever(shell: Shell) -> None:
    shell.adopted().living = "serve-elsewhere"
    for words in (("rotate", "app"), ("run", "--wait")):
        began = shell.world.now
        shell.run(*words)
        assert shell.world.now - began <= 2 * MOST


def test_wait_ends_where_only_a_person_helps(shell: Shell) -> None:
    def stuck(number: int, name: str) -> None:
        if name == "issuer.destroy":
            raise Transient("sim.stuck", "it cannot be destroyed just now")

    shell.adopted().world.before = stuck
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 9, done.output
    assert "once the cause is over: rotation resume app --now" in done.stdout
    assert "nobody goes on with it; `rotation run` does, not before" in done.stdout
    shell.world.before = healed
    assert waited(shell, "resume", "app", "--now", "--wait", code=0) < timedelta(minutes=1)
    assert set(shell.world.instances) == {"KEY2"}


def test_now_ends_the_pause_after_a_failed_try(shell: Shell) -> None:
    shell.adopted().world.before = sealed
    assert waited(shell, "run", code=0) <= MOST
    shell.world.before = healed
    assert "rotation resume app --now" in shell.run("status", "app").stdout
    refused = shell.run("resume", "app")
    assert refused.exit_code == 5
    assert "`rotation resume app --now` tries again at once" in refused.stderr
    began = shell.world.now
    assert shell.run("resume", "app", "--now").exit_code == 0
    rotation = replay(shell.journal.entries(STREAM))
    issued = next(s for s in rotation.states.values() if s.facts.get("new") == "KEY2")
    assert issued.done_at is not None
    assert issued.done_at - began < timedelta(seconds=1)


@pytest.mark.parametrize("words", [("--now",), ("--all-of", "sim.sealed", "--now")])
def test_now_is_for_every_one_that_pauses(shell: Shell, words: tuple[str, ...]) -> None:
    shell.adopted().world.before = sealed
    shell.run("run")
    shell.world.before = healed
    assert shell.run("resume", "--all-of", "sim.other", "--now").exit_code == 5
    assert shell.run("resume", *words).exit_code == 0
    assert "KEY2" in shell.world.instances


@pytest.mark.parametrize("words", [("app", "--now"), ("--now",)])
def test_now_never_skips_grace(shell: Shell, words: tuple[str, ...]) -> None:
    entries = len(draining(shell).journal.entries(STREAM))
    assert shell.run("resume", *words).exit_code == 5
    assert len(shell.journal.entries(STREAM)) == entries


def test_all_that_are_held_for_one_cause_go_on_together(shell: Shell) -> None:
    held_for_an_unknown_instance(shell)
    assert shell.run("resume", "--all-of", "held.denied").exit_code == 5
    del shell.world.instances["KEY2"]
    assert shell.run("resume", "--all-of", "held.unknown-instance", "--wait").exit_code == 0
    asked = [e for e in shell.journal.history(STREAM) if e.kind is Kind.REQUESTED]
    assert [e.facts["verb"] for e in asked] == ["resume"]


def test_resume_needs_to_know_what(shell: Shell) -> None:
    assert shell.adopted().run("resume").exit_code == 2
    assert shell.run("resume", "app", "--all-of", "held.denied").exit_code == 2


def test_whoever_stops_is_told_who_goes_on(shell: Shell) -> None:
    assert "nobody goes on with it; `rotation run` does" in draining(shell).run("run").stdout
    shell.living = "serve-elsewhere"
    assert "serve-elsewhere is alive and goes on by itself" in shell.run("status", "app").stdout


def test_a_program_is_told_who_goes_on_and_when(shell: Shell) -> None:
    draining(shell)
    for reply in (shell.json("run")["rotations"][0], shell.json("status")["secrets"][0]):
        assert reply["goes_on"] == {
            "who": None, "at": reply["waits_until"], "command": "rotation run"
        }  # fmt: skip
        assert reply["waits_until"] is not None
    shell.living = "serve-elsewhere"
    reply = shell.json("status")["secrets"][0]
    assert (reply["goes_on"]["who"], reply["goes_on"]["command"]) == ("serve-elsewhere", None)


def test_a_program_is_told_of_none_who_goes_on_where_a_person_decides(shell: Shell) -> None:
    held_for_an_unknown_instance(shell)
    assert shell.json("status")["secrets"][0]["goes_on"] is None


def test_a_straggler_is_told_with_the_time_from_which_it_can_go_on(shell: Shell) -> None:
    def straggles() -> None:
        shell.world.instances["KEY1"].used = shell.world.now

    shell.adopted().on_pause = straggles
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 11, done.output
    assert "code: held.straggler" in done.stdout
    reply = re.search(r"`rotation resume app` succeeds from (.{19}) UTC on", done.stdout)
    assert reply is not None, done.stdout
    ripe = datetime.fromisoformat(reply[1]).replace(tzinfo=UTC)
    shell.on_pause = lambda: None
    shell.world.advance(ripe - timedelta(minutes=1))
    assert shell.run("resume", "app").exit_code == 11
    shell.world.advance(ripe + timedelta(seconds=1))
    assert shell.run("resume", "app", "--wait").exit_code == 0


def test_a_long_wait_is_sat_out_by_one_process(shell: Shell) -> None:
    """`run --wait`, started by cron each minute, does not pile up."""
    draining(shell)
    other = replay(shell.journal.entries(STREAM)).last.runner
    directory = runners_of(shell.configuration.journal)
    (directory / other).unlink()
    with RunnerLock(directory, other):
        assert waited(shell, "run", "--wait", code=0) <= MOST
    assert waited(shell, "run", "--wait", code=0) > MOST
    assert set(shell.world.instances) == {"KEY2"}


def test_a_pause_ends_though_the_clock_is_set_back() -> None:
    class SetBack:
        times = iter([datetime(2026, 1, 1, 12, tzinfo=UTC)])

        def now(self) -> datetime:
            return next(self.times, datetime(2026, 1, 1, 10, tzinfo=UTC))

    began = time.monotonic()
    with Session(configuration_path=Path("-"), effectful=True, clock=SetBack()) as session:
        session.stop_on_signals()
        session.pause(datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC))
    assert 1 <= time.monotonic() - began < 4


def test_a_clock_that_is_set_back_prolongs_no_pause_after_a_failed_try(shell: Shell) -> None:
    shell.adopted().world.before = sealed
    shell.run("run")
    shell.world.before = healed
    shell.world.now -= timedelta(hours=2)
    assert shell.run("run").exit_code == 0
    assert "KEY2" in shell.world.instances


def test_a_live_serve_is_watched_to_the_end_where_told_to(shell: Shell) -> None:
    shell.adopted().living = "serve-elsewhere"
    serve = shell.elsewhere()
    shell.on_pause = lambda: _advance(shell, serve)
    with RunnerLock(runners_of(shell.configuration.journal), "serve-elsewhere"):
        assert waited(shell, "rotate", "app", "--wait", code=0) > MOST
    assert set(shell.world.instances) == {"KEY2"}


def _advance(shell: Shell, serve: Runner) -> None:
    """Days of short pauses, told as a few long ones."""
    shell.world.now += timedelta(minutes=2)
    serve.advance(STREAM)
