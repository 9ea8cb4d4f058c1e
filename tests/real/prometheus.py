"""Prometheus and its `promtool`, from the system's package: the tests that need them are skipped
without them and say so; where CI or ROTATION_REQUIRE_REAL is set they fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.real.vault_binary import REQUIRED

MISSING = "{} is missing: `apt-get install prometheus` has it; the packaged service is not needed"


def program(name: str) -> str:
    """The program, or the end of this test."""
    found = shutil.which(name)
    if found is None and REQUIRED:
        pytest.fail(MISSING.format(name))
    if found is None:
        pytest.skip(MISSING.format(name))
    return found


def promtool(*words: str, stdin: bytes = b"", cwd: Path | None = None) -> str:
    """What it said, of a check that passed."""
    done = subprocess.run(
        [program("promtool"), *words],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=50,
        cwd=cwd,
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
