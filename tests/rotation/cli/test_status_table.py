"""The rows of `status` as a pure function."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.cli.status_table import cells
from rotation.journal.entries import Identity
from rotation.operations.fleet import Health, Rank
from tests.support.world import START

ROW = Identity(stream="s", identity="i", secret="app", seq=1, hash="", handle="KEY1")


def line(**changes: object) -> str:
    health = Health(
        secret="app", policy="production", rank=Rank.FINE, max_age=timedelta(days=90),
        age=timedelta(days=45), due_at=START + timedelta(days=30), why="by its age", row=ROW,
    )  # fmt: skip
    return "  ".join(cell.text for cell in cells(replace(health, **changes), START))  # type: ignore[arg-type]


def test_half_its_time_is_half_a_bar() -> None:
    assert line() == "app  production  █████░░░░░  45 d of 90 d  2026-01-31 (in 30 d)  by its age"


@pytest.mark.parametrize(
    ("days", "bar"), [(0, "░" * 10), (89, "█" * 10), (90, "█" * 10), (900, "█" * 10)]
)
def test_the_bar_never_leaves_its_place(days: int, bar: str) -> None:
    assert bar in line(age=timedelta(days=days))


def test_a_stated_age_says_so() -> None:
    assert "45 d of 90 d stated" in line(row=replace(ROW, stated=True))


def test_an_unknown_age_is_no_age() -> None:
    assert "??????????  ? of 90 d" in line(age=None)


def test_what_cannot_log_in_is_asserted() -> None:
    assert "asserted, nothing can log in" in line(row=replace(ROW, unverified=True))


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in line(secret="a\x1b[2Jb")


def test_the_worst_comes_first_and_then_the_oldest() -> None:
    def health(rank: Rank, days: int) -> Health:
        return Health(
            secret=f"{rank}-{days}", policy="p", rank=rank, max_age=timedelta(days=90),
            age=timedelta(days=days), due_at=None, why="", row=None,
        )  # fmt: skip

    mixed = [
        health(Rank.FINE, 80),
        health(Rank.HELD, 1),
        health(Rank.FINE, 10),
        health(Rank.PAST_MAX_AGE, 99),
    ]
    ordered = sorted(mixed, key=lambda each: each.order)
    assert [each.secret for each in ordered] == ["1-1", "2-99", "11-80", "11-10"]
