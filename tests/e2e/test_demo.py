"""The whole demo, as a newcomer types it."""

import os
import re
import subprocess
import sys

import pytest

from tests.e2e.installation import MAIN


@pytest.mark.timeout(150)
@pytest.mark.slow  # half a minute of waiting; the checks run `make demo` itself
def test_every_number_of_the_demo_is_what_it_must_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "demo"],
        capture_output=True, text=True, check=False, timeout=140, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    assert re.search(r"applications' logins +[\d,]+, of which failed: 0", said)
    assert re.search(r"old credentials dead +4 of 4, 4 proved", said)
    assert re.search(r"orphans +0:", said)
    assert re.search(r"secret bytes found +0 in \d+ files", said)
    assert "kill -9: the runner is dead" in said
    assert "\x1b" not in said, "plain where nobody watches a terminal"
    assert done.stderr == ""
