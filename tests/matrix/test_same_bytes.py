"""The same bytes are the same instance, whatever version of the secret names them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rotation.execution.effects import inspect
from rotation.machine.decide import Action, Close, Held
from rotation.machine.leftover import leftovers_of
from rotation.plan import PLANS
from tests.matrix.services import STORES, Services
from tests.matrix.world import Pair, PairStory, story
from tests.support import stories
from tests.support.crash import STREAM


@pytest.fixture
def pair(services: Services, store: str) -> Pair:
    return services.pair("generated", store)


def rotate(one: PairStory) -> Action:
    one.runner().open(STREAM, PLANS["routine"], one.spec, trigger="test")
    return one.drive()


def written_again_and_accepted(one: PairStory, pair: Pair) -> None:
    """A rotation is over; a person writes the same value into a secret that is said to be ours."""
    assert isinstance(stories.routine(one), Close)
    one.spec = replace(one.spec, keep_foreign=False)
    pair.store.edit({"note": "by a person"})
    assert isinstance(rotate(one), Held)
    stories.request(one, "accept-current")
    assert isinstance(one.drive(), Close)


@pytest.mark.parametrize("store", STORES)
def test_what_a_person_wrote_again_is_the_same_instance(
    pair: Pair, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    one = story(pair, tmp_path / "one", fresh_name(), None)
    with pair.tapped(), one.journal:
        written_again_and_accepted(one, pair)
        result = one.rotation().result
        assert leftovers_of(result) == {}
        assert result.handle == one.rotation().old
        assert result.created == one.rotation().baseline.created
        assert isinstance(rotate(one), Close)
        assert one.violations() == []
        assert len(pair.live()) == 1


@pytest.mark.parametrize("store", STORES)
def test_one_that_an_older_journal_has_twice_is_not_dropped(
    pair: Pair, fresh_name: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = story(pair, tmp_path / "one", fresh_name(), None)
    with pair.tapped(), one.journal:
        with monkeypatch.context() as before:
            before.setattr(inspect, "_by_its_bytes", lambda cx, fields: None)
            written_again_and_accepted(one, pair)
        assert len(leftovers_of(one.rotation().result)) == 1
        assert isinstance(rotate(one), Close)
        assert one.violations() == []
        assert len(pair.live()) == 1
