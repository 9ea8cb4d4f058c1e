"""Which runners of this host are alive: each holds an operating-system lock while it lives.

The kernel frees the lock when the process ends, however it ends. So a death is seen at once, and a
process that only hangs does not count as dead.
"""

import fcntl
import os
import re
import secrets
import socket
from pathlib import Path
from typing import Self

KEPT_SECONDS = 24 * 60 * 60

_LEGAL = re.compile(r"[A-Za-z0-9.-]{1,200}")


def runners_of(journal: Path) -> Path:
    """The directory in which the runners of that journal keep their locks."""
    return journal.absolute().parent / "runners"


def new_runner_id() -> str:
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:64]
    return f"{host}-{os.getpid()}-{secrets.token_hex(4)}"


class RunnerLock:
    """Held from construction to `close` or the end of the process.

    A runner opens its journal first, then takes the lock, then claims. Children made by `exec` do
    not inherit the lock.
    """

    def __init__(self, directory: Path, runner_id: str) -> None:
        if not _is_legal(runner_id):
            raise ValueError("a runner's id is letters, digits, dots and hyphens")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.runner_id = runner_id
        self._descriptor = os.open(directory / runner_id, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        # Waits at most for another process that reads the file, for microseconds.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        # The file stays, so that a lease that was not given back is free at once, as after a kill.
        os.close(self._descriptor)


def is_dead(directory: Path, runner_id: str) -> bool | None:
    """Whether that runner has certainly ended: its file is here and nobody holds the lock. False:
    it lives. None: there is no file (another host, another journal), so its lease has to run
    out."""
    held = _is_held(directory / runner_id) if _is_legal(runner_id) else None
    return None if held is None else not held


def living(directory: Path) -> tuple[str, ...]:
    """The runners that hold their lock now."""
    if not directory.is_dir():
        return ()
    return tuple(sorted(path.name for path in directory.iterdir() if _is_held(path)))


def sweep(directory: Path) -> None:
    """Removes the files of dead runners, except those of the last day, which a lease may still
    name."""
    if not directory.is_dir():
        return
    written = {path: path.stat().st_mtime for path in directory.iterdir()}
    # By the files' own times: the newest one tells the time.
    for path, at in written.items():
        if max(written.values()) - at > KEPT_SECONDS and _is_held(path) is False:
            path.unlink(missing_ok=True)


def _is_legal(runner_id: str) -> bool:
    return bool(_LEGAL.fullmatch(runner_id)) and set(runner_id) != {"."}


def _is_held(path: Path) -> bool | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that two readers do not take each other for the runner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
