"""One secret with a key that is 100 days old, on strict AWS, and the verbs asked in this process."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner

from providers.aws.testing import StrictControl, spawn_strict_aws
from rotation.cli.app import program
from tests.e2e.installation import Installation

_numbers = count(1)


@pytest.fixture(scope="module")
def aws() -> Iterator[StrictControl]:
    with spawn_strict_aws() as control:
        yield control


@pytest.fixture
def one(aws: StrictControl, tmp_path: Path) -> Installation:
    root, name = tmp_path / "one", f"aged-{next(_numbers)}"
    root.mkdir(mode=0o700)
    installation = Installation(root, aws, user=name, secret=f"{name}/app")
    installation.furnish()
    return installation


def run(one: Installation, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(program, ["-c", str(one.configuration), *words])
    assert done.exit_code == code, done.output
    return done.output
