"""Runs a command as a child process that can neither see nor keep more than it was given.

Its environment holds only what is named; it runs in `/`, in its own session, with no open file but
its input; its output is discarded. It ends with its whole process group: at the time-out, when we
are told to stop, and with whatever it leaves behind when it ends by itself. If we are killed
outright, its input closes, and it has to keep to the time-out itself.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATH = "/usr/bin:/bin"
# The time between asking a group to end and killing it.
GRACE_SECONDS = 2


class TimedOut(Exception):
    """The command was ended before it had finished."""


def run(
    command: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    given: bytes,
    seconds: int,
) -> int:
    """Returns its exit code, or the negative number of the signal that ended it. Raises OSError and
    ValueError where it cannot be started."""
    with _started(command, arguments, environment) as child:
        try:
            child.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            _signal(child.pid, signal.SIGTERM)
            _await_end(child)
            raise TimedOut from None
        return child.returncode


@contextmanager
def _started(
    command: Path, arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(  # noqa: S603 -- an argument list from a checked directory, no shell
        (str(command), *arguments),
        env={"PATH": PATH, **environment},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        # The number still belongs to this group or to none: process ids are reused only after a
        # full round.
        _signal(child.pid, signal.SIGKILL)
        _await_end(child)
        assert child.stdin is not None, "it was started with a pipe"
        with suppress(BrokenPipeError):
            child.stdin.close()


def _await_end(child: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)


def _signal(group: int, number: signal.Signals) -> None:
    # The group is gone, or a process has another user's rights: both are beyond our reach.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
