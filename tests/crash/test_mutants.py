"""The tests of the tests: plant a bug in the plan, an effect or a safety read, and the stories of
this folder must call it an accident."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotation import plan
from rotation.execution import dead_credential, effects, runner
from rotation.execution.dead_credential import Dead, Found
from rotation.execution.effects import context, create, drift, propagate, revoke
from rotation.execution.effects import replace as replacing
from rotation.journal.entries import RowKey
from rotation.journal.facts import Confirmed, Destroyed, Issued, LookedBefore, Written
from rotation.journal.record import Record
from rotation.machine import baseline, replay
from rotation.machine.decide import Close
from rotation.machine.rotation import Rotation
from rotation.plan import PLANS, Step, tables
from tests.crash import test_doubt, test_emergency, test_others, test_replace
from tests.support import stories
from tests.support.stories import gap, seeded

Patch = Callable[[pytest.MonkeyPatch], None]


def without_row(step: Step) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        routine = PLANS["routine"]
        rows = tuple(row for row in routine.rows if row.step is not step)
        monkeypatch.setitem(PLANS, "routine", replace(routine, rows=rows))

    return patch


def swapped(first: Step, second: Step) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        rows = list(PLANS["routine"].rows)
        a, b = (next(n for n, row in enumerate(rows) if row.step is s) for s in (first, second))
        rows[a], rows[b] = rows[b], rows[a]
        monkeypatch.setitem(PLANS, "routine", replace(PLANS["routine"], rows=tuple(rows)))

    return patch


def rollback(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        routine = PLANS["routine"]
        monkeypatch.setitem(PLANS, "routine", replace(routine, rollback=change(routine.rollback)))

    return patch


def without_undo(step: Step) -> Patch:
    return rollback(lambda undos: tuple(undo for undo in undos if undo.row.step is not step))


def nothing(*names: tuple[Any, str]) -> Patch:
    """Safety reads that look away."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for module, name in names:
            monkeypatch.setattr(module, name, lambda *args, **kwargs: None)

    return patch


def effect(step: Step, instead: Callable[[context.Context], Record]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(effects.EFFECTS, step, instead)  # type: ignore[arg-type]

    return patch


def done(cx: context.Context) -> Record:
    return Confirmed(evidence="elapsed") | Written(version=cx.rotation.new_version)


def mint_again_in_doubt(cx: context.Context) -> Record:
    cx.in_doubt = False
    return create.issue(cx)


def unnoted(cx: context.Context) -> Record:
    cx.note = lambda facts: None
    return create.issue(cx)


def delete_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(cx: context.Context) -> Record:
        listing = cx.listing()
        if len(listing.handles) >= 2:
            cx.issuer.destroy(listing.handles[0].id)
        return Issued(inventory=sorted(cx.listing().ids), removing=[])

    monkeypatch.setitem(effects.LOOKS, Step.ISSUE, look)  # type: ignore[arg-type]


def both(*patches: Patch) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for each in patches:
            each(monkeypatch)

    return patch


Tell = Callable[[], object]


def routine() -> None:
    story = seeded(exclusive=True)
    assert isinstance(stories.routine(story), Close)
    assert story.violations() == []


def straggler() -> None:
    """A consumer that never reads again keeps its credential, however long it takes."""
    story = seeded(exclusive=True)
    story.world.consumers[0].next_read += timedelta(days=999)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    stories.advance_until(story, "destroy")
    story.world.advance(story.world.now + timedelta(seconds=60))
    assert story.world.outages == []


def rolled_back(step: str) -> Tell:
    def tell() -> None:
        story = seeded(exclusive=True)
        assert isinstance(stories.rollback_after(step)(story), Close)
        assert story.violations() == []
        assert list(story.world.instances) == ["KEY1"]

    return tell


def killed(boundary: str) -> Tell:
    """At each boundary of that name."""

    def tell() -> None:
        clean = seeded(exclusive=False)
        stories.routine(clean)
        numbers = [n for n, name in enumerate(clean.boundaries.names) if name == boundary]
        assert numbers, boundary
        for number in numbers:
            story = seeded(exclusive=False)
            story.boundaries.kill_at = frozenset({number})
            action = stories.routine(story)
            assert isinstance(action, Close) or action.code == "held.unknown-instance"  # type: ignore[union-attr]
            assert story.violations() == []
            assert story.world.minted <= 3

    return tell


def persons_key(person: str, *, exclusive: bool) -> Tell:
    return lambda: test_doubt.test_a_persons_key_in_the_doubt_window(person, exclusive=exclusive)


def moved_label(context: str) -> Tell:
    """A person's rollback in the console, around every call of that name: where the product as it
    is makes it, and counted on the product as it is."""
    boundaries: list[str] = []

    def tell() -> None:
        boundaries.extend([] if boundaries else test_others.clean_boundaries())
        near = {
            m for n, name in enumerate(boundaries) if name.endswith(context) for m in (n - 1, n)
        }
        assert test_others.moved_at(test_others.back_to_old, sorted(near), boundaries) == []

    return tell


def alone_without(step: Step) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        rows = tuple(row for row in tables.IN_PLACE.rows if row.step is not step)
        monkeypatch.setattr(tables, "IN_PLACE", replace(tables.IN_PLACE, rows=rows))

    return patch


def alone(ask: str = "", **world: bool) -> Tell:
    """Without overlap; with a person who asks for it once the old one is dead."""

    def tell() -> None:
        story = seeded(overlap=False, **world)
        stories.without_faults(story, stories.adopt)
        stories.open_plan(story, "routine")
        if ask:
            stories.advance_until(story, "activate")
            stories.request(story, ask)
        assert isinstance(story.drive(), Close)
        assert [*story.violations(), *gap(story)] == []

    return tell


def lost_replacement() -> None:
    """The service made a new one, and its answer is lost with the runner."""
    story = seeded(overlap=False)
    stories.without_faults(story, stories.adopt)
    story.boundaries.act = test_doubt.kill_once(story, "after issuer.issue")
    stories.open_plan(story, "routine")
    assert isinstance(story.drive(), Close)
    assert story.world.minted == 2


def replaced(accident: test_replace.Accident, **world: bool) -> Tell:
    def tell() -> None:
        story = seeded(**world)
        assert isinstance(test_replace.replaced(story, accident), Close)
        assert test_replace.findings(story) == []

    return tell


def replacement(change: Callable[[list[plan.Row]], list[plan.Row]]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        rows = tuple(change(list(plan.REPLACE.rows)))
        monkeypatch.setattr(runner, "REPLACE", replace(plan.REPLACE, rows=rows))

    return patch


def replacement_without(step: Step) -> Patch:
    return replacement(lambda rows: [row for row in rows if row.step is not step])


def promoted_first(rows: list[plan.Row]) -> list[plan.Row]:
    (promote,) = (row for row in rows if row.step is Step.PROMOTE)
    rows.remove(promote)
    rows.insert([row.step for row in rows].index(Step.VERIFY), promote)
    return rows


def own(steps: str, step: Step, instead: Callable[[context.Context], Record]) -> Patch:
    """Of what REPLACE does in its own way."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(getattr(replacing, steps), step, instead)

    return patch


def other(of: Any, name: str, instead: object) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(of, name, instead)

    return patch


def forgets_the_left(rotation: Rotation, key: RowKey) -> None:
    if key.step == Step.ISSUE:
        rotation.leftovers = {}


def destroys_unseen(cx: context.Context) -> Record:
    looked = LookedBefore.of(cx.looked.facts or cx.state.facts)
    return revoke.destroy(cx) if looked.destroying else Destroyed(destroyed=[])


believes = effect(Step.CONFIRM, done)
not_drained = effect(Step.DRAIN, done)

MUTANTS: dict[str, tuple[Patch, Tell]] = {
    "no verify": (without_row(Step.VERIFY), routine),
    "no confirm and no drain": (both(without_row(Step.CONFIRM), not_drained), routine),
    "no evidence at all": (
        both(believes, not_drained, nothing((revoke, "_unused_since"))),
        straggler,
    ),
    "promote before verify": (swapped(Step.VERIFY, Step.PROMOTE), routine),
    "suspend before promote": (swapped(Step.SUSPEND, Step.PROMOTE), routine),
    "no deliver": (without_row(Step.DELIVER), routine),
    "no destroy": (without_row(Step.DESTROY), routine),
    "mint again in doubt": (effect(Step.ISSUE, mint_again_in_doubt), killed("after issuer.issue")),
    "the new id is not noted": (
        effect(Step.ISSUE, unnoted),
        test_doubt.test_noted_but_not_staged_is_removed_and_minted_anew,
    ),
    "delete the oldest": (
        delete_the_oldest,
        test_doubt.test_foreign_is_recorded_and_ignored_from_then_on,
    ),
    "rollback does not demote": (without_undo(Step.DEMOTE), rolled_back("promote")),
    "rollback does not tell consumers": (without_undo(Step.DELIVER_OLD), rolled_back("drain")),
    "rollback does not wait for consumers": (without_undo(Step.CONFIRM_OLD), rolled_back("drain")),
    "rollback does not resume the old": (without_undo(Step.RESUME_OLD), rolled_back("suspend")),
    "rollback leaves the new one": (without_undo(Step.DESTROY_NEW), rolled_back("promote")),
    "rollback is the plan reversed": (
        rollback(lambda undos: tuple(reversed(undos))),
        rolled_back("drain"),
    ),
    "no read after suspend": (
        nothing((revoke, "_still_not_pointed_at"), (revoke, "_not_pointed_at")),
        moved_label("issuer.suspend"),
    ),
    "no pointers before suspend": (nothing((drift, "check_no_drift")), moved_label("store.state")),
    "no read after destroy": (
        nothing((revoke, "_pointer_still_new")),
        moved_label("issuer.destroy"),
    ),
    "unknown instances are ours": (
        nothing((drift, "check_unknown")),
        persons_key("unused", exclusive=False),
    ),
    "a used one is removed": (
        nothing((create, "_never_used")),
        persons_key("used", exclusive=True),
    ),
    "in place, no verify": (alone_without(Step.VERIFY), alone(chosen=True)),
    "in place, no promote": (alone_without(Step.PROMOTE), alone(chosen=True)),
    "in place, no deliver": (alone_without(Step.DELIVER), alone(chosen=True)),
    "in place, back to a dead one": (
        nothing((replay, "is_past_return")),
        alone("rollback", chosen=True),
    ),
    "a lost replacement is asked for again": (
        effect(Step.ISSUE, mint_again_in_doubt),
        lost_replacement,
    ),
    "what works is replaced": (
        other(dead_credential, "look", lambda *args: Found("v0", "KEY1", Dead.GONE, "v0")),
        test_replace.test_what_works_is_not_replaced,
    ),
    "one refusal is enough": (
        nothing((replacing, "_refused_again")),
        test_replace.test_one_refusal_may_be_a_service_that_is_not_settled,
    ),
    "evidence is asked of what is dead": (
        own("OWN_LOOKS", Step.DESTROY, revoke.look_before_off),
        replaced(test_replace.gone, exclusive=True),
    ),
    "a dead one has to be as the journal has it": (
        own("OWN_LOOKS", Step.ISSUE, create.look_issue),
        replaced(test_replace.another, exclusive=True, numbered=True),
    ),
    "a replacement's owner is not compared": (
        nothing((drift, "check_claim")),
        lambda: test_replace.test_another_owners_secret_is_not_written(
            None, {"numbered": True}, test_replace.lost
        ),
    ),
    "a replacement, promoted before verify": (
        replacement(promoted_first),
        replaced(test_replace.gone, exclusive=True),
    ),
    "a replacement, no deliver": (
        replacement_without(Step.DELIVER),
        replaced(test_replace.gone, exclusive=True),
    ),
    "a replacement, nothing is dropped": (
        replacement_without(Step.DESTROY),
        test_replace.test_what_is_off_is_removed,
    ),
    "a lost value is merged into": (
        own("OWN_EFFECTS", Step.PROMOTE, propagate.promote),
        replaced(test_replace.lost, exclusive=True, numbered=True),
    ),
    "a live one is destroyed": (
        both(
            own("OWN_EFFECTS", Step.DESTROY, revoke.destroy),
            own("OWN_EFFECTS", Step.PROVE_DEAD, done),
        ),
        test_replace.test_a_live_one_whose_bytes_are_lost_to_the_store_is_kept_for_whoever_still_has_them,
    ),
    "no look just before a dead one is destroyed": (
        own("OWN_EFFECTS", Step.DESTROY, destroys_unseen),
        test_replace.test_what_somebody_switched_on_again_is_not_destroyed,
    ),
    "no login just before a refused one is dropped": (
        own("OWN_EFFECTS", Step.DESTROY, destroys_unseen),
        test_replace.test_what_is_let_in_again_is_not_dropped,
    ),
    "a leftover has another's bytes": (
        other(Rotation, "value_of_old", property(lambda rotation: rotation.old_version)),
        lambda: test_replace.test_the_value_that_is_refused_says_nothing_of_ours(
            {"exclusive": True}
        ),
    ),
    "room is made of what may be in use": (
        other(replacing, "_off_for_good", lambda cx, listing: [cx.rotation.old]),
        test_replace.test_a_full_issuer_keeps_what_somebody_may_be_using,
    ),
    "what is replaced alive is forgotten": (
        other(baseline, "_left_behind", lambda rotation, handle: {}),
        replaced(test_replace.overwritten, exclusive=True),
    ),
    "what was left before is forgotten": (
        other(replay, "_after_done", forgets_the_left),
        test_replace.test_what_an_earlier_one_left_is_not_forgotten,
    ),
    "a found suspension is ignored": (
        nothing((drift, "check_active")),
        test_emergency.test_a_runner_that_never_heard_of_it_revives_nothing,
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_bug_is_called_an_accident(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, tell = MUTANTS[name]
    tell()
    plant(monkeypatch)
    # An assertion of the product itself counts: they stay on in production (faults.md, c).
    with pytest.raises(AssertionError):
        tell()
