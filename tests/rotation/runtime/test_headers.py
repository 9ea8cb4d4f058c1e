"""What a server or a proxy writes into a header is understood, or says nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.runtime.headers import RETRY_AFTER_MAX_S, header_time, retry_after

AT = "Mon, 30 Nov 2026 07:00:00"
NOW = datetime(2026, 11, 30, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (f"{AT} GMT", NOW),
        (f"{AT} -0000", NOW),
        (f"{AT} +0000", NOW),
        (f"{AT}", NOW),
        ("Mon, 30 Nov 2026 09:00:00 +0200", NOW),
        (f"{AT} GMT, {AT} GMT", NOW),
        (f"{AT} GMT, {AT} -0000", NOW),
        (f"{AT} GMT, Mon, 30 Nov 2026 08:00:00 GMT", None),
        ("", None),
        ("soon", None),
        ("Mon, 99 Nov 2026 07:00:00 GMT", None),
    ],
)
def test_a_date_is_aware_or_nothing(text: str, time: datetime | None) -> None:
    assert header_time(text) == time


@given(st.text() | st.builds(lambda a, b: f"{a}{AT} GMT{b}", st.text(), st.text()))
def test_no_date_stops_us(text: str) -> None:
    reply = header_time(text)
    assert reply is None or reply.tzinfo is not None


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("5", 5), (" 7 ", 7), ("999999999", RETRY_AFTER_MAX_S), ("9" * 5000, None), ("²", None),
        ("-1", None), ("Mon, 30 Nov 2026 07:00:30 -0000", 30), ("Mon, 30 Nov 2020 07:00:30 GMT", 0),
    ],
)  # fmt: skip
def test_seconds_or_a_date(asked: str, seconds: int | None) -> None:
    assert retry_after(asked, f"{AT} GMT") == seconds


def test_a_date_beside_no_date_says_nothing() -> None:
    assert retry_after(f"{AT} GMT") is None
