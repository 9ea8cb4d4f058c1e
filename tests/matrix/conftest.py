"""The services of the matrix, each started once, and only where a cell asks for it."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.matrix.services import Services

_numbers = count(1)


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = Services(tmp_path_factory.mktemp("matrix"))
    yield made
    made.close()


@pytest.fixture
def fresh_name() -> Callable[[], str]:
    return lambda: f"app-{next(_numbers)}"
