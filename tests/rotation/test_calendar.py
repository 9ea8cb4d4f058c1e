"""Windows, freezes and cron, above all on the days on which clocks are set."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.calendar import Freeze, Schedule, Window, gates, last_slot, next_slot, weekdays

LONDON, BERLIN = ZoneInfo("Europe/London"), ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # in Europe

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
TIMES = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 59])).map(
    lambda time: f"{time[0]:02}:{time[1]:02}"
)
WINDOWS = st.builds(
    lambda times, days, zone: Window(from_=times[0], to=times[1], days=days, zone=zone),
    st.lists(TIMES, min_size=2, max_size=2, unique=True),
    st.sampled_from(["Mon-Sun", "Mon-Fri", "Sat", "Fri-Mon", "Tue, Thu"]),
    st.sampled_from(ZONES),
)
FREEZES = st.builds(
    lambda start, days, zone: Freeze(
        from_=f"{start:%Y-%m-%d}", to=f"{start + timedelta(days=days):%Y-%m-%d}",
        reason="x", zone=zone,
    ),
    st.dates(date(2026, 1, 1), date(2027, 12, 1)), st.integers(0, 20), st.sampled_from(ZONES),
)  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str, days: str = "Mon-Sun", zone: str = "Europe/London") -> Schedule:
    return Schedule(windows=(Window(from_=start, to=end, days=days, zone=zone),))


# --------------------------------------------------------------------------------------- windows


def test_without_windows_it_is_always_open() -> None:
    assert gates(Schedule(), (), at("2026-11-24T03:00")).open
    assert gates(Schedule(), (), at("2026-11-24T03:00")).until is None


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        ("2026-07-06T07:59:59", False),  # 08:59:59 in London's summer
        ("2026-07-06T08:00", True),
        ("2026-07-06T14:59:59", True),
        ("2026-07-06T15:00", False),  # the end is hard
        ("2026-12-07T08:59", False),  # in winter an hour later
        ("2026-12-07T09:00", True),
        ("2026-12-05T12:00", False),  # a Saturday
    ],
)
def test_a_window_is_in_local_time(now: str, is_open: bool) -> None:  # noqa: FBT001
    assert gates(window("09:00", "16:00", "Mon-Fri"), (), at(now)).open is is_open


def test_it_says_until_when_and_from_when() -> None:
    schedule = window("09:00", "16:00", "Mon-Fri")
    assert gates(schedule, (), at("2026-12-07T10:00")).until == at("2026-12-07T16:00")
    assert gates(schedule, (), at("2026-12-04T16:00")).opens_at == at("2026-12-07T09:00")


def test_a_window_over_midnight_belongs_to_the_day_it_opens_on() -> None:
    schedule = window("22:00", "02:00", "Fri")
    assert gates(schedule, (), at("2026-12-04T23:00")).open  # a Friday
    assert gates(schedule, (), at("2026-12-05T01:59")).until == at("2026-12-05T02:00")
    assert not gates(schedule, (), at("2026-12-05T02:00")).open
    assert not gates(schedule, (), at("2026-12-05T22:30")).open


def test_windows_that_touch_are_one() -> None:
    schedule = Schedule(
        windows=(Window(from_="09:00", to="12:00"), Window(from_="12:00", to="14:00"))
    )
    assert gates(schedule, (), at("2026-12-07T10:00")).until == at("2026-12-07T14:00")


def test_a_whole_day_has_an_end_of_its_own() -> None:
    schedule = window("00:00", "24:00", "Sat")
    assert gates(schedule, (), at("2026-12-05T12:00")).until == at("2026-12-06T00:00")


@pytest.mark.parametrize(
    ("start", "end", "day", "opens", "closes"),
    [
        # In London 01:00-02:00 is skipped in spring and comes twice in autumn.
        ("00:30", "03:00", SPRING, "00:30", "02:00"),
        ("01:30", "03:00", SPRING, "01:00", "02:00"),  # opens with the end of the gap
        ("00:30", "01:30", SPRING, "00:30", "01:00"),  # closes with its beginning
        ("01:15", "01:45", SPRING, "01:00", "01:00"),  # never shown: not at all
        ("00:30", "03:00", AUTUMN, "23:30", "03:00"),
        ("01:15", "01:45", AUTUMN, "00:15", "00:45"),  # only the first time
        ("01:30", "03:00", AUTUMN, "00:30", "03:00"),
    ],
)
def test_the_days_on_which_clocks_are_set(
    start: str, end: str, day: date, opens: str, closes: str
) -> None:
    schedule = window(start, end)
    midnight = datetime.combine(day, datetime.min.time(), UTC)
    minutes = [midnight + timedelta(minutes=n) for n in range(-60, 240)]
    being_open = [minute for minute in minutes if gates(schedule, (), minute).open]
    if opens == closes:
        assert not being_open
        return
    assert f"{being_open[0]:%H:%M}" == opens
    assert f"{being_open[-1] + timedelta(minutes=1):%H:%M}" == closes
    assert len(being_open) == (being_open[-1] - being_open[0]) / timedelta(minutes=1) + 1


@given(WINDOWS, MOMENTS)
def test_inside_a_window_the_wall_shows_a_time_of_the_window(
    window: Window, moment: datetime
) -> None:
    if not gates(Schedule(windows=(window,)), (), moment).open:
        return
    local = moment.astimezone(ZoneInfo(window.zone))
    shown, opens, closes = f"{local:%H:%M}", window.from_, window.to
    assert opens <= shown < closes if opens < closes else shown >= opens or shown < closes
    began = local.date() - timedelta(days=opens > closes and shown < closes)
    assert began.weekday() in weekdays(window.days)


@given(WINDOWS, MOMENTS)
def test_an_ordinary_day_s_window_is_missed_by_nobody(window: Window, moment: datetime) -> None:
    """The other direction; only next to a change of the clocks a window may be shorter."""
    local = moment.astimezone(ZoneInfo(window.zone))
    if local.utcoffset() != (local + timedelta(days=1)).utcoffset() or (
        local.utcoffset() != (local - timedelta(days=1)).utcoffset()
    ):
        return
    shown, opens, closes = f"{local:%H:%M}", window.from_, window.to
    inside = opens <= shown < closes if opens < closes else shown >= opens or shown < closes
    began = local.date() - timedelta(days=opens > closes and shown < closes)
    wanted = inside and began.weekday() in weekdays(window.days)
    assert gates(Schedule(windows=(window,)), (), moment).open is wanted


@given(st.lists(WINDOWS, max_size=3), st.lists(FREEZES, max_size=2), MOMENTS)
def test_what_it_says_of_the_future_comes_true(
    windows: list[Window], freezes: list[Freeze], now: datetime
) -> None:
    schedule = Schedule(windows=tuple(windows))
    gate = gates(schedule, freezes, now)
    tick = timedelta(microseconds=1)
    if gate.open:
        assert gate.frozen is None
        assert gate.opens_at is None
        if gate.until is not None:
            assert gate.until > now
            assert gates(schedule, freezes, gate.until - tick).open
    else:
        assert gate.until is None
        assert gate.opens_at is not None
        assert gate.opens_at > now
        assert gates(schedule, freezes, gate.opens_at).open
        assert not gates(schedule, freezes, gate.opens_at - tick).open


# --------------------------------------------------------------------------------------- freezes


def test_a_freeze_closes_every_window_through_its_last_day() -> None:
    freeze = Freeze(from_="2026-12-20", to="2027-01-03", reason="year end", zone="Europe/Berlin")
    before, after = at("2026-12-19T23:00"), at("2027-01-03T23:00")  # midnight in Berlin
    assert gates(Schedule(), [freeze], before - timedelta(seconds=1)).until == before
    frozen = gates(Schedule(), [freeze], before)
    assert (frozen.open, frozen.frozen, frozen.opens_at) == (False, "year end", after)
    assert gates(Schedule(), [freeze], after).open


def test_a_freeze_may_begin_and_end_at_a_moment() -> None:
    freeze = Freeze(from_="2026-12-20T18:00", to="2026-12-20T20:00", reason="launch")
    assert gates(Schedule(), [freeze], at("2026-12-20T19:59")).frozen == "launch"
    assert gates(Schedule(), [freeze], at("2026-12-20T20:00")).open


def test_a_window_ends_where_a_freeze_begins() -> None:
    freeze = Freeze(from_="2026-12-07T12:00", to="2026-12-07", reason="x")
    schedule = window("09:00", "16:00", zone="UTC")
    assert gates(schedule, [freeze], at("2026-12-07T10:00")).until == at("2026-12-07T12:00")


def test_after_a_freeze_the_next_window_opens() -> None:
    freeze = Freeze(from_="2026-12-01", to="2026-12-05", reason="x")
    schedule = window("09:00", "16:00", "Mon", zone="UTC")
    assert gates(schedule, [freeze], at("2026-12-02T10:00")).opens_at == at("2026-12-07T09:00")


# ------------------------------------------------------------------------------------------ cron


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 3 * * 1", "UTC", "2026-11-24T00:00", "2026-11-30T03:00"),  # 1 is Monday
        ("0 3 * * 7", "UTC", "2026-11-24T00:00", "2026-11-29T03:00"),  # 7 is Sunday
        ("0 0 13 * 5", "UTC", "2026-11-24T00:00", "2026-11-27T00:00"),  # either, not both
        ("30 1 * * *", "Europe/London", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("30 1 * * *", "Europe/London", "2026-10-25T00:30", "2026-10-26T01:30"),  # once
        ("30 1 * * *", "Europe/London", "2026-03-28T12:00", "2026-03-29T01:00"),  # after the gap
    ],
)
def test_cron_means_what_cron_means(cron: str, zone: str, after: str, expected: str) -> None:
    assert next_slot(cron, zone, at(after)) == at(expected)


def test_the_last_slot_includes_now() -> None:
    assert last_slot("0 3 * * *", "UTC", at("2026-11-24T03:00")) == at("2026-11-24T03:00")
    assert last_slot("0 3 * * *", "UTC", at("2026-11-24T02:59")) == at("2026-11-23T03:00")


@given(
    MOMENTS, st.sampled_from(ZONES), st.sampled_from(["30 1 * * *", "*/20 * * * *", "0 2 1 * *"])
)
def test_no_slot_lies_between_the_last_and_the_next(now: datetime, zone: str, cron: str) -> None:
    last, following = last_slot(cron, zone, now), next_slot(cron, zone, now)
    assert last is not None
    assert following is not None
    assert last <= now < following
    assert next_slot(cron, zone, last) == following


# --------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_": "9:00", "to": "16:00"},
        {"from_": "24:00", "to": "16:00"},
        {"from_": "09:00", "to": "24:01"},
        {"from_": "09:00", "to": "09:00"},
        {"from_": "09:00", "to": "16:00", "days": "Mon-Fry"},
        {"from_": "09:00", "to": "16:00", "zone": "Europe/Atlantis"},
        {"from_": "09:00", "to": "16:00", "zone": "../../etc/passwd"},
    ],
)
def test_a_window_that_means_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=": "):
        Window(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_": "2026-12-20", "to": "2026-12-19", "reason": "x"},
        {"from_": "20.12.2026", "to": "2026-12-31", "reason": "x"},
        {"from_": "2026-12-20T10:00+01:00", "to": "2026-12-31", "reason": "x"},
        {"from_": "2026-12-20", "to": "2026-12-31", "reason": " "},
        {"from_": "2026-12-20", "to": "9999-12-31", "reason": "for ever"},
        {
            "from_": "2026-12-20",
            "to": "9999-12-31T23:00",
            "reason": "x",
            "zone": "America/New_York",
        },
        {"from_": "0001-01-01", "to": "2026-12-31", "reason": "x", "zone": "Asia/Tokyo"},
    ],
)
def test_a_freeze_that_means_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=": "):
        Freeze(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cron": "0 3 * *"},
        {"cron": "0 0 3 * * *"},
        {"cron": "0 0 30 2 *"},
        {"cron": "@daily"},
        {"cron": "0 3 * * 1", "every_s": 60},
        {"every_s": 0},
    ],
)
def test_a_schedule_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=": "):
        Schedule(**wrong)  # type: ignore[arg-type]
