"""The drift watch: what somebody changes by hand is noticed within one interval and touched by nobody;
what the runner changes itself is no drift."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotation.interfaces import OwnCredential
from rotation.journal.entries import Kind
from rotation.machine.decide import Wait
from rotation.machine.replay import replay
from rotation.operations.logins import Login
from rotation.operations.watch import DriftWatch, ending
from rotation.report.health import CredentialStatus, standing
from rotation.runtime import logs
from rotation.types import CURRENT, PREVIOUS
from tests.support.receiver import Receiver
from tests.support.shell import APP, STREAM, Shell, at_work, furnished
from tests.support.simulator import SimulatedClock
from tests.support.turns import STRIDE, taken
from tests.support.watched import last, receiver, watched

__all__ = ["receiver", "watched"]  # the fixtures

PACE = timedelta(seconds=30)
INTERVAL = timedelta(hours=1)


def watch(shell: Shell) -> DriftWatch:
    return DriftWatch(here=at_work(shell), log=logs.log_error, pace=PACE)


def an_interval(shell: Shell, of: DriftWatch) -> None:
    """Every secret has its turn, and what is suspected is looked at once more."""
    end = shell.world.now + INTERVAL + 2 * PACE
    while shell.world.now < end:
        of.tick(shell.world.now)
        shell.world.advance(shell.world.now + PACE)


def looks(shell: Shell) -> list[dict[str, object]]:
    entries = shell.journal.installation_entries()
    return [dict(entry.facts) for entry in entries if entry.kind is Kind.SEEN]


def state(shell: Shell) -> str:
    found: str = shell.json("status")["secrets"][0]["state"]
    return found


def label_moved(shell: Shell) -> None:
    shell.world.versions["by-hand"] = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.move(CURRENT, "by-hand")


def label_left(shell: Shell) -> None:
    shell.world.versions["by-hand"] = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.move(PREVIOUS, "by-hand")


def key_made(shell: Shell) -> None:
    shell.world.mint(by_person=True)


def key_deleted(shell: Shell) -> None:
    handle, _ = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.instances.pop(handle)


def key_switched_off(shell: Shell) -> None:
    handle, _ = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.instances[handle].active = False


def value_overwritten(shell: Shell) -> None:
    handle, _ = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.versions["of-another"] = (handle, "overwritten-by-hand")
    shell.world.move(CURRENT, "of-another")


def claim_removed(shell: Shell) -> None:
    shell.world.claim = None


CHANGES: dict[Callable[[Shell], None], str] = {
    label_moved: "drift",
    label_left: "drift",
    key_made: "unaccounted",
    key_deleted: "down",
    key_switched_off: "down",
    value_overwritten: "drift",
    claim_removed: "drift",
}


@pytest.fixture
def calm(shell: Shell) -> Shell:
    """Nothing is due for a year."""
    shell.configuration.entry = APP._replace(max_age_s=400 * 86_400, period_s=390 * 86_400)
    return shell.adopted()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_what_somebody_changes_is_noticed_within_an_interval_and_not_touched(
    calm: Shell, change: Callable[[Shell], None]
) -> None:
    of, entries = watch(calm), len(calm.journal.entries(STREAM))
    an_interval(calm, of)
    assert looks(calm) == [], "nothing is written while nothing differs"
    change(calm)
    world = (dict(calm.world.labels), calm.world.claim, {*calm.world.instances})
    an_interval(calm, of)
    assert state(calm) == CHANGES[change]
    assert world == (dict(calm.world.labels), calm.world.claim, {*calm.world.instances})
    assert len(calm.journal.entries(STREAM)) == entries
    assert calm.run("status", "--check").exit_code != 0
    said = len(looks(calm))
    an_interval(calm, watch(calm))
    assert len(looks(calm)) == said, "another process says nothing new"
    shown = calm.run("status").stdout
    assert "next: " in shown or "way out: " in shown


def test_it_is_over_once_the_world_is_right_again(calm: Shell) -> None:
    of = watch(calm)
    claim_removed(calm)
    an_interval(calm, of)
    assert state(calm) == "drift"
    (one,) = calm.json("status")["secrets"]
    assert [each["code"] for each in one["differs"]] == ["held.claim-missing"]
    assert "differs: the secret carries no owner claim" in calm.run("status").stdout
    calm.world.claim = "0123456789ab"
    an_interval(calm, of)
    assert state(calm) == "fine"


def test_what_is_switched_on_again_while_the_old_one_soaks_is_noticed(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    other = shell.elsewhere()
    for _ in range(60):
        rotation = replay(shell.journal.entries(STREAM))
        if standing(rotation).old_life is CredentialStatus.OFF and rotation.state("soak").why:
            break
        action = other.advance(STREAM)
        assert isinstance(action, Wait)
        assert action.until is not None
        shell.world.advance(action.until)
    old = str(rotation.old)
    of = watch(shell)
    shell.world.instances[old].active = True
    for _ in range(2):
        of._compare("app")
    (one,) = shell.json("status")["secrets"]
    assert [each["code"] for each in one["differs"]] == ["reconcile.switched-on"]
    assert shell.world.instances[old].active


class Slow(SimulatedClock):
    """This host is behind."""

    def now(self) -> datetime:
        return super().now() - timedelta(minutes=5)


@pytest.mark.provokes("clock")
def test_a_clock_that_is_wrong_is_one_thing_to_say_and_over_once_it_is_right(
    watched: Shell, receiver: Receiver
) -> None:
    of = watch(watched)
    of.here.clock = Slow(watched.world)
    an_interval(watched, of)
    (entry,) = looks(watched)
    assert entry["of"] == "installation"
    assert state(watched) == "fine", "it is not the secret that differs"
    watched.run("run")
    assert receiver.received == [("clock", "raised")]
    assert "UTC at the provider" in str(last(receiver)["why"])
    of.here.clock = SimulatedClock(watched.world)
    an_interval(watched, of)
    watched.run("run")
    assert receiver.received[-1] == ("clock", "resolved")
    assert len(looks(watched)) == 2


@pytest.mark.provokes("clock")
def test_an_entry_from_the_future_is_told_until_its_time_has_come(
    watched: Shell, receiver: Receiver
) -> None:
    right = watched.world.now
    watched.world.advance(right + timedelta(hours=2))
    watched.run("rotate", "app", "--wait")
    watched.world.now = right
    watched.run("run")
    assert ("clock", "raised") in receiver.received
    watched.world.advance(right + timedelta(hours=5))
    watched.run("run")
    assert ("clock", "resolved") in receiver.received


NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("created", "left", "said"),
    [
        (NOW - timedelta(days=300), timedelta(days=13), True),
        (NOW - timedelta(days=300), timedelta(days=15), False),
        (None, timedelta(days=13), True),
        (NOW - timedelta(days=3), timedelta(days=2), False),
        (NOW - timedelta(days=3), timedelta(hours=12), True),
        (NOW - timedelta(minutes=50), timedelta(minutes=10), False),
        (NOW - timedelta(days=300), -timedelta(days=1), True),
    ],
)
def test_a_connection_whose_own_credential_ends_is_named_in_time(
    created: datetime | None, left: timedelta, *, said: bool
) -> None:
    own = OwnCredential(kind="login", created=created, expires=NOW + left)
    found = ending("main", own, NOW)
    assert bool(found) is said
    assert not said or found["connection.ends"][1] == "rotation handover --help"


@pytest.mark.provokes("connection-ends")
def test_a_login_that_ends_is_told_until_it_is_handed_over(
    watched: Shell, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = watched.world.now + timedelta(days=3)
    watched.configuration.connections = {"main": object()}

    def asked(here: object, name: str) -> Login:
        """The simulated world has no connections."""
        own = OwnCredential(kind="login", id="rotation", expires=ends)
        return Login(name=name, type="postgres", owner=None, own=own)

    monkeypatch.setattr("rotation.operations.watch.ask", asked)
    of = watch(watched)
    of.tick(watched.world.now)
    watched.run("run")
    assert receiver.received == [("connection-ends", "raised")]
    assert last(receiver)["next"] == "rotation handover --help"
    ends = watched.world.now + timedelta(days=300)
    watched.world.advance(watched.world.now + timedelta(hours=7))
    of.tick(watched.world.now)
    watched.run("run")
    assert receiver.received[-1] == ("connection-ends", "resolved")


@pytest.mark.parametrize(
    "stride",
    [pytest.param(STRIDE, id="some"), pytest.param(1, marks=pytest.mark.every, id="every")],
)
@pytest.mark.parametrize("first", range(0, 400, 50))
def test_what_the_runner_does_itself_is_no_drift(
    first: int, stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at random moments, also in the middle of a step, also while somebody rolls back."""
    wrong = []
    for number in taken(50, stride, str(first)):
        seed = first + number
        found = looked_at_random(furnished(tmp_path / f"{number}", monkeypatch).adopted(), seed)
        wrong += [(seed, each) for each in found]
    assert wrong == []


def looked_at_random(shell: Shell, seed: int) -> list[dict[str, object]]:
    chance, of, busy = random.Random(seed), watch(shell), False  # noqa: S311 -- a seed, no secret

    def looked(_number: int, _name: str) -> None:
        nonlocal busy
        if not busy and chance.random() < 0.2:
            busy = True
            of._compare("app")
            busy = False

    shell.world.before = shell.world.after = looked
    for line in ("rotate app --wait", "rotate app", "rollback app --yes --wait"):
        shell.run(*line.split())
    an_interval(shell, of)
    return looks(shell)
