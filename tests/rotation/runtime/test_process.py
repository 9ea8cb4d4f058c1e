"""What a process that holds secrets must be. It cannot be undone, so each case has its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotation.runtime.process import Signals

ROOT = Path(__file__).parents[3]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_dumps_are_off_and_files_are_private(tmp_path: object) -> None:
    done = run(
        f"""
import os, resource, faulthandler
faulthandler.enable()
from rotation.runtime.process import dumps_are_off, harden
before = dumps_are_off()
harden()
os.chdir({str(tmp_path)!r})
open("file", "w").close()
print(before, dumps_are_off(), resource.getrlimit(resource.RLIMIT_CORE),
      oct(os.stat("file").st_mode & 0o777), faulthandler.is_enabled())
"""
    )
    assert done.stdout.split("\n")[0] == "False True (0, 0) 0o600 False", done.stderr


def test_a_hardened_process_leaves_no_core() -> None:
    done = run(
        """
import os, signal
from rotation.runtime.process import harden
harden()
child = os.fork()
if child == 0:
    os.abort()
print(os.WCOREDUMP(os.waitpid(child, 0)[1]))
"""
    )
    assert done.stdout == "False\n"


def test_isolated_nothing_of_the_environment_runs_before_it(tmp_path: Path) -> None:
    """As the documents say to start it."""
    (tmp_path / "sitecustomize.py").write_text("print('ran before')\n")
    (tmp_path / "click.py").write_text("print('ran instead')\n")
    done = subprocess.run(
        [sys.executable, "-I", "-m", "rotation", "version"],
        env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith("rotation ")
    assert "ran" not in done.stdout
    assert "python -I -m rotation serve" in (ROOT / "docs" / "security.md").read_text()


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "NETRC"])
def test_ambient_variables_that_leak_are_refused_by_name(name: str) -> None:
    done = run("from rotation.runtime.process import harden; harden()", **{name: "/dev/null"})
    assert done.returncode == 1
    assert f"{name} is set" in done.stderr


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_to_stop_wakes_who_waits_and_a_second_changes_nothing() -> None:
    with Signals() as signals:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM]).start()
        signals.wait(30)
        assert signals.stopping
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert signals.stopping
        assert signals.reloads == 0
    signal.raise_signal(signal.SIGTERM)  # the process is ending: still nothing worse


def test_a_hang_up_asks_for_the_configuration_and_not_to_stop() -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGHUP)
        signals.wait(30)
        assert (signals.stopping, signals.reloads) == (False, 1)


def test_a_process_that_was_not_told_to_stop_has_its_own_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_waking_twice_waits_once() -> None:
    with Signals() as signals:
        for _ in range(100_000):
            signals.wake()  # more than a pipe holds
        signals.wait(30)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children end by their time-out")
def test_children_are_ended_with_their_group() -> None:
    done = run(
        """
import subprocess, sys, threading
from rotation.runtime.process import end_children
code = ("import subprocess, sys; grand = subprocess.Popen(['sleep', '60']);"
        "print(grand.pid, flush=True); grand.wait()")
child = []
def start():
    child.append(subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                                  start_new_session=True))
thread = threading.Thread(target=start); thread.start(); thread.join()
grand = int(child[0].stdout.readline())
print(end_children(), child[0].wait())
import os, time
for _ in range(100):
    try: os.kill(grand, 0)
    except ProcessLookupError: break
    if open(f"/proc/{grand}/stat").read().split()[2] == "Z": break
    time.sleep(0.05)
else: print("the grandchild lives")
"""
    )
    assert done.stdout == f"1 {-signal.SIGTERM}\n", done.stderr
