"""The tests of the tests: plant a bug in the plan, an effect or a safety read, and the stories of
this folder must call it an accident."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from rotation import effects
from rotation.effects import context, create, revoke, world
from rotation.machine import Close
from rotation.plan import PLANS, Step
from rotation.types import Facts
from tests.crash import stories, test_doubt, test_emergency, test_others
from tests.crash.stories import seeded

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


def effect(step: Step, instead: Callable[[context.Context], Facts]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(effects.EFFECTS, step, instead)  # type: ignore[arg-type]

    return patch


def done(cx: context.Context) -> Facts:
    return {"evidence": "elapsed", "version": cx.rotation.new_version}


def mint_again_in_doubt(cx: context.Context) -> Facts:
    cx.in_doubt = False
    return create.issue(cx)


def unnoted(cx: context.Context) -> Facts:
    cx.note = lambda facts: None
    return create.issue(cx)


def delete_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(cx: context.Context) -> Facts:
        listing = cx.listing()
        if len(listing.handles) >= 2:
            cx.issuer.destroy(listing.handles[0].id)
        return {"inventory": sorted(cx.listing().ids), "removing": []}

    monkeypatch.setitem(effects.LOOKS, Step.ISSUE, look)  # type: ignore[arg-type]


MUTANTS: dict[str, Patch] = {
    "no verify": without_row(Step.VERIFY),
    "no confirm and no drain": lambda m: (
        without_row(Step.CONFIRM)(m),
        effect(Step.DRAIN, done)(m),
    )[0],
    "confirm believes at once": effect(Step.CONFIRM, done),
    "promote before verify": swapped(Step.VERIFY, Step.PROMOTE),
    "suspend before promote": swapped(Step.SUSPEND, Step.PROMOTE),
    "no deliver": without_row(Step.DELIVER),
    "no destroy": without_row(Step.DESTROY),
    "mint again in doubt": effect(Step.ISSUE, mint_again_in_doubt),
    "the new id is not noted": effect(Step.ISSUE, unnoted),
    "delete the oldest": delete_the_oldest,
    "rollback does not demote": without_undo(Step.DEMOTE),
    "rollback does not tell consumers": without_undo(Step.DELIVER_OLD),
    "rollback does not wait for consumers": without_undo(Step.CONFIRM_OLD),
    "rollback does not resume the old": without_undo(Step.RESUME_OLD),
    "rollback leaves the new one": without_undo(Step.DESTROY_NEW),
    "rollback is the plan reversed": rollback(lambda undos: tuple(reversed(undos))),
    "no read after suspend": nothing((revoke, "_still_not_pointed_at")),
    "no pointers before suspend": nothing((revoke, "_pointers")),
    "unknown instances are ours": lambda m: m.setattr(world, "check_unknown", lambda *a: None),
    "a found suspension is ignored": nothing((world, "check_active")),
    "doubt is taken as ours": lambda m: m.setattr(create, "_never_used", lambda *a: None),
}


def stories_find(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every accident that the stories of this folder see, the cheap ones first."""
    yield from _tell("routine", lambda: _routine({}))
    for step in ("promote", "drain", "suspend"):
        yield from _tell(f"rollback {step}", lambda step=step: _rolled(step))  # type: ignore[misc]
    for person in ("used", "unused"):
        yield from _tell(
            "doubt", lambda p=person: test_doubt.test_a_persons_key_in_the_doubt_window(p, False)
        )  # type: ignore[misc]
        yield from _tell(
            "doubt", lambda p=person: test_doubt.test_a_persons_key_in_the_doubt_window(p, True)
        )  # type: ignore[misc]
    yield from _tell("foreign", test_doubt.test_foreign_is_recorded_and_ignored_from_then_on)
    yield from _tell("noted", test_doubt.test_noted_but_not_staged_is_removed_and_minted_anew)
    yield from _tell(
        "never heard", test_emergency.test_a_runner_that_never_heard_of_it_revives_nothing
    )
    yield from _tell(
        "labels",
        lambda: test_others.test_somebody_moves_a_label_between_any_two_calls(
            test_others.back_to_old
        ),
    )
    yield from _killed_everywhere()


def _tell(name: str, story: Callable[[], object]) -> Iterator[str]:
    try:
        story()
    except AssertionError as found:
        yield f"{name}: {str(found)[:80]}"


def _routine(world_facts: dict[str, bool]) -> None:
    story = seeded(exclusive=True, **world_facts)
    assert isinstance(stories.routine(story), Close)
    assert story.violations() == []


def _rolled(step: str) -> None:
    story = seeded(exclusive=True)
    assert isinstance(stories.rollback_after(step)(story), Close)
    assert story.violations() == []


def _killed_everywhere() -> Iterator[str]:
    clean = seeded(exclusive=True)
    stories.routine(clean)
    for number, name in enumerate(list(clean.boundaries.names)):
        story = seeded(exclusive=True)
        story.boundaries.kill_at = frozenset({number})
        yield from _tell(f"killed {name}", lambda s=story: _survives(s))  # type: ignore[misc]


def _survives(story: Any) -> None:
    assert isinstance(stories.routine(story), Close)
    assert story.violations() == []


@pytest.mark.parametrize("name", MUTANTS)
def test_the_bug_is_called_an_accident(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[name](monkeypatch)
    assert next(stories_find(monkeypatch), None) is not None


def test_the_product_itself_has_no_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    assert next(_tell("routine", lambda: _routine({})), None) is None
