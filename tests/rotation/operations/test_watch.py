"""The drift watch: what somebody changes by hand is noticed within one interval and touched by nobody;
what the runner changes itself is no drift."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.journal.entries import Kind
from rotation.machine.decide import Wait
from rotation.machine.replay import replay
from rotation.operations.watch import DriftWatch
from rotation.report.health import CredentialStatus, standing
from rotation.runtime import logs
from rotation.types import CURRENT, PREVIOUS
from tests.support.shell import APP, STREAM, Shell, at_work, furnished
from tests.support.turns import STRIDE, taken

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

    def look(_number: int, _name: str) -> None:
        nonlocal busy
        if not busy and chance.random() < 0.2:
            busy = True
            of._compare("app")
            busy = False

    shell.world.before = shell.world.after = look
    for line in ("rotate app --wait", "rotate app", "rollback app --yes --wait"):
        shell.run(*line.split())
    an_interval(shell, of)
    return looks(shell)
