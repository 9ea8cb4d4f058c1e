"""Who may write: leases, epochs, superseding, and what a crash leaves."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from rotation.errors import AlreadyOpen, JournalMoved, StaleEpoch
from rotation.journal import Journal
from rotation.journal.entries import Draft, Entry, Kind
from rotation.testing.journal.drafts import (
    APP,
    CLOSED,
    NOW,
    SECOND,
    TTL,
    Crash,
    asking,
    began,
    claimed,
    done,
    kinds,
    open_next,
    opened,
    opening,
    unbroken,
)


class LeasesConformance:
    # ------------------------------------------------------------------- leases and epochs

    def test_a_lease_is_one_runners_until_it_runs_out(self, journal: Journal) -> None:
        first = claimed(journal)
        assert journal.claim(APP, "two", NOW + TTL - SECOND, TTL) is None
        second = claimed(journal, runner="two", at=NOW + TTL)
        assert second.epoch > first.epoch

    def test_ones_own_lease_is_renewed_under_the_same_epoch(self, journal: Journal) -> None:
        first = claimed(journal)
        assert claimed(journal, at=NOW + TTL + SECOND) == first
        assert journal.claim(APP, "two", NOW + TTL + SECOND, TTL) is None

    def test_a_dead_runners_lease_is_free_at_once(self, journal: Journal) -> None:
        first = claimed(journal)
        assert journal.claim(APP, "two", NOW, TTL, dead=lambda runner: runner == "two") is None
        second = journal.claim(APP, "two", NOW, TTL, dead=lambda runner: runner == "one")
        assert second is not None
        assert second.epoch > first.epoch

    def test_a_lease_given_back_is_free_and_its_epoch_is_kept(self, journal: Journal) -> None:
        first = opened(journal)
        journal.release(first)
        row = journal.identity(APP)
        assert row is not None
        assert (row.epoch, row.lease_runner, row.lease_until) == (first.epoch, None, None)
        assert claimed(journal, runner="two").epoch > first.epoch

    def test_a_close_gives_the_lease_back(self, journal: Journal) -> None:
        lease = opened(journal)
        journal.append(lease, [done(), CLOSED], NOW)
        row = journal.identity(APP)
        assert row is not None
        assert (row.epoch, row.lease_runner, row.lease_until) == (lease.epoch, None, None)
        with pytest.raises(StaleEpoch):
            journal.append(lease, [done()], NOW)
        assert claimed(journal, runner="two").epoch > lease.epoch

    def test_a_lease_that_was_lost_gives_nothing_back(self, journal: Journal) -> None:
        first = claimed(journal)
        claimed(journal, runner="two", at=NOW + TTL)
        journal.release(first)
        assert journal.claim(APP, "three", NOW + TTL, TTL) is None

    @pytest.mark.parametrize(
        "lost", ["taken", "taken and had again", "given back", "superseded", "never had"]
    )
    def test_a_stale_runner_writes_nothing(self, journal: Journal, lost: str) -> None:
        lease = opened(journal)
        known = journal.entries(APP)
        if lost == "taken":
            claimed(journal, runner="two", at=NOW + TTL)
        elif lost == "taken and had again":
            journal.release(claimed(journal, runner="two", at=NOW + TTL))
            claimed(journal)
        elif lost == "given back":
            journal.release(lease)
        elif lost == "superseded":
            journal.supersede(APP, "two", "app", "app", [CLOSED, opening()], NOW, TTL)
        else:
            lease = replace(lease, runner="two")
        history = list(journal.history(APP))
        with pytest.raises(StaleEpoch):
            journal.append(lease, [done()], NOW, known=known, then=lambda _: (began(),))
        assert list(journal.history(APP)) == history

    def test_of_two_who_claim_at_once_one_wins(self, journal: Journal) -> None:
        runners = ("one", "two", "three", "four")
        for number in range(10):
            stream = f"app-{number}"
            together = threading.Barrier(len(runners))

            def claim(
                runner: str, stream: str = stream, gate: threading.Barrier = together
            ) -> bool:
                gate.wait()
                return journal.claim(stream, runner, NOW, TTL) is not None

            with ThreadPoolExecutor(len(runners)) as threads:
                assert sum(threads.map(claim, runners)) == 1

    def test_runners_of_different_streams_do_not_disturb_each_other(self, journal: Journal) -> None:
        rounds = range(10)

        def run(stream: str) -> int:
            lease = opened(journal, stream, runner=stream)
            known: tuple[Entry, ...] = ()
            for number in rounds:
                known = journal.append(
                    lease, [done(n=number)], NOW, known=known, then=lambda _: (began(),)
                )
            return len(known)

        streams = [f"app-{number}" for number in range(8)]
        with ThreadPoolExecutor(len(streams)) as threads:
            assert set(threads.map(run, streams)) == {1 + 2 * len(rounds)}
        assert list(journal.streams()) == streams
        assert all(unbroken(journal.history(stream)) for stream in streams)

    # ----------------------------------------------------------------- opening, superseding

    def test_an_identity_has_one_open_rotation(self, journal: Journal) -> None:
        opened(journal)
        with pytest.raises(AlreadyOpen):
            open_next(journal, opening(), runner="two")
        assert kinds(journal.history(APP)) == [Kind.OPENED]

    def test_opening_needs_no_lease_and_takes_none(self, journal: Journal) -> None:
        entry = open_next(journal, opening(), runner="two")
        assert (entry.runner, entry.epoch, entry.seq) == ("two", 0, 1)
        lease = claimed(journal)
        journal.append(lease, [CLOSED], NOW)
        assert open_next(journal, opening(), runner="two").epoch == lease.epoch
        whole = journal.append(claimed(journal), [done()], NOW)
        assert kinds(whole) == [Kind.OPENED, Kind.DONE]

    @pytest.mark.parametrize("landed", ["hold", "rotation"])
    def test_what_landed_before_it_is_seen_before_it_is_opened(
        self, journal: Journal, landed: str
    ) -> None:
        seen = journal.append(opened(journal), [CLOSED], NOW)[-1].seq
        if landed == "hold":
            journal.request(APP, asking("hold"), "person", NOW)
        else:
            open_next(journal, opening())
            journal.append(claimed(journal), [CLOSED], NOW)
        history = list(journal.history(APP))
        with pytest.raises(JournalMoved):
            journal.open(APP, "one", "app", "app", opening(), NOW, seen=seen)
        with pytest.raises(JournalMoved):
            journal.supersede(APP, "one", "app", "app", [opening()], NOW, TTL, seen=seen)
        assert list(journal.history(APP)) == history

    def test_superseding_closes_and_opens_whoever_holds_the_lease(self, journal: Journal) -> None:
        lost = opened(journal)
        lease = journal.supersede(APP, "two", "app", "app", [CLOSED, opening()], NOW, TTL)
        assert (lease.runner, lease.epoch) == ("two", lost.epoch + 1)
        whole = list(journal.history(APP))
        assert kinds(whole) == [Kind.OPENED, Kind.CLOSED, Kind.OPENED]
        assert [entry.epoch for entry in whole] == [lost.epoch, lease.epoch, lease.epoch]
        assert journal.append(lease, [done()], NOW)[0] == whole[-1]
        assert journal.claim(APP, "one", NOW, TTL) is None

    @pytest.mark.parametrize("drafts", [[opening()], [CLOSED, opening()]])
    def test_superseding_nothing_closes_nothing(
        self, journal: Journal, drafts: list[Draft]
    ) -> None:
        journal.supersede(APP, "two", "app", "app", drafts, NOW, TTL)
        assert kinds(journal.history(APP)) == [Kind.OPENED]

    def test_an_open_rotation_is_not_superseded_without_its_end(self, journal: Journal) -> None:
        lease = opened(journal)
        with pytest.raises(AlreadyOpen):
            journal.supersede(APP, "two", "app", "app", [opening()], NOW, TTL)
        assert claimed(journal) == lease
        assert kinds(journal.history(APP)) == [Kind.OPENED]

    # -------------------------------------------------------------------------- interruption

    def test_a_crash_inside_any_write_leaves_nothing(self, journal: Journal) -> None:
        lease = opened(journal)
        crash = done(crash="now")
        writes: list[Callable[[], object]] = [
            lambda: journal.append(lease, [done(), crash], NOW),
            lambda: journal.append(lease, [done()], NOW, then=lambda _: (crash,)),
            lambda: journal.request(APP, replace(asking("hold"), facts=crash.facts), "p", NOW),
            lambda: journal.supersede(
                APP, "two", "app", "app", [CLOSED, opening(crash="now")], NOW, TTL
            ),
        ]
        row, history = journal.identity(APP), list(journal.history(APP))
        for write in writes:
            with pytest.raises(Crash):
                write()
            assert journal.identity(APP) == row
            assert list(journal.history(APP)) == history
        journal.append(lease, [done()], NOW)
        assert unbroken(journal.history(APP))

    def test_a_decision_that_fails_leaves_nothing(self, journal: Journal) -> None:
        lease = opened(journal)

        def fail(_: tuple[Entry, ...]) -> tuple[Draft, ...]:
            raise Crash

        with pytest.raises(Crash):
            journal.append(lease, [done()], NOW, then=fail)
        assert kinds(journal.history(APP)) == [Kind.OPENED]
