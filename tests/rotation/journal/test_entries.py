"""Times as the journal keeps them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rotation.journal.entries import stamp, unstamp

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("hours", [-12, -5, 0, 2, 5.75, 9, 14])
def test_a_time_of_any_zone_is_the_same_moment_afterwards(hours: float) -> None:
    there = NOON.astimezone(timezone(timedelta(hours=hours)))
    assert stamp(there) == "2026-06-01T12:00:00.000000Z"
    assert unstamp(stamp(there)) == NOON


def test_a_time_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="zone"):
        stamp(datetime(2026, 6, 1, 12))  # noqa: DTZ001
