"""What a process that holds secrets needs: no core dumps, private files, an orderly end."""

import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Self

from rotation.errors import UsageError

# Variables that write down what is encrypted, or log in as somebody else.
AMBIENT = ("SSLKEYLOGFILE", "NETRC")

# From a signal to stop until the end. The longest call takes 20 s, and its fact may wait for the
# journal.
STOP_WITHIN = timedelta(seconds=27)

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_THREADS = Path("/proc/self/task")


def harden() -> None:
    """Makes files private to this user and prevents memory dumps. Raises UsageError where that is
    not possible."""
    _refuse_ambient()
    os.umask(0o077)
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A dump into a pipe ignores the limit, but not this.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if not dumps_are_off():
        raise UsageError(
            "process.core-dumps",
            "core dumps cannot be switched off here, and one would hold secrets",
            "run it where setrlimit and prctl are allowed",
        )


def dumps_are_off() -> bool:
    """Read back from the kernel."""
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        return False
    if sys.platform != "linux":
        return True
    return bool(ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)


def _refuse_ambient() -> None:
    for name in AMBIENT:
        if name in os.environ:
            raise UsageError(
                "process.ambient",
                f"{name} is set, which is not allowed for a runner of production credentials",
                f"unset {name}",
            )


class Signals:
    """SIGTERM and SIGINT set `stopping` for good. SIGHUP is counted, or stops as well where nothing
    is reloaded. Each of them makes `wait` return early, and a stop does so in every thread. A
    second signal to stop does nothing more.

    Python's handlers run between two instructions of the main thread, so they must take no lock.
    The kernel may choose another thread, so the interpreter itself writes into the pipe.
    """

    def __init__(self, *, reloads: bool = True) -> None:
        self.stopping = False
        self._counts_hang_ups = reloads
        self.reloads = 0
        self._wake, self._woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)[::-1]
        self._before: dict[signal.Signals, Callable[..., object] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._received)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        if not self.stopping:
            for number, handler in self._before.items():
                signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._woken)

    def wake(self) -> None:
        """Wakes a waiting thread. May be called from any thread."""
        with suppress(BlockingIOError):  # then a wake-up is under way already
            os.write(self._wake, b".")

    def wait(self, seconds: float) -> None:
        """Waits so long, or until a wake-up."""
        select.select([self._woken], [], [], seconds)
        if not self.stopping:
            with suppress(BlockingIOError):
                os.read(self._woken, 4096)

    def _received(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self._counts_hang_ups:
            self.reloads += 1
        elif not self.stopping:
            # Stopping is final: this byte stays for all other waiting threads.
            self.stopping = True
            self.wake()


def end_children() -> int:
    """Asks every child of this process to end, with its group where it leads one, and returns their
    number. Linux only: elsewhere they end by their own time-out."""
    children = set(_children())
    for child in children:
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(child) == child:
                os.killpg(child, signal.SIGTERM)
            else:
                os.kill(child, signal.SIGTERM)
    return len(children)


def _children() -> Iterator[int]:
    if _THREADS.is_dir():
        for thread in _THREADS.iterdir():
            with suppress(FileNotFoundError):
                yield from map(int, (thread / "children").read_text().split())
