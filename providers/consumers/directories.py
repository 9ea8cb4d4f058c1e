"""Opens directories in which nobody else can replace what we look at, write or run.

They are opened from `/` downwards, each component without following links. A user who cannot write
into one of them cannot put another file behind a path that was checked.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotation.errors import Refused

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@contextmanager
def trusted(directory: Path, *owners: int) -> Iterator[int]:
    """A descriptor of `directory`. Every component belongs to root, to us or to one of `owners`,
    and only its owner may write there. Above it, a sticky directory such as /tmp is allowed."""
    parts = Path("/", directory).parts
    descriptor = os.open("/", _OPEN)
    try:
        _check(descriptor, Path("/"), directory, owners)
        for depth in range(2, len(parts) + 1):
            inside = Path(*parts[:depth])
            inner = _open(inside, descriptor)
            os.close(descriptor)
            descriptor = inner
            _check(descriptor, inside, directory, owners)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(inside: Path, parent: int) -> int:
    try:
        return os.open(inside.name, _OPEN, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise Refused(
                "consumer.not-a-directory",
                f"{inside} is a link or no directory; nothing was written or run",
                "declare the real path",
            ) from None
        raise cannot("open", inside, error) from None


def _check(descriptor: int, inside: Path, directory: Path, owners: tuple[int, ...]) -> None:
    status = os.fstat(descriptor)
    if not is_ours(status, *owners):
        raise Refused(
            "consumer.foreign-directory",
            f"{inside} belongs to another user, who could replace its content",
            "it must belong to root or to the user of the runner",
        )
    # In a sticky directory nobody else can rename or remove our files, hence the exception.
    passable = inside != directory and status.st_mode & stat.S_ISVTX
    if status.st_mode & _WRITABLE_BY_OTHERS and not passable:
        raise Refused(
            "consumer.open-directory",
            f"{inside} is writable by others, who could replace its content",
            f"chmod go-w {inside}",
        )


def is_ours(status: os.stat_result, *owners: int) -> bool:
    return status.st_uid in {0, os.geteuid(), *owners}


def is_writable_by_others(status: os.stat_result) -> bool:
    return bool(status.st_mode & _WRITABLE_BY_OTHERS)


def errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "EIO")


def cannot(what: str, path: Path, error: OSError) -> Refused:
    """A refusal of the operating system, named by its number."""
    name = errno_name(error)
    return Refused(
        "consumer.system",
        f"cannot {what} {path}: {name}",
        "look at the path, its rights and the space of its file system, as the runner's user",
        errno=name,
    )
