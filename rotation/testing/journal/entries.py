"""Streams of entries: appending, reading, refusing."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from rotation.errors import JournalError, JournalMoved
from rotation.journal import Journal
from rotation.journal.entries import INSTALLATION, Draft, Entry, Kind
from rotation.testing.journal.drafts import (
    APP,
    CLOSED,
    HOLD,
    NOW,
    ROW,
    SECOND,
    TTL,
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
from rotation.types import Facts, SecretValue

SECRET = "hunter2-correct-horse"


class EntriesConformance:
    # ------------------------------------------------------------------------------- entries

    def test_an_empty_journal_knows_nothing(self, journal: Journal) -> None:
        assert journal.entries(APP) == ()
        assert list(journal.history(APP)) == []
        assert list(journal.streams()) == []
        assert list(journal.identities()) == []
        assert journal.identity(APP) is None
        assert journal.next_wake() is None
        assert list(journal.runnable(NOW)) == []
        assert journal.installation_entries() == ()

    def test_everything_of_an_entry_is_read_as_it_was_written(self, journal: Journal) -> None:
        facts: Facts = {
            "text": 'a "quoted" ünïcode\n', "list": [1, None, True], "map": {"b": 1, "a": {}},
        }  # fmt: skip
        draft = Draft(
            kind=Kind.OBSERVED, row=ROW, attempt="b" * 32, who="ada", server_at=NOW, facts=facts
        )
        lease = opened(journal)
        returned = journal.append(lease, [draft, done()], NOW + SECOND)
        assert journal.entries(APP) == returned == tuple(journal.history(APP))
        first, observed, last = returned
        assert (observed.seq, observed.rotation, observed.epoch) == (2, 1, lease.epoch)
        assert (observed.row, observed.attempt, observed.who) == (ROW, "b" * 32, "ada")
        assert (observed.at, observed.server_at, observed.facts) == (NOW + SECOND, NOW, facts)
        assert (observed.runner, observed.stream) == ("one", APP)
        assert (observed.prev, last.prev) == (first.hash, observed.hash)
        assert unbroken(returned)

    def test_what_the_caller_does_with_his_facts_later_changes_nothing(
        self, journal: Journal
    ) -> None:
        lease = opened(journal)
        facts: Facts = {"list": [1]}
        journal.append(lease, [Draft(kind=Kind.DONE, row=ROW, facts=facts)], NOW)
        facts["list"] = [2]
        assert journal.entries(APP)[-1].facts == {"list": [1]}
        assert unbroken(journal.history(APP))

    def test_time_never_goes_back_in_a_stream(self, journal: Journal) -> None:
        lease = opened(journal)
        journal.append(lease, [done()], NOW - TTL)
        journal.request(APP, HOLD, "person", NOW - TTL)
        assert [entry.at for entry in journal.history(APP)] == [NOW, NOW, NOW]

    def test_only_the_latest_rotation_is_handed_out_and_all_of_it_is_kept(
        self, journal: Journal
    ) -> None:
        lease = opened(journal)
        journal.append(lease, [done(), CLOSED], NOW)
        second = open_next(journal, opening())
        assert journal.entries(APP) == (second,)
        whole = list(journal.history(APP))
        assert kinds(whole) == [Kind.OPENED, Kind.DONE, Kind.CLOSED, Kind.OPENED]
        assert [entry.rotation for entry in whole] == [1, 1, 1, second.seq]
        assert unbroken(whole)

    def test_what_closed_the_latest_rotation_of_each_stream_is_read_together(
        self, journal: Journal
    ) -> None:
        journal.append(opened(journal, "again"), [CLOSED], NOW)
        open_next(journal, opening(), stream="again")
        journal.append(opened(journal, "twice"), [CLOSED], NOW)
        lease = opened(journal, "twice")
        [*_, closed] = journal.append(lease, [done(), CLOSED], NOW)
        requested = journal.request("twice", HOLD, "alice", NOW)
        journal.request("never", HOLD, "alice", NOW)
        opened(journal)
        assert requested.rotation == closed.rotation
        assert list(journal.closings(without="-")) == [closed] == [journal.closing("twice")]
        assert list(journal.closings(without='"outcome":"succeeded"')) == []

    def test_a_request_needs_no_lease_and_belongs_to_the_last_rotation(
        self, journal: Journal
    ) -> None:
        lease = opened(journal)
        journal.append(lease, [CLOSED], NOW)
        late = journal.request(APP, HOLD, "person", NOW)
        assert (late.rotation, late.epoch, late.runner) == (1, lease.epoch, "person")
        assert journal.entries(APP)[-1] == late

    def test_a_request_may_come_before_the_first_rotation(self, journal: Journal) -> None:
        early = journal.request(APP, HOLD, "person", NOW)
        assert (early.seq, early.rotation) == (1, 0)
        assert journal.entries(APP) == ()
        lease = opened(journal)
        assert kinds(journal.entries(APP)) == [Kind.OPENED]
        journal.append(lease, [done()], NOW)
        assert unbroken(journal.history(APP))

    # -------------------------------------------------------------------------------- append

    def test_an_append_returns_the_whole_rotation_whatever_was_known(
        self, journal: Journal
    ) -> None:
        lease = opened(journal)
        one = journal.append(lease, [done(n=1)], NOW)
        two = journal.append(lease, [done(n=2)], NOW, known=one)
        three = journal.append(lease, [done(n=3)], NOW, known=two[:1])
        assert two[:-1] == one
        assert three[:-1] == two
        assert journal.append(lease, [], NOW) == three
        assert journal.append(lease, [], NOW, known=three[1:]) == three
        assert list(journal.history(APP)) == list(three)

    def test_what_was_known_of_the_rotation_before_is_left_behind(self, journal: Journal) -> None:
        lease = opened(journal)
        past = journal.append(lease, [CLOSED], NOW)
        second = open_next(journal, opening())
        whole = journal.append(claimed(journal), [done()], NOW, known=past)
        assert whole[0] == second
        assert kinds(whole) == [Kind.OPENED, Kind.DONE]

    def test_entries_that_the_journal_does_not_have_are_no_ground_to_write_on(
        self, journal: Journal
    ) -> None:
        lease = opened(journal)
        known = journal.append(lease, [done()], NOW)
        unheard_of = replace(known[-1], seq=known[-1].seq + 1)
        with pytest.raises(JournalError) as refused:
            journal.append(lease, [done()], NOW, known=(*known, unheard_of))
        assert refused.value.code == "journal.behind"
        assert journal.entries(APP) == known

    def test_a_fact_goes_to_the_next_free_seq(self, journal: Journal) -> None:
        lease = opened(journal)
        known = journal.entries(APP)
        held = journal.request(APP, HOLD, "person", NOW)
        whole = journal.append(lease, [done()], NOW, known=known)
        assert whole[-2] == held
        assert whole[-1].seq == held.seq + 1

    def test_a_request_that_follows_from_what_was_seen_is_refused_after_another_one(
        self, journal: Journal
    ) -> None:
        opened(journal)
        seen = journal.entries(APP)[-1].seq
        journal.request(APP, HOLD, "person", NOW)
        with pytest.raises(JournalMoved):
            journal.request(APP, asking("release"), "one", NOW, seen=seen)
        last = journal.entries(APP)[-1].seq
        assert journal.request(APP, asking("release"), "one", NOW, seen=last).seq == last + 1

    def test_what_is_paused_is_listed(self, journal: Journal) -> None:
        opened(journal)
        assert journal.paused() == []
        journal.request(APP, HOLD, "person", NOW)
        opened(journal, "another")
        assert [row.stream for row in journal.paused()] == [APP]

    def test_a_hold_that_landed_first_is_seen_by_the_decision(self, journal: Journal) -> None:
        lease = opened(journal)
        known = journal.entries(APP)
        journal.request(APP, HOLD, "person", NOW)

        def unless_held(entries: tuple[Entry, ...]) -> Sequence[Draft]:
            return () if Kind.REQUESTED in kinds(entries) else (began(),)

        whole = journal.append(lease, [done()], NOW, known=known, then=unless_held)
        assert kinds(whole) == [Kind.OPENED, Kind.REQUESTED, Kind.DONE]
        assert journal.entries(APP) == whole

    def test_the_intent_follows_exactly_what_it_was_decided_from(self, journal: Journal) -> None:
        lease = opened(journal)
        seen: list[tuple[Entry, ...]] = []

        def decide(entries: tuple[Entry, ...]) -> Sequence[Draft]:
            seen.append(entries)
            return (began(),)

        whole = journal.append(lease, [done()], NOW, then=decide)
        assert seen == [whole[:-1]]
        assert whole[-1].kind is Kind.BEGAN
        assert unbroken(journal.history(APP))

    def test_nothing_to_say_writes_nothing(self, journal: Journal) -> None:
        lease = opened(journal)
        before = journal.identity(APP)
        whole = journal.append(lease, [], NOW + TTL, then=lambda _: ())
        assert whole == journal.entries(APP)
        assert journal.identity(APP) == before

    def test_there_is_nothing_to_append_to_before_a_rotation(self, journal: Journal) -> None:
        lease = claimed(journal)
        with pytest.raises(JournalError) as refused:
            journal.append(lease, [done()], NOW)
        assert refused.value.code == "journal.no-rotation"

    def test_each_kind_is_written_by_its_own_method(self, journal: Journal) -> None:
        lease = opened(journal)
        frozen = Draft(kind=Kind.FROZEN)
        refused: list[Callable[[], object]] = [
            lambda: journal.append(lease, [opening()], NOW),
            lambda: journal.append(lease, [frozen], NOW),
            lambda: journal.append(lease, [], NOW, then=lambda _: (opening(),)),
            lambda: journal.request(APP, done(), "person", NOW),
            lambda: open_next(journal, done()),
            lambda: journal.record(done(), "one", NOW),
        ]
        for write in refused:
            with pytest.raises(JournalError, match=r"journal\.kind"):
                write()
        assert kinds(journal.history(APP)) == [Kind.OPENED]

    # ------------------------------------------------------------------------------- refused

    @pytest.mark.parametrize("spelled", ["plain", "base64", "hex", "inside", "who", "decided"])
    def test_a_live_secret_is_refused_in_any_spelling(self, journal: Journal, spelled: str) -> None:
        alive = SecretValue(SECRET)
        text = {
            "base64": base64.b64encode(SECRET.encode()).decode(),
            "hex": SECRET.encode().hex(),
            "inside": f"mysql://app:{SECRET}@db",
        }.get(spelled, SECRET)
        leak = replace(done(), who=text) if spelled == "who" else done(message=text)
        lease = opened(journal)
        facts = [done()] if spelled == "decided" else [done(), leak]
        with pytest.raises(JournalError) as refused:
            journal.append(
                lease, facts, NOW, then=lambda _: (leak,) if spelled == "decided" else ()
            )
        assert refused.value.code == "journal.secret-refused"
        assert SECRET not in str(refused.value)
        assert kinds(journal.history(APP)) == [Kind.OPENED]
        del alive  # only what is in memory can be recognised

    def test_no_writer_takes_a_secret(self, journal: Journal) -> None:
        alive = SecretValue(SECRET)
        facts: Facts = {"reason": SECRET}
        opening_leak = Draft(kind=Kind.OPENED, facts=facts)
        writes: list[Callable[[], object]] = [
            lambda: open_next(journal, opening_leak),
            lambda: journal.request(APP, Draft(kind=Kind.REQUESTED, facts=facts), "person", NOW),
            lambda: journal.supersede(APP, "two", "app", "app", [opening_leak], NOW, TTL),
            lambda: journal.record(Draft(kind=Kind.FROZEN, facts=facts), "one", NOW),
        ]
        for write in writes:
            with pytest.raises(JournalError, match=r"journal\.secret-refused"):
                write()
        assert list(journal.history(APP)) == []
        assert journal.installation_entries() == ()
        del alive

    def test_a_float_is_refused(self, journal: Journal) -> None:
        lease = opened(journal)
        floating = Draft(kind=Kind.DONE, row=ROW, facts={"deep": [{"seconds": 0.5}]})  # type: ignore[dict-item]
        with pytest.raises(JournalError, match=r"journal\.float"):
            journal.append(lease, [done(), floating], NOW)
        assert kinds(journal.history(APP)) == [Kind.OPENED]

    def test_what_people_did_is_found_by_its_time(self, journal: Journal) -> None:
        lease = opened(journal)
        journal.append(lease, [done()], NOW)
        early = journal.record(Draft(kind=Kind.FROZEN, who="ada"), "one", NOW - TTL)
        late = journal.record(Draft(kind=Kind.FROZEN, who="ben"), "one", NOW + TTL)
        journal.record(Draft(kind=Kind.CREATED), "one", NOW + TTL)
        assert list(journal.by_people(NOW - TTL)) == [early, late]
        assert list(journal.by_people(NOW + TTL)) == [late]
        assert journal.done_steps(NOW) == {(APP, ROW.step)}
        assert journal.done_steps(NOW + TTL) == set()

    # ---------------------------------------------------------------------- the installation

    def test_the_installation_has_a_stream_of_its_own(self, journal: Journal) -> None:
        created = journal.record(Draft(kind=Kind.CREATED), "one", NOW)
        frozen = journal.record(Draft(kind=Kind.FROZEN, facts={"all": True}), "two", NOW - TTL)
        assert journal.installation_entries() == (created, frozen)
        assert (created.stream, created.epoch, created.rotation) == (INSTALLATION, 0, 0)
        assert journal.installation_entries(Kind.FROZEN) == (frozen,)
        assert journal.installation_entries(Kind.SEALED, Kind.CREATED) == (created,)
        assert journal.installation_entries(Kind.SEALED) == ()
        assert unbroken(journal.installation_entries())
        assert list(journal.history(INSTALLATION)) == [created, frozen]
        assert list(journal.streams()) == []
        assert list(journal.identities()) == []
