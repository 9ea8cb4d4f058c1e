"""Strict AWS, once for all; an installation of its own for each test."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from providers.aws.testing import StrictControl, spawn_strict_aws
from tests.e2e.installation import Installation

_numbers = count(1)


@pytest.fixture(scope="session")
def aws() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def installation(aws: StrictControl, tmp_path: Path) -> Iterator[Installation]:
    number = next(_numbers)
    name = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}-{number}"
    root = tmp_path / "installation"
    root.mkdir(mode=0o700)
    made = Installation(root, aws, user=f"app-{name}", secret=f"e2e/{name}")
    made.furnish()
    yield made
    aws.faults.clear()
    aws.faults.latency(0)
    for process in made.started:
        if process.poll() is None:
            process.kill()
            process.wait()
