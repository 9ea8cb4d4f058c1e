import fcntl
import os
import signal
import stat
import subprocess
import sys

import pytest

from rotation.journal.liveness import RunnerLock, is_dead, living, new_runner_id, runners_of, sweep

HOLD_ONE = """
import sys
from pathlib import Path
from rotation.journal.liveness import RunnerLock
lock = RunnerLock(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path):
    return runners_of(tmp_path / "journal.db")


@pytest.fixture
def another(directory):
    """A runner in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD_ONE, str(directory), "host-1-abcd"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_ids_are_unique_and_say_whose_they_are():
    assert new_runner_id() != new_runner_id()
    assert f"-{os.getpid()}-" in new_runner_id()


def test_a_runner_lives_until_it_closes(directory):
    with RunnerLock(directory, "host-1-abcd"):
        assert living(directory) == ("host-1-abcd",)
        assert not is_dead(directory, "host-1-abcd")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "host-1-abcd").stat().st_mode) == 0o600
    assert living(directory) == ()
    assert is_dead(directory, "host-1-abcd"), "a lease that it forgot is free"


def test_a_killed_runner_is_dead_at_once(directory, another):
    assert not is_dead(directory, "host-1-abcd")
    another.send_signal(signal.SIGKILL)
    another.wait()
    assert is_dead(directory, "host-1-abcd")
    assert living(directory) == ()


def test_a_runner_that_hangs_is_not_dead(directory, another):
    another.send_signal(signal.SIGSTOP)
    assert not is_dead(directory, "host-1-abcd")
    assert living(directory) == ("host-1-abcd",)


def test_two_who_look_do_not_take_each_other_for_the_runner(directory, another):
    another.kill()
    another.wait()
    looking = os.open(directory / "host-1-abcd", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert is_dead(directory, "host-1-abcd")
    os.close(looking)


def test_a_child_does_not_keep_its_runner_alive(directory):
    lock = RunnerLock(directory, "host-2-abcd")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    os.close(lock._descriptor)  # as the kernel does when the runner is killed
    assert is_dead(directory, "host-2-abcd")
    child.communicate(b"\n")


@pytest.mark.parametrize("unknown", ["elsewhere-1-abcd", "../journal.db", "..", "", "a/b"])
def test_of_a_stranger_nothing_is_known(directory, unknown):
    with RunnerLock(directory, "host-1-abcd"):
        (directory.parent / "journal.db").touch()
        assert not is_dead(directory, unknown)


@pytest.mark.parametrize("illegal", ["../x", "a b", "", ".", ".."])
def test_an_id_is_a_plain_name(directory, illegal):
    with pytest.raises(ValueError, match="letters"):
        RunnerLock(directory, illegal)


def test_without_runners_nobody_lives(directory):
    assert living(directory) == ()


def test_only_what_the_dead_left_long_ago_is_swept_away(directory):
    sweep(directory)
    RunnerLock(directory, "long-dead").close()
    with RunnerLock(directory, "long-alive"):
        for name in ("long-dead", "long-alive"):
            os.utime(directory / name, (0, 0))
        RunnerLock(directory, "just-dead").close()
        sweep(directory)
        assert {file.name for file in directory.iterdir()} == {"long-alive", "just-dead"}
