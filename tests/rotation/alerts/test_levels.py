"""Which conditions hold, from what `status` concludes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rotation.alerts.alert import Found
from rotation.alerts.levels import STRANGERS_MAX, Standing, levels
from rotation.journal.entries import Identity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW = Identity(stream="s", identity="i", secret="app", seq=1, hash="")


def found(*words: str, row: Identity | None = ROW, strangers: tuple[str, ...] = ()) -> list[Found]:
    standing = Standing(
        words=frozenset(words), due_at=None, max_age=timedelta(days=1), row=row, rotation=None,
        strangers=strangers,
    )  # fmt: skip
    return list(levels(NOW, standing))


def test_each_state_that_holds_is_a_condition_and_not_only_the_most_urgent_one() -> None:
    assert {each.event for each in found("down", "held", "left-alive", "fine")} >= {
        "down", "held", "left-alive"
    }  # fmt: skip


def test_a_second_live_credential_does_not_end_the_first_one() -> None:
    (one,) = (each for each in found("unaccounted", strangers=("KEY2",)) if each.begins)
    both = [each for each in found("unaccounted", strangers=("KEY1", "KEY2")) if each.begins]
    assert one in both
    assert len(both) == 2
    many = tuple(f"KEY{n}" for n in range(1000))
    assert len(found("unaccounted", strangers=many)) <= STRANGERS_MAX + 1


def test_what_is_not_known_yet_goes_on_and_does_not_begin() -> None:
    (still,) = found("open")
    assert (still.event, still.begins) == ("unknown", False)
    assert found("open", row=None) == []


def test_what_is_due_and_waits_for_a_window_goes_on_and_does_not_begin() -> None:
    standing = Standing(
        words=frozenset({"fine"}), due_at=NOW + timedelta(days=1), max_age=timedelta(days=90),
        row=replace(ROW, created=NOW), rotation=None, gated=NOW - timedelta(days=2),
    )  # fmt: skip
    (still,) = levels(NOW, standing)
    assert (still.event, still.begins, still.episode) == ("overdue", False, "0")
