"""What the issuer says is gone or over is replaced without a person, where the class says so; what
it does not say opens nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.errors import Transient
from rotation.machine.replay import replay
from rotation.types import CURRENT, KeyState, Listing
from tests.support.shell import STREAM, Shell
from tests.support.simulator import SimulatedIssuer
from tests.support.world import Instance

LONG = timedelta(days=2)


@pytest.fixture
def dying(shell: Shell) -> Shell:
    """Rotated two days ago, of a class that is replaced by itself."""
    assert shell.adopted().run("rotate", "app", "--wait").exit_code == 0
    shell.world.advance(shell.world.now + LONG)
    shell.configuration.by_itself = True
    return shell


def current(shell: Shell) -> Instance:
    return shell.world.instances[shell.world.versions[shell.world.labels[CURRENT]][0]]


def delete(shell: Shell) -> None:
    del shell.world.instances[current(shell).id]


def opened(shell: Shell) -> int:
    return replay(shell.journal.entries(STREAM)).opened.seq


def plan_of(shell: Shell) -> str:
    return replay(shell.journal.entries(STREAM)).plan


def shown(monkeypatch: pytest.MonkeyPatch, change: Callable[[Listing], Listing]) -> None:
    listing = SimulatedIssuer.listing
    monkeypatch.setattr(SimulatedIssuer, "listing", lambda self: change(listing(self)))


def test_what_was_deleted_is_replaced(dying: Shell) -> None:
    delete(dying)
    done = dying.run("run", "--wait")
    assert done.exit_code == 0, done.output
    rotation = replay(dying.journal.entries(STREAM))
    assert (rotation.plan, rotation.outcome) == ("replace", "succeeded")
    assert rotation.opened.facts["trigger"] == "run"
    assert f"{rotation.old} is gone" in str(rotation.opened.facts["reason"])
    assert dying.world.versions[dying.world.labels[CURRENT]][0] == rotation.new


def test_a_rotation_that_is_held_for_it_is_superseded(dying: Shell) -> None:
    delete(dying)
    assert dying.run("rotate", "app").exit_code in (11, 12)
    assert dying.run("run", "--wait").exit_code == 0
    assert plan_of(dying) == "replace"


def test_the_end_that_the_issuer_tells_is_over(
    dying: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = dying.world.now - timedelta(minutes=1)

    def with_end(reply: Listing) -> Listing:
        old = [
            replace(h, expires=ended, state=KeyState.ACTIVE) if h.id == current(dying).id else h
            for h in reply.handles
        ]
        return replace(reply, handles=tuple(old))

    shown(monkeypatch, with_end)
    assert dying.run("run", "--wait").exit_code == 0
    assert plan_of(dying) == "routine"  # it still logs in
    current(dying).active, current(dying).changed = False, dying.world.now - timedelta(hours=1)
    dying.run("run", "--wait")
    assert plan_of(dying) == "replace"


def lagging(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, lambda reply: replace(reply, handles=()))


def denied(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.world.denied.add("issuer.listing")


def silent(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(_: object) -> Listing:
        raise Transient("sim.no-answer", "the issuer does not answer")

    delete(shell)
    monkeypatch.setattr(SimulatedIssuer, "listing", no_answer)


def unreadable(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.world.denied.add("store.read")


def login_denied(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.world.denied.add("probe.login")


def suspended(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    current(shell).active, current(shell).changed = False, shell.world.now - timedelta(hours=1)


def clock_ahead(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is over by our clock, and not by the service's; a login is refused for another
    reason."""
    suspended(shell, monkeypatch)

    def with_end(reply: Listing) -> Listing:
        end = shell.world.now - timedelta(minutes=1)
        old = [replace(h, expires=end, state=KeyState.ACTIVE) for h in reply.handles]
        return replace(reply, handles=tuple(old), server_at=shell.world.now - timedelta(hours=1))

    shown(monkeypatch, with_end)


def claimed_by_another(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.world.claim = "feedfeedfeed"


def a_class_of_people(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.configuration.by_itself = False


def paused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.run("pause", "app", "--reason", "being looked into")


def frozen(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    delete(shell)
    shell.run("freeze", "--reason", "being looked into")


def just_adopted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run("adopt", "app", "--yes", "--wait")
    delete(shell)


@pytest.mark.parametrize(
    "world",
    [lagging, denied, silent, unreadable, login_denied, suspended, clock_ahead,
     claimed_by_another, a_class_of_people, paused, frozen, just_adopted],
)  # fmt: skip
def test_what_the_issuer_does_not_say_opens_nothing(
    dying: Shell,
    monkeypatch: pytest.MonkeyPatch,
    world: Callable[[Shell, pytest.MonkeyPatch], None],
) -> None:
    world(dying, monkeypatch)
    before = opened(dying)
    dying.run("run", "--wait")
    assert opened(dying) == before


def test_who_may_not_look_is_told(dying: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    denied(dying, monkeypatch)
    done = dying.run("run")
    assert done.exit_code == 3
    assert "issuer.listing is denied" in done.stderr


def test_one_that_dies_again_within_a_day_is_left_to_a_person(dying: Shell) -> None:
    delete(dying)
    assert dying.run("run", "--wait").exit_code == 0
    before = opened(dying)
    delete(dying)
    dying.run("run", "--wait")
    assert opened(dying) == before
    dying.world.advance(dying.world.now + LONG)
    dying.run("run", "--wait")
    assert opened(dying) > before
    assert plan_of(dying) == "replace"


def test_a_replacement_that_is_held_is_not_begun_anew(dying: Shell) -> None:
    delete(dying)
    dying.world.denied.add("issuer.issue")
    assert dying.run("run", "--wait").exit_code == 12
    assert plan_of(dying) == "replace"
    before = opened(dying)
    dying.run("run", "--wait")
    assert opened(dying) == before
