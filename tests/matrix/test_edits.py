"""Others write their keys of a shared secret between two rotations: merged, and nobody is asked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rotation.execution.live import Live
from rotation.machine.decide import Action, Close, Held
from tests.matrix.samples import sample
from tests.matrix.services import STORES, Services
from tests.matrix.world import Pair, story
from tests.support import stories
from tests.support.crash import Story
from tests.support.stories import Teller

ISSUERS = ("aws-iam-access-key", "postgres-login, pair", "generated")


def rolled_back(one: Story) -> Action:
    stories.advance_until(one, "promote")
    stories.request(one, "rollback")
    return one.drive()


ENDINGS: dict[str, Teller] = {"rotated": lambda one: one.drive(), "rolled back": rolled_back}


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("edits", [1, 2])
def test_another_key_is_kept_and_the_rotation_goes_on(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path,
    issuer: str, store: str, ending: str, edits: int,
) -> None:  # fmt: skip
    pair = services.pair(issuer, store)

    def reply(kill_at: int | None) -> int:
        one = story(pair, tmp_path / f"{kill_at}", fresh_name(), None)
        with pair.tapped(), one.journal:
            stories.without_faults(one, stories.adopt)
            for number in range(edits):
                pair.store.edit({"note": f"by a person, {number}"})
            one.boundaries.kill_at = frozenset() if kill_at is None else frozenset({kill_at})
            stories.open_plan(one, "routine")
            action = ENDINGS[ending](one)
            assert isinstance(action, Close), action
            assert set(one.violations()) <= {"unaccounted: person"}  # the service's own name of it
            assert pair.store.read()["note"] == f"by a person, {edits - 1}"
            one.boundaries.kill_at = frozenset()
            one.runner().open(stories.STREAM, stories.PLANS["routine"], one.spec, trigger="test")
            assert isinstance(one.drive(), Close)
        return len(one.boundaries.names)

    for number in sample(f"edits {issuer} {store} {ending} {edits}", reply(None) // 2):
        reply(number)


@pytest.mark.parametrize("store", STORES)
def test_an_edit_of_our_own_keys_needs_a_person(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path, store: str
) -> None:
    pair = services.pair("generated", store)
    one = story(pair, tmp_path / "one", fresh_name(), None)
    with pair.tapped(), one.journal:
        stories.without_faults(one, stories.adopt)
        pair.store.edit({"token": "written-by-a-person-instead"})
        stories.open_plan(one, "routine")
        action = one.drive()
    assert isinstance(action, Held)
    assert action.code == "held.world-changed"


@pytest.mark.parametrize("store", STORES)
def test_an_abandoned_rotation_leaves_what_was_written_as_the_baseline(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path, store: str
) -> None:
    pair: Pair = services.pair("generated", store)
    one = story(pair, tmp_path / "one", fresh_name(), None)
    with pair.tapped(), one.journal:
        stories.without_faults(one, stories.adopt)
        pair.store.edit({"note": "by a person"})
        written = one.world.adapters().store.state().current
        make = one.runner
        shut = Live(gates=lambda secret, now: stories.CLOSED)
        one.runner = lambda: replace(make(), live=shut)  # type: ignore[method-assign]
        stories.open_plan(one, "routine")
        stories.advance_until(one, "verify")
        one.runner = make  # type: ignore[method-assign]
        stories.request(one, "abandon")
        assert isinstance(one.drive(), Close)
        result = one.rotation().result
        assert result.version == written
        one.runner().open(stories.STREAM, stories.PLANS["routine"], one.spec, trigger="test")
        assert isinstance(one.drive(), Close)
        assert one.violations() == []
