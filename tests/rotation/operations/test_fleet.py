"""How every secret stands, for a page or an alert."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.operations.fleet import SHOWN, Health, Rank, most_urgent, standing
from tests.support.shell import Shell, at_work


def one(shell: Shell) -> Health:
    with at_work(shell, effectful=False) as here:
        [found] = standing(here, [], shell.world.now, [])
    return found


def test_a_secret_stands_as_the_journal_has_it(
    shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    assert one(shell).rank is Rank.UNKNOWN
    shell.adopted()
    capfd.readouterr()
    assert one(shell).rank is Rank.PAST_MAX_AGE
    assert shell.run("pause", "app", "--reason", "one person on call").exit_code == 0
    capfd.readouterr()
    paused = one(shell)
    assert (paused.rank.needs_attention, paused.row and paused.row.on_hold) == (True, True)
    assert capfd.readouterr() == ("", "")


def test_whatever_needs_somebody_is_shown_before_anything_else() -> None:
    fine = Health(
        secret="fine", policy="p", rank=Rank.FINE, max_age=timedelta(days=90), age=timedelta(),
        due_at=None, why="", row=None,
    )  # fmt: skip
    held = [replace(fine, secret=f"held-{n}", rank=Rank.HELD) for n in range(SHOWN + 5)]
    many = [*(replace(fine, secret=f"fine-{n}") for n in range(SHOWN)), *held]
    shown = most_urgent(many, everything=False)
    assert {health.secret for health in shown} == {health.secret for health in held}
    assert len(most_urgent(many, everything=True)) == len(many)
