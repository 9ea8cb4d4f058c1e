"""Accidents and operator mistakes at random, seeded; afterwards `doctor`, `reconcile` and `status`
are held against the world itself: nothing false is called fine, and no alarm is false.

The world is the simulated one; `tests/crash` and the matrix ask the real services.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.types import CURRENT
from tests.support.shell import APP, Shell, furnished
from tests.support.turns import EVERY, SOME, taken
from tests.support.world import World

SEEDS = 300
PER_TEST = 30


def nothing(shell: Shell) -> None:
    """Most days."""


def current_is_deleted(shell: Shell) -> None:
    shell.world.instances.pop(current(shell.world)[0], None)


def current_is_switched_off(shell: Shell) -> None:
    instance = shell.world.instances.get(current(shell.world)[0])
    if instance is not None:
        instance.active = False


def bytes_are_overwritten(shell: Shell) -> None:
    version = shell.world.labels[CURRENT]
    shell.world.versions[version] = (shell.world.versions[version][0], "overwritten-by-hand")


def a_stranger_appears(shell: Shell) -> None:
    shell.world.mint(by_person=True)


def label_is_moved(shell: Shell) -> None:
    shell.world.versions["by-hand"] = shell.world.versions[shell.world.labels[CURRENT]]
    shell.world.move(CURRENT, "by-hand")


def claim_is_taken(shell: Shell) -> None:
    shell.world.claim = "ffffffffffff"


def claim_is_removed(shell: Shell) -> None:
    shell.world.claim = None


ACCIDENTS: tuple[Callable[[Shell], None], ...] = (
    nothing, nothing, current_is_deleted, current_is_switched_off, bytes_are_overwritten,
    a_stranger_appears, label_is_moved, claim_is_taken, claim_is_removed,
)  # fmt: skip
WHEN = ("adopted", "rotated", "open", "abandoned")


def current(world: World) -> tuple[str, str]:
    return world.versions[world.labels[CURRENT]]


def brought(shell: Shell, when: str) -> None:
    shell.configuration.entry = APP._replace(max_age_s=400 * 86_400)
    shell.adopted()
    if when == "rotated":
        assert shell.run("rotate", "app", "--wait").exit_code == 0
    elif when in ("open", "abandoned"):
        shell.world.denied |= {"probe.login"} if when == "abandoned" else set()
        shell.run("rotate", "app")
        shell.world.denied.clear()
        if when == "abandoned":
            shell.run("abandon", "app", "--yes")
    shell.world.advance(shell.world.now + shell.world.lag * 2)


def is_down(world: World) -> bool:
    return not world.accepts(*current(world))


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_nothing_false_is_fine_and_no_alarm_is_false(
    first: int, stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for number in taken(PER_TEST, stride, str(first)):
        seed = first + number
        chance = random.Random(seed)  # noqa: S311 -- a seed, no secret
        shell = furnished(tmp_path / f"{seed}", monkeypatch)
        when, accident = chance.choice(WHEN), chance.choice(ACCIDENTS)
        brought(shell, when)
        accident(shell)
        down = is_down(shell.world)
        reply = {
            "doctor": shell.run("doctor", "app", "--login").exit_code,
            "reconcile": shell.run("reconcile", "app").exit_code,
        }
        untouched = accident is nothing and when != "abandoned"
        if untouched and any(reply.values()):
            wrong.append((seed, when, accident.__name__, "a false alarm", reply))
        if down and reply["doctor"] == 0:
            wrong.append((seed, when, accident.__name__, "readers are down, and doctor is fine"))
        by_login_alone = accident is bytes_are_overwritten
        if accident is not nothing and not by_login_alone and reply["reconcile"] == 0:
            wrong.append((seed, when, accident.__name__, "reconcile sees nothing", reply))
        shell.run("rotate", "app")
        checked = shell.run("status", "--check").exit_code
        # `status` asks nobody: while a rotation waits it tells what was last seen.
        looked = when != "open" and not by_login_alone
        if is_down(shell.world) and checked != 12 and looked:
            wrong.append(
                (seed, when, accident.__name__, "readers are down, and status is", checked)
            )
        if not is_down(shell.world) and checked == 12:
            wrong.append((seed, when, accident.__name__, "nobody is down, and status is 12"))
    assert wrong == []
