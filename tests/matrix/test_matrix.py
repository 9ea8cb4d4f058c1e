"""Every issuer with every store: rotated, rolled back, and resumed after a kill at any request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotation.machine.decide import Close
from rotation.types import Traits
from tests.matrix.samples import Names, sample
from tests.matrix.services import ISSUERS, STORES, Services
from tests.matrix.world import Pair, PairStory, story
from tests.support import stories
from tests.support.stories import Teller


def last_way_back(traits: Traits) -> str:
    """The step after which everything can still come back."""
    return "suspend" if traits.can_suspend else "drain"


def tellers(pair: Pair) -> dict[str, Teller]:
    traits = pair.adapters().issuer.traits
    return {
        "rotated": stories.routine,
        "rolled back": stories.rollback_after(last_way_back(traits)),
    }


def reply(
    pair: Pair, ending: str, path: Path, name: str, kill_at: int | None
) -> tuple[PairStory, list[str]]:
    """The story with that one death in it, and what the services say of its end."""
    one = story(pair, path, name, kill_at)
    with pair.tapped(), one.journal:
        action = tellers(pair)[ending](one)
        found = [] if isinstance(action, Close) else [f"it ends with {action}"]
        return one, [*found, *one.violations()]


ENDINGS = ("rotated", "rolled back")
MATRIX = [
    pytest.param(issuer, store, ending, id=f"{issuer} in {store}, {ending}")
    for issuer in ISSUERS
    for store in STORES
    for ending in ENDINGS
]


@dataclass
class Case:
    """One cell of the matrix with one ending."""

    pair: Pair
    ending: str
    fresh_name: Names
    directory: Path

    def killed_at(self, boundary: int | None) -> tuple[list[str], list[str]]:
        """The boundaries that were crossed, and the accidents."""
        path = self.directory / str(boundary)
        one, found = reply(self.pair, self.ending, path, self.fresh_name(), boundary)
        return list(one.boundaries.names), found


@pytest.fixture
def case(
    services: Services, fresh_name: Names, tmp_path: Path, issuer: str, store: str, ending: str
) -> Case:
    return Case(services.pair(issuer, store), ending, fresh_name, tmp_path)


def accidents(case: Case, choose: Callable[[int], Iterable[int]]) -> dict[str, list[str]]:
    names, found = case.killed_at(None)
    assert found == []
    reply = {
        f"{number}: {names[number]}": case.killed_at(number)[1] for number in choose(len(names))
    }
    return {name: found for name, found in reply.items() if found}


@pytest.mark.parametrize(("issuer", "store", "ending"), MATRIX)
def test_killed_at_a_few_requests(case: Case, issuer: str, store: str, ending: str) -> None:
    assert accidents(case, lambda count: sample(f"{issuer} {store} {ending}", count)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("issuer", "store", "ending"), MATRIX)
def test_killed_at_every_request(case: Case) -> None:
    assert accidents(case, range) == {}
