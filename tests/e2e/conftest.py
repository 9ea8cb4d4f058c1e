"""Strict AWS, once for all; an installation of its own for each test, and somebody who watches it."""

from collections.abc import Iterator

import pytest

from tests.e2e.installation import aws, installation
from tests.support.pulse import Watcher, watcher

__all__ = ["aws", "installation"]


@pytest.fixture
def outside() -> Iterator[Watcher]:
    with watcher() as made:
        yield made
