"""The services of the matrix, each started once."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from benchmarks.fleet import Clock
from providers.aws.testing.server import StrictAws
from tests.matrix import aws
from tests.matrix.generated import GeneratedTokens
from tests.matrix.world import Pair

_numbers = count(1)

ISSUERS = ("iam", "generated")
STORES = ("secrets-manager",)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Pair]]:
    directory: Path = tmp_path_factory.mktemp("matrix")
    with StrictAws() as strict:
        clock = Clock(strict.control)
        connection = aws.connect(strict.control, directory, clock)
        issuers = {
            "iam": lambda: aws.AccessKeys(strict.control, connection),
            "generated": GeneratedTokens,
        }
        stores = {"secrets-manager": lambda: aws.SecretsManager(strict.control, connection)}

        def pair(issuer: str, store: str) -> Pair:
            side = issuers[issuer]()
            made = Pair(side, stores[store](), clock)
            if isinstance(side, GeneratedTokens):
                side.attach(made)
            return made

        yield pair
        connection.close()


@pytest.fixture
def fresh_name() -> Callable[[], str]:
    return lambda: f"app-{next(_numbers)}"
