"""Why a secret is due, or why not."""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotation.calendar import Freeze, Schedule, Window
from rotation.config import ConfiguredSecret
from rotation.errors import PolicyRefusal
from rotation.journal.entries import Draft, Identity
from rotation.journal.entries import Entry as JournalEntry
from rotation.journal.entries import Kind as EntryKind
from rotation.schedule.admission import admitted, due_now
from rotation.schedule.brakes import (
    freeze_file,
    frozen_by,
    read_only,
    read_only_stop,
    stop_if_behind,
    stops,
)
from rotation.schedule.due import Due, DueState, due

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

ENTRY = ConfiguredSecret(
    id="billing", identity="aws-iam/1/billing", issuer="aws-iam-access-key", place="p",
    connection="aws", class_name="production", owner="o", application="a", environment="e",
    state="active", until=None, reason=None, schedule=Schedule(), max_age_s=90 * 86_400,
    margin_s=7 * 86_400, period_s=80 * 86_400, file="f", line=1, text=b"",
)  # fmt: skip
KNOWN = Identity(
    stream=ENTRY.stream, identity=ENTRY.identity, secret="billing", seq=9, hash="", handle="K1",
    created=NOW - 50 * DAY,
)  # fmt: skip


def entry(**changes: Any) -> ConfiguredSecret:
    return ENTRY._replace(**changes)


def known(**changes: Any) -> Identity:
    return replace(KNOWN, **changes)


def scheduled(**words: Any) -> ConfiguredSecret:
    return entry(schedule=Schedule(**words))


# ------------------------------------------------------------------------------------ the checks


@pytest.mark.parametrize(
    ("entry", "identity", "kind", "at"),
    [
        (entry(), known(), DueState.LATER, NOW + 30 * DAY),
        (entry(), known(created=NOW - 80 * DAY), DueState.DUE, NOW),
        (entry(), known(created=NOW - 100 * DAY), DueState.DUE, NOW - 20 * DAY),
        (entry(), None, DueState.NEVER, None),
        (entry(), known(created=None), DueState.UNKNOWN, None),
        (entry(), known(plan="routine", wake_at=NOW + HOUR), DueState.OPEN, NOW + HOUR),
        (entry(), known(plan="routine", held="held.denied"), DueState.HELD, None),
        (entry(), known(on_hold=True, created=NOW - 100 * DAY), DueState.HELD, None),
        (entry(), known(retired=True), DueState.RETIRED, None),
        (entry(state="retired"), known(created=NOW - 100 * DAY), DueState.RETIRED, None),
        (
            entry(state="paused", until=NOW + DAY, reason="x"),
            known(created=NOW - 100 * DAY), DueState.PAUSED, NOW + DAY,
        ),
        (
            entry(state="paused", until=NOW, reason="x"),
            known(created=NOW - 100 * DAY), DueState.DUE, NOW - 20 * DAY,
        ),
    ],
)  # fmt: skip
def test_how_a_secret_stands(
    entry: ConfiguredSecret, identity: Identity | None, kind: DueState, at: datetime | None
) -> None:
    answer = due(entry, identity, NOW)
    assert (answer.kind, answer.at) == (kind, at)
    assert answer.reason


def test_an_unknown_age_is_asked_for_and_never_assumed() -> None:
    for identity in (None, known(created=None), known(created=None, last_success_at=None)):
        answer = due(scheduled(cron="* * * * *"), identity, NOW)
        assert answer.kind in (DueState.NEVER, DueState.UNKNOWN)
        assert "adopt" in answer.reason


def test_it_is_replaced_before_it_expires() -> None:
    identity = known(created=NOW - DAY, expires=NOW + 7 * DAY + HOUR)
    assert due(ENTRY, identity, NOW) == Due(DueState.LATER, "before it expires", NOW + HOUR)
    assert due(ENTRY, identity, NOW + HOUR).kind is DueState.DUE


def test_what_was_adopted_close_to_its_end_is_due_at_once() -> None:
    """It was given a life shorter than the margin by somebody else; nothing of ours storms yet."""
    answer = due(ENTRY, known(created=NOW, expires=NOW + HOUR), NOW)
    assert (answer.kind, answer.reason) == (DueState.DUE, "before it expires")


@pytest.mark.parametrize("life", [HOUR, DAY, 7 * DAY, 7 * DAY + HOUR, 8 * DAY])
def test_a_life_that_is_hardly_longer_than_the_margin_is_no_storm(life: timedelta) -> None:
    """Replaced in time, and not again before a part of the new life is over."""
    now, identity, rotated = NOW, known(created=NOW, expires=NOW + life), 0
    while now < NOW + 10 * life:
        answer = due(ENTRY, identity, now)
        assert answer.at is not None
        now = max(now, answer.at)
        assert identity.expires is not None
        assert now < identity.expires
        identity = known(created=now, expires=now + life, last_success_at=now)
        rotated += 1
    assert rotated <= 31


@pytest.mark.parametrize(
    "broken", [{"expires": NOW + DAY}, {"expires": NOW - DAY}, {"created": NOW - 100 * DAY}]
)
def test_an_end_or_an_age_that_no_rotation_moves_is_no_storm(broken: dict[str, Any]) -> None:
    now, rotated = NOW, 0
    while now < NOW + 30 * DAY:
        rotated += 1
        at = due(ENTRY, known(**{"created": now, "last_success_at": now, **broken}), now).at
        assert at is not None
        assert at > now
        now = at
    assert rotated <= 60


def test_an_end_counts_though_nobody_knows_its_age() -> None:
    identity = known(created=None, expires=NOW + 8 * DAY)
    answer = due(ENTRY, identity, NOW)
    assert (answer.kind, answer.at) == (DueState.UNKNOWN, NOW + DAY)
    assert "--created" in answer.reason
    assert due(ENTRY, identity, NOW + DAY) == Due(DueState.DUE, "before it expires", NOW + DAY)
    hand = scheduled(every_s=86_400, windows=(Window(from_="22:00", to="23:00"),))
    assert due(hand, identity, NOW + DAY).at == NOW + DAY + 10 * HOUR


def test_an_interval_counts_from_the_last_success() -> None:
    identity = known(last_success_at=NOW - 29 * DAY)
    answer = due(scheduled(every_s=30 * 86_400), identity, NOW)
    assert answer == Due(DueState.LATER, "by its interval", NOW + DAY)


def test_its_age_comes_before_a_longer_interval() -> None:
    answer = due(scheduled(every_s=300 * 86_400), known(created=NOW - 80 * DAY), NOW)
    assert answer == Due(DueState.DUE, "by its age", NOW)


def test_missed_slots_are_made_up_for_by_one_rotation() -> None:
    weekly = scheduled(cron="0 3 * * 1")
    missed = due(weekly, known(last_success_at=NOW - 40 * DAY), NOW)
    assert missed == Due(DueState.DUE, "by its schedule", datetime(2026, 11, 23, 3, tzinfo=UTC))
    done = due(weekly, known(last_success_at=NOW), NOW)
    assert done == Due(DueState.LATER, "by its schedule", datetime(2026, 11, 30, 3, tzinfo=UTC))


@pytest.mark.parametrize(("rollbacks", "hours"), [(1, 24), (2, 48)])
def test_after_a_rollback_it_waits_each_time_twice_as_long(rollbacks: int, hours: int) -> None:
    identity = known(
        created=NOW - 100 * DAY, rollbacks=rollbacks, last_outcome="rolled-back",
        last_closed_at=NOW,
    )  # fmt: skip
    again = NOW + hours * HOUR
    assert due(ENTRY, identity, NOW).at == again
    assert due(ENTRY, identity, again - timedelta(seconds=1)).kind is DueState.LATER
    assert due(ENTRY, identity, again).kind is DueState.DUE


def test_the_third_rollback_in_a_row_waits_for_a_person() -> None:
    identity = known(rollbacks=3, last_outcome="rolled-back", last_closed_at=NOW - 900 * DAY)
    assert due(ENTRY, identity, NOW).kind is DueState.HELD


@pytest.mark.parametrize("outcome", ["abandoned", "rolled-back"])
def test_what_went_back_long_before_its_time_is_due_in_its_time(outcome: str) -> None:
    identity = known(created=NOW - DAY, last_outcome=outcome, last_closed_at=NOW, rollbacks=1)
    assert due(ENTRY, identity, NOW).reason == "by its age"


def test_what_a_person_abandoned_is_not_begun_again_at_once() -> None:
    identity = known(created=NOW - 100 * DAY, last_outcome="abandoned", last_closed_at=NOW)
    assert due(ENTRY, identity, NOW + HOUR).kind is DueState.LATER
    assert due(ENTRY, identity, NOW + DAY).kind is DueState.DUE


# ------------------------------------------------------------------------- windows, freezes, jitter


def test_outside_its_window_it_is_not_due_yet() -> None:
    old = known(created=NOW - 100 * DAY)
    nights = scheduled(windows=(Window(from_="22:00", to="23:00"),))
    answer = due(nights, old, NOW)
    assert (answer.kind, answer.at) == (DueState.LATER, NOW + 10 * HOUR)
    assert "waits for its window" in answer.reason
    assert due(nights, old, NOW + 10 * HOUR).kind is DueState.DUE


def test_a_freeze_does_not_move_what_is_due() -> None:
    freeze = Freeze(from_="2026-11-20", to="2026-11-30", reason="launch")
    frozen = due(ENTRY, known(created=NOW - 100 * DAY), NOW, [freeze])
    assert frozen == Due(
        DueState.LATER, "by its age; frozen: launch", datetime(2026, 12, 1, tzinfo=UTC),
        gated=NOW - 20 * DAY,
    )  # fmt: skip
    assert due(ENTRY, known(), NOW, [freeze]).at == NOW + 30 * DAY


@given(st.integers(0, 7 * 86_400), st.text(min_size=1))
def test_jitter_delays_within_its_bound_and_always_by_the_same(jitter: int, name: str) -> None:
    spread = entry(identity=name, schedule=Schedule(jitter_s=jitter))
    answers = {due(spread, KNOWN, NOW + n * DAY).at for n in range(3)}
    [at] = answers
    assert at is not None
    assert timedelta() <= at - (NOW + 30 * DAY) <= timedelta(seconds=jitter)


def test_jitter_spreads() -> None:
    hours = Counter(
        due(entry(identity=str(n), schedule=Schedule(jitter_s=10 * 3600)), KNOWN, NOW).at
        for n in range(200)
    )
    assert len(hours) > 150


def test_jitter_never_delays_beyond_an_expiry() -> None:
    identity = known(expires=NOW + 7 * DAY)
    assert due(scheduled(jitter_s=86_400), identity, NOW).kind is DueState.DUE


@given(
    st.integers(0, 200),
    st.integers(0, 200) | st.none(),
    st.sampled_from([{}, {"every_s": 86_400 * 20}, {"cron": "30 4 * * 1"}, {"jitter_s": 7200}]),
    st.integers(0, 300),
)
def test_what_it_says_of_the_future_comes_true(
    age: int, success: int | None, words: dict[str, Any], later: int
) -> None:
    """Whatever is due later is not due a moment before, and is due then."""
    identity = known(
        created=NOW - age * DAY,
        last_success_at=None if success is None else NOW - success * DAY,
    )
    now = NOW + later * HOUR
    answer = due(scheduled(**words), identity, now)
    assert answer.at is not None
    if answer.kind is DueState.DUE:
        assert answer.at <= now
    else:
        assert answer.at > now
        tick = timedelta(microseconds=1)
        assert due(scheduled(**words), identity, answer.at - tick).kind is DueState.LATER
        assert due(scheduled(**words), identity, answer.at).kind is DueState.DUE


# --------------------------------------------------------------------------------- not all at once


@dataclass
class Records:
    """As much of a journal as the schedule asks."""

    rows: list[Identity] = field(default_factory=list)
    installation: list[JournalEntry] = field(default_factory=list)

    def identities(self) -> list[Identity]:
        return self.rows

    def held_for(self, code: str) -> list[Identity]:
        return [row for row in self.rows if row.held == code]

    def installation_entries(self, *kinds: EntryKind) -> list[JournalEntry]:
        return [entry for entry in self.installation if entry.kind in kinds]

    def record(self, draft: Draft, runner: str, now: datetime) -> None:
        self.installation.append(replace(frozen(on=True), at=now, facts=draft.facts))


@dataclass
class Fleet:
    """As much of a configuration as the schedule asks."""

    entries: list[ConfiguredSecret]
    concurrency: int = 4
    freezes: tuple[Freeze, ...] = ()
    journal: Path = Path("nowhere/journal.db")

    def secrets(self) -> list[ConfiguredSecret]:
        return self.entries

    def secret(self, name: str) -> ConfiguredSecret | None:
        return next((each for each in self.entries if each.id == name), None)

    def __len__(self) -> int:
        return len(self.entries)


def fleet(count: int, connections: int = 1000) -> Fleet:
    return Fleet([
        entry(id=f"s{n}", identity=f"i{n}", connection=f"c{n % connections}") for n in range(count)
    ])  # fmt: skip


def row(each: ConfiguredSecret, **changes: Any) -> Identity:
    return known(stream=each.stream, identity=each.identity, secret=each.id, **changes)


def test_when_everything_is_due_at_once_a_fifth_is_opened_within_an_hour() -> None:
    configuration = fleet(50)
    journal = Records([row(each, created=NOW - 100 * DAY) for each in configuration.entries])
    first = due_now(configuration, journal, NOW)
    assert len(first) == 10
    chosen = {each.stream for each in first}
    journal.rows = [
        replace(r, plan="routine", phase="verify", opened_at=NOW) if r.stream in chosen else r
        for r in journal.rows
    ]
    assert due_now(configuration, journal, NOW + timedelta(minutes=59)) == []
    second = due_now(configuration, journal, NOW + HOUR)
    assert len(second) == 10
    assert not chosen & {each.stream for each in second}


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    configuration = fleet(6)
    journal = Records([row(each, created=NOW - 100 * DAY) for each in configuration.entries])
    first = {each.stream for each in due_now(configuration, journal, NOW)}
    journal.rows = [
        replace(r, created=NOW, last_success_at=NOW) if r.stream in first else r
        for r in journal.rows
    ]
    then = {each.stream for each in due_now(configuration, journal, NOW - 2 * HOUR)}
    assert len(then) == 3
    assert not first & then


def test_of_a_few_three_are_opened_at_once() -> None:
    configuration = fleet(5)
    journal = Records([row(each, created=NOW - 100 * DAY) for each in configuration.entries])
    assert len(due_now(configuration, journal, NOW)) == 3


def test_the_longest_overdue_comes_first() -> None:
    configuration = fleet(5)
    journal = Records([
        row(each, created=NOW - (100 + n) * DAY) for n, each in enumerate(configuration.entries)
    ])  # fmt: skip
    assert [each.id for each in due_now(configuration, journal, NOW)] == ["s4", "s3", "s2"]


def test_a_connection_is_not_loaded_beyond_its_cap() -> None:
    configuration = fleet(100, connections=2)
    old = NOW - 100 * DAY
    journal = Records([row(each, created=old) for each in configuration.entries])
    working = [row(each, plan="routine", phase="create") for each in configuration.entries[:3]]
    waiting = [
        row(each, plan="routine", phase="propagate", row="confirm[consumer:x]")
        for each in configuration.entries[3:20]
    ]
    held = [row(configuration.entries[20], plan="routine", phase="create", held="held.denied")]
    journal.rows[:21] = [*working, *waiting, *held]
    # Of the three at work two are on c0 and one is on c1; who waits or is Held loads nobody.
    assert Counter(each.connection for each in due_now(configuration, journal, NOW)) == {
        "c0": 2, "c1": 3,
    }  # fmt: skip


@given(st.integers(-2, 20), st.integers(1, 5), st.lists(st.integers(0, 3), max_size=30))
def test_no_bound_is_ever_passed(room: int, cap: int, connections: list[int]) -> None:
    found = [
        (entry(id=f"s{n}", identity=f"i{n}", connection=f"c{c}"), Due(DueState.DUE, "x", NOW))
        for n, c in enumerate(connections)
    ]
    busy = Counter({"c0": 2})
    chosen = list(admitted(found, room, busy, cap))
    loaded = busy + Counter(each.connection for each in chosen)
    assert len(chosen) <= max(room, 0)
    assert all(count <= max(cap, busy[name]) for name, count in loaded.items())
    assert busy == {"c0": 2}


def test_what_a_person_froze_opens_nothing() -> None:
    configuration = fleet(1)
    journal = Records([row(configuration.entries[0], created=NOW - 100 * DAY)])
    assert len(due_now(configuration, journal, NOW)) == 1
    journal.installation = [frozen(on=True)]
    assert frozen_by(journal) == "incident"
    with pytest.raises(PolicyRefusal, match=r"frozen: incident.*installation\.frozen"):
        due_now(configuration, journal, NOW)
    assert due_now(configuration, Records([], journal.installation), NOW) == []
    journal.installation.append(frozen(on=False))
    assert frozen_by(journal) is None
    assert len(due_now(configuration, journal, NOW)) == 1


def test_a_freeze_works_without_the_journal(tmp_path: Path) -> None:
    configuration = fleet(1)
    configuration.journal = tmp_path / "journal.db"
    journal = Records([row(configuration.entries[0], created=NOW - 100 * DAY)])
    freeze_file(configuration).write_text("the disk is failing\n")
    assert frozen_by(journal, freeze_file(configuration)) == "the disk is failing"
    with pytest.raises(PolicyRefusal, match="the disk is failing"):
        due_now(configuration, journal, NOW)


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.write_bytes(b"\xff"), os.mkfifo, Path.mkdir,
        lambda path: path.symlink_to("nowhere"), lambda path: path.symlink_to(path),
    ],
    ids=["bytes", "pipe", "directory", "dangling", "circle"],
)  # fmt: skip
def test_a_freeze_whose_reason_cannot_be_read_holds_all_the_same(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    put(tmp_path / "journal.db.frozen")
    reason = frozen_by(Records([]), tmp_path / "journal.db.frozen")
    assert reason is not None
    assert "cannot be read" in reason
    configuration = fleet(1)
    configuration.journal = tmp_path / "journal.db"
    [stop] = stops(configuration, Records([]))
    assert "freeze --all --lift" in stop.hint


@pytest.mark.parametrize(
    ("count", "connections", "stops"), [(3, 1, True), (2, 1, False), (4, 2, False)]
)
def test_many_marks_that_the_journal_does_not_know_stop_everything(
    count: int, connections: int, *, stops: bool
) -> None:
    configuration = fleet(20, connections)
    journal = Records([
        row(each, created=NOW - 100 * DAY, plan="routine", held="held.journal-behind", held_at=NOW)
        for each in configuration.entries[:count]
    ])  # fmt: skip
    journal.rows += [row(each, created=NOW - 100 * DAY) for each in configuration.entries[count:]]
    stop_if_behind(configuration, journal, "r", NOW + DAY)
    assert bool(read_only(journal)) is stops
    assert [stop.code for stop in read_only_stop(journal)] == ["installation.read-only"] * stops
    with pytest.raises(PolicyRefusal) if stops else nullcontext():
        assert due_now(configuration, journal, NOW)


def test_what_a_person_reconciled_stops_nothing_again() -> None:
    configuration = fleet(3, 1)
    held = {"plan": "routine", "held": "held.journal-behind", "held_at": NOW}
    journal = Records([row(each, **held) for each in configuration.entries])
    journal.record(Draft(kind=EntryKind.FROZEN, facts={"read_only": False}), "r", NOW + DAY)
    stop_if_behind(configuration, journal, "r", NOW + DAY)
    assert read_only(journal) is None


def frozen(*, on: bool) -> JournalEntry:
    return JournalEntry(
        stream="installation", seq=1, rotation=0, schema=1, kind=EntryKind.FROZEN, row=None,
        attempt=None, epoch=0, runner="r", who="alice", at=NOW, server_at=None, prev="",
        facts={"frozen": on, "reason": "incident"},
    )  # fmt: skip
