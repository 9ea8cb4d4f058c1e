"""The derived rows: what `status`, `due` and the runner's queue read."""

from rotation.journal import Journal
from rotation.journal.entries import Draft, Kind
from rotation.testing.journal.drafts import (
    APP,
    CLOSED,
    HOLD,
    NOW,
    ROW,
    SECOND,
    TTL,
    asking,
    claimed,
    done,
    open_next,
    opened,
    opening,
)


class RowsConformance:
    def test_the_row_follows_from_the_entries(self, journal: Journal) -> None:
        lease = opened(journal)
        whole = journal.append(lease, [done()], NOW + SECOND)
        row = journal.identity(APP)
        assert row is not None
        assert (row.stream, row.identity, row.secret) == (APP, "app", "app")
        assert (row.seq, row.hash, row.rotation) == (whole[-1].seq, whole[-1].hash, 1)
        assert (row.plan, row.wake_at, row.on_hold) == ("routine", NOW + SECOND, False)
        assert (row.epoch, row.lease_runner, row.lease_until) == (lease.epoch, "one", NOW + TTL)
        assert list(journal.identities()) == [row]

    def test_a_lease_alone_is_no_identity_yet(self, journal: Journal) -> None:
        claimed(journal)
        assert journal.identity(APP) is None
        assert list(journal.identities()) == []
        assert list(journal.streams()) == []

    def test_rows_are_read_in_the_order_of_their_streams(self, journal: Journal) -> None:
        for stream in ("app-2", "app-1", "app-3"):
            opened(journal, stream)
        assert [row.stream for row in journal.identities()] == ["app-1", "app-2", "app-3"]
        assert list(journal.streams()) == ["app-1", "app-2", "app-3"]

    def test_whoever_waits_longest_is_first_and_nobody_is_too_early(self, journal: Journal) -> None:
        for number, stream in enumerate(("app-3", "app-1", "app-2")):
            lease = opened(journal, stream)
            journal.append(lease, [done()], NOW + number * SECOND)
        assert [row.stream for row in journal.runnable(NOW + SECOND)] == ["app-3", "app-1"]
        assert list(journal.runnable(NOW - SECOND)) == []
        assert journal.next_wake() == NOW

    def test_the_held_and_the_closed_do_not_wake_until_a_person_asks(
        self, journal: Journal
    ) -> None:
        held = Draft(kind=Kind.HELD, facts={"code": "held.unknown-instance"})
        journal.append(opened(journal, "app-1"), [held], NOW)
        journal.append(opened(journal, "app-2"), [done(), CLOSED], NOW)
        assert list(journal.runnable(NOW + TTL)) == []
        assert journal.next_wake() is None
        journal.request("app-1", asking("resume"), "person", NOW + SECOND)
        assert [row.stream for row in journal.runnable(NOW + SECOND)] == ["app-1"]
        assert journal.next_wake() == NOW + SECOND

    def test_the_held_are_found_by_their_reason(self, journal: Journal) -> None:
        for stream, reason in (("app-2", "a"), ("app-3", "b"), ("app-1", "a")):
            held = Draft(kind=Kind.HELD, facts={"code": f"held.{reason}"})
            journal.append(opened(journal, stream), [held], NOW)
        opened(journal, "app-4")
        assert [row.stream for row in journal.held_for("held.a")] == ["app-1", "app-2"]
        assert list(journal.held_for("held.c")) == []

    def test_a_request_before_the_first_rotation_moves_only_the_rows_end(
        self, journal: Journal
    ) -> None:
        early = journal.request(APP, HOLD, "person", NOW)
        row = journal.identity(APP)
        assert row is not None
        assert (row.seq, row.hash, row.rotation, row.plan) == (1, early.hash, 0, None)

    def test_the_second_rotation_has_the_row_of_the_second(self, journal: Journal) -> None:
        lease = opened(journal)
        journal.append(lease, [Draft(kind=Kind.DONE, row=ROW), CLOSED], NOW)
        second = open_next(journal, opening(secret="renamed"), secret="renamed")
        row = journal.identity(APP)
        assert row is not None
        assert (row.rotation, row.secret, row.plan) == (second.seq, "renamed", "routine")
