"""What a process that holds secrets must be. It cannot be undone, so each case has its own."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from rotation.process import Signals


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
from rotation.process import dumps_are_off, harden
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
from rotation.process import harden
harden()
child = os.fork()
if child == 0:
    os.abort()
print(os.WCOREDUMP(os.waitpid(child, 0)[1]))
"""
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["SSLKEYLOGFILE", "NETRC"])
def test_ambient_variables_that_leak_are_refused_by_name(name: str) -> None:
    done = run("from rotation.process import harden; harden()", **{name: "/dev/null"})
    assert done.returncode == 1
    assert f"{name} is set" in done.stderr


def test_a_signal_to_stop_wakes_who_waits_and_a_second_changes_nothing() -> None:
    with Signals() as signals:
        threading.Timer(0.05, signal.raise_signal, [signal.SIGTERM]).start()
        signals.wait(30)
        assert signals.stopping
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert signals.stopping
        assert signals.reloads == 0
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_hang_up_asks_for_the_configuration_and_not_to_stop() -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGHUP)
        signals.wait(30)
        assert (signals.stopping, signals.reloads) == (False, 1)


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
from rotation.process import end_children
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
