"""An emergency of what somebody else declared already: its successor is left alone, and one that
nobody alive works on goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotation.execution.runner import Runner
from rotation.journal.facts import Opened
from rotation.journal.liveness import RunnerLock, runners_of
from rotation.machine.replay import replay
from rotation.operations import emergency
from rotation.operations.survey import survey
from rotation.plan import ROUTINE, Step
from tests.support.shell import STREAM, Shell
from tests.support.simulator import SimulatedClock, bound

AGAIN = ("emergency", "app", "--yes", "--reason", "found in a log")


def declared(
    shell: Shell, runner: str, scope: tuple[str, ...] = ("KEY1",), until: Step | None = Step.PROMOTE
) -> None:
    """Somebody else's emergency, as far as before that step."""
    shell.world.emergency = True
    other = Runner(
        journal=shell.journal, bind=lambda spec: bound(shell.world),
        clock=SimulatedClock(shell.world), id=runner,
    )  # fmt: skip
    spec = shell.configuration.spec
    seen = survey(shell.journal, bound(shell.world), STREAM, spec)
    said = Opened(scope=list(scope), reason="pasted in a chat")
    other.open_emergency(STREAM, spec, seen.baseline, who="bob", said=said)
    if until is not None:
        other.advance(STREAM, until=until)


@contextmanager
def alive(shell: Shell, runner: str) -> Iterator[None]:
    with RunnerLock(runners_of(shell.configuration.journal), runner):
        yield


@pytest.mark.parametrize("until", [None, Step.CONTAIN, Step.ISSUE, Step.PROMOTE, Step.DESTROY])
@pytest.mark.parametrize("words", [AGAIN, (*AGAIN, "--key-id", "KEY1")])
def test_while_another_works_on_it_nothing_is_touched(
    shell: Shell, until: Step | None, words: tuple[str, ...]
) -> None:
    shell.adopted()
    with alive(shell, "host-1-a"):
        declared(shell, "host-1-a", until=until)
        before, entries = dict(shell.world.instances), shell.journal.entries(STREAM)
        done = shell.run(*words)
    assert done.exit_code == 5, done.output
    assert "emergency.is-open" in done.stderr
    assert "by bob ('pasted in a chat')" in done.stderr
    assert "host-1-a is alive and works on it" in done.stderr
    assert "`rotation status app`" in done.stderr
    assert "will be switched off" not in done.stderr
    assert ("--key-id KEY2" in done.stderr) == ("KEY2" in before)
    assert dict(shell.world.instances) == before
    assert shell.journal.entries(STREAM) == entries


@pytest.mark.parametrize("until", [None, Step.CONTAIN, Step.ISSUE, Step.PROMOTE, Step.DESTROY])
def test_where_nobody_alive_works_on_it_this_process_goes_on(
    shell: Shell, until: Step | None
) -> None:
    shell.adopted()
    declared(shell, "host-1-a", until=until)
    shell.world.advance(shell.world.now + timedelta(minutes=2))
    done = shell.run(*AGAIN)
    assert done.exit_code == 0, done.output
    assert "this process goes on with it" in done.stderr
    assert set(shell.world.instances) == {"KEY2"}
    assert replay(shell.journal.entries(STREAM)).opened.who == "bob"


@pytest.mark.parametrize("until", [None, Step.CONTAIN, Step.PROMOTE])
def test_one_that_is_frozen_before_readers_have_a_successor_is_taken_over(
    shell: Shell, until: Step | None
) -> None:
    shell.adopted()
    with alive(shell, "host-1-a"):
        declared(shell, "host-1-a", until=until)
        shell.world.advance(shell.world.now + timedelta(minutes=2))
        done = shell.run(*AGAIN)
    assert done.exit_code == 0, done.output
    assert "alive and does not move" in done.stderr
    assert replay(shell.journal.entries(STREAM)).scope == ["KEY1"]
    assert set(shell.world.instances) == {"KEY3" if until is Step.PROMOTE else "KEY2"}


def looked_after(monkeypatch: pytest.MonkeyPatch, when: int, happens: Callable[[], None]) -> None:
    """That happens right after the command's look number `when`."""
    looks = [0]

    def looking(*words: Any, **named: Any) -> Any:
        found = survey(*words, **named)
        looks[0] += 1
        if looks[0] == when:
            happens()
        return found

    monkeypatch.setattr(emergency, "survey", looking)


def test_two_at_once_are_one_emergency(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.adopted()
    looked_after(monkeypatch, 1, lambda: declared(shell, "host-1-a"))
    with alive(shell, "host-1-a"):
        done = shell.run(*AGAIN)
    assert done.exit_code == 5, done.output
    assert set(shell.world.instances) == {"KEY1", "KEY2"}
    assert shell.world.instances["KEY2"].active


def test_what_came_after_it_was_shown_is_not_confirmed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.adopted().world.emergency = True
    looked_after(monkeypatch, 1, lambda: minted_by_a_rotation(shell))
    done = shell.run(*AGAIN)
    assert done.exit_code == 0, done.output
    assert "KEY2 came meanwhile and is left alone" in done.stderr
    assert "--key-id KEY2" in done.stderr
    assert replay(shell.journal.entries(STREAM)).scope == ["KEY1"]


def minted_by_a_rotation(shell: Shell) -> None:
    """An ordinary rotation mints its own meanwhile."""
    runner = shell.elsewhere()
    spec = shell.configuration.spec
    runner.open(STREAM, ROUTINE, spec, trigger="schedule")
    runner.advance(STREAM, until=Step.PROMOTE)
    assert "KEY2" in shell.world.instances


@pytest.mark.parametrize("until", [Step.PROMOTE, Step.DESTROY])
def test_a_successor_that_leaked_as_well_is_named_and_what_leaked_first_stays_in_scope(
    shell: Shell, until: Step
) -> None:
    shell.adopted()
    declared(shell, "host-1-a", until=until)
    done = shell.run(*AGAIN, "--key-id", "KEY2")
    assert done.exit_code == 0, done.output
    assert "alone leaked" not in done.stderr
    assert set(shell.world.instances) == {"KEY3"}
    assert replay(shell.journal.entries(STREAM)).scope == ["KEY1", "KEY2"]


def test_one_of_a_stranger_is_no_emergency_of_ours(shell: Shell) -> None:
    shell.adopted()
    stranger = shell.world.mint(by_person=True).id
    with alive(shell, "host-1-a"):
        declared(shell, "host-1-a", (stranger,), until=Step.CONTAIN)
        done = shell.run(*AGAIN)
    assert done.exit_code == 0, done.output
    assert "KEY1" not in shell.world.instances
    assert not shell.world.instances[stranger].active if stranger in shell.world.instances else True


def test_all_instances_never_means_what_the_open_one_made(shell: Shell) -> None:
    shell.adopted()
    stranger = shell.world.mint(by_person=True).id
    declared(shell, "host-1-a")
    (made,) = set(shell.world.instances) - {"KEY1", stranger}
    done = shell.run(*AGAIN, "--all-instances", "--destroy-foreign")
    assert done.exit_code == 0, done.output
    assert made not in replay(shell.journal.entries(STREAM)).scope
    assert stranger not in shell.world.instances


def test_a_credential_that_is_off_is_not_offered_to_readers(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    shell.world.instances["KEY2"] = replace(shell.world.instances["KEY2"], active=False)
    done = shell.run("emergency", "app", "--reason", "found in a log")
    assert "will be switched off" in done.stderr
    assert "alone leaked" not in done.stderr


def test_where_nothing_is_alive_yet_it_is_the_same_emergency(shell: Shell) -> None:
    shell.adopted().world.can_suspend = False
    with alive(shell, "host-1-a"):
        declared(shell, "host-1-a", until=Step.ISSUE)
        assert not shell.world.instances
        done = shell.run(*AGAIN)
        assert done.exit_code == 5, done.output
        assert "emergency.is-open" in done.stderr
    done = shell.run(*AGAIN)
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}
