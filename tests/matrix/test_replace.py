"""Every issuer with every store: what readers get is dead, and the runner that replaces it is killed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotation.machine.decide import Close
from tests.matrix.generated import GeneratedTokens
from tests.matrix.samples import Names, sample
from tests.matrix.services import IN_PLACE, ISSUERS, STORES, Services
from tests.matrix.sides import Value
from tests.matrix.world import Pair, PairStory, story
from tests.support import stories


@dataclass
class Accident:
    """What a person did to the credential or to its value, remembered for the end."""

    pair: Pair
    kind: str

    def __call__(self, one: PairStory) -> None:
        issuer, store = self.pair.issuer, self.pair.store
        self.before: Value = store.read()
        if self.kind == "ended":
            issuer.end(self.before)
            return
        if isinstance(issuer, GeneratedTokens):
            issuer.is_called(str(one.rotation().result.handle))
        if self.kind == "lost":
            store.lose()
            return
        secret = issuer.fields.keys() - issuer.public
        store.edit({issuer.fields[name]: "of-another-place" for name in secret})

    def findings(self) -> list[str]:
        """Where only its bytes left the store, somebody's memory may have them: it lives."""
        overlap = self.pair.adapters().issuer.traits.overlap
        if self.kind == "ended" or not overlap or self.pair.issuer.lets_in(self.before):
            return []
        return ["one that was alive was ended"]


@dataclass
class Case:
    """One cell of the matrix with one accident."""

    pair: Pair
    kind: str
    fresh_name: Names
    directory: Path

    def killed_at(self, boundary: int | None) -> tuple[list[str], list[str]]:
        """The boundaries that were crossed, and what is wrong in the end."""
        one = story(self.pair, self.directory / str(boundary), self.fresh_name(), boundary)
        accident = Accident(self.pair, self.kind)
        with self.pair.tapped(), one.journal:
            action = stories.replaced(accident)(one)
            self.pair.emergency = False  # each has the new one: from here on, a refusal counts
            found = [] if isinstance(action, Close) else [f"it ends with {action}"]
            return list(one.boundaries.names), [*found, *one.violations(), *accident.findings()]


@pytest.fixture
def case(
    services: Services, fresh_name: Names, tmp_path: Path, issuer: str, store: str, kind: str
) -> Case:
    return Case(services.pair(issuer, store), kind, fresh_name, tmp_path)


def findings(case: Case, choose: Callable[[int], Iterable[int]]) -> dict[str, list[str]]:
    names, found = case.killed_at(None)
    assert found == []
    reply = {
        f"{number}: {names[number]}": case.killed_at(number)[1] for number in choose(len(names))
    }
    return {name: found for name, found in reply.items() if found}


def cells(kind: str, *issuers: str) -> list[object]:
    return [
        pytest.param(issuer, store, kind, id=f"{issuer} in {store}, {kind}")
        for issuer in issuers
        for store in STORES
    ]


ENDED = cells("ended", *ISSUERS, *IN_PLACE)
LOST = cells("lost", *ISSUERS, *IN_PLACE)
OVERWRITTEN = cells("overwritten", *ISSUERS, *IN_PLACE)
SOME = [
    cell
    for kind in ("lost", "overwritten")
    for cell in cells(kind, "generated", "vault-static-role")
]


# A runner that is killed inside a request leaves its connection open, as a killed process does.
left_open = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
)


@left_open
@pytest.mark.parametrize(("issuer", "store", "kind"), [*ENDED, *SOME])
def test_killed_at_one_request(case: Case, issuer: str, store: str) -> None:
    assert findings(case, lambda count: sample(f"{issuer} {store}", count)[:1]) == {}


@left_open
@pytest.mark.slow
@pytest.mark.parametrize(("issuer", "store", "kind"), [*ENDED, *LOST, *OVERWRITTEN])
def test_killed_at_every_request(case: Case) -> None:
    assert findings(case, range) == {}
