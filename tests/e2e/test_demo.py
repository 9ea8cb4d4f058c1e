"""The whole demo, as a newcomer types it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.installation import MAIN
from tests.real import vault_binary

# Waiting, mostly; the checks run `make demo` and `make demo-vault` themselves.
slow = pytest.mark.slow


def demo(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, "demo", *words],
        capture_output=True, text=True, check=False, timeout=200, stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **variables},
    )  # fmt: skip


def unwrapped(done: subprocess.CompletedProcess[str]) -> str:
    """What is said, however it was broken into lines."""
    return " ".join(done.stdout.split())


def check(done: subprocess.CompletedProcess[str]) -> None:
    said = unwrapped(done)
    assert done.returncode == 0, said + done.stderr
    assert re.search(r"applications' logins +[\d,]+, of which failed: 0", said)
    assert re.search(r"old credentials dead +4 of 4, 4 proved", said)
    assert re.search(r"orphans +0:", said)
    assert re.search(r"secret bytes found +0 in \d+ files", said)
    assert "kill -9: the runner is dead" in said
    assert "\x1b" not in said, "plain where nobody watches a terminal"
    assert done.stderr == ""


@slow
@pytest.mark.timeout(210)
def test_every_number_of_the_demo_is_what_it_must_be() -> None:
    check(demo())


@slow
@pytest.mark.timeout(210)
def test_so_is_every_number_on_a_real_vault() -> None:
    done = demo("--vault", VAULT_BIN=str(vault_binary.required()))
    check(done)
    assert re.search(r"locked roles 0,", unwrapped(done))
    assert re.search(r"tokens left 0 of runners, .*; 0 of the killed runner", unwrapped(done))


def test_without_a_vault_the_next_step_is_told(tmp_path: Path) -> None:
    nothing = str(tmp_path)
    done = demo("--vault", PATH=nothing, HOME=nothing, XDG_CACHE_HOME=nothing)
    assert done.returncode == 2
    assert "make vault" in done.stderr


def test_a_name_that_leads_nowhere_is_no_detour(tmp_path: Path) -> None:
    done = demo("--vault", VAULT_BIN=str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert "VAULT_BIN" in done.stderr
