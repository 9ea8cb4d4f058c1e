"""Who may change a file or the path to it: they decide what a runner does with it."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

SECRET_BYTES_MAX = 64 * 1024
# As many as the system itself follows.
LINKS_MAX = 40


class Flaw(NamedTuple):
    """A file, link or directory on the way that somebody else may change. foreign: it belongs to
    somebody else; otherwise it is ours, and its mode lets others change it."""

    place: Path
    foreign: bool

    def __str__(self) -> str:
        what = "belongs to somebody else" if self.foreign else "may be changed by others"
        return f"{self.place} {what}"

    @property
    def remedy(self) -> str:
        return "it must belong to root or to you" if self.foreign else f"chmod go-w {self.place}"


def flaws(path: Path) -> Iterator[Flaw]:
    """Everything on the way to `path`, including itself, that somebody else may change. Raises
    OSError where it does not exist."""
    for place in dict.fromkeys(_way(path.absolute())):
        status = os.lstat(place)
        if status.st_uid not in (0, os.geteuid()):
            yield Flaw(place, foreign=True)
        elif not stat.S_ISLNK(status.st_mode) and _is_open(place, status):
            yield Flaw(place, foreign=False)


def _way(path: Path, links: int = 0) -> Iterator[Path]:
    """Every name that is looked up, including those of links and their targets: somebody who may
    change one link decides where the path ends."""
    for place in reversed((path, *path.parents)):
        yield place
        if place.is_symlink():
            if links == LINKS_MAX:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = place.parent / place.readlink()
            yield from _way(target / path.relative_to(place), links + 1)
            return


def _is_open(place: Path, status: os.stat_result) -> bool:
    if not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False  # like /tmp: others may add names but not replace ours
    return not os.statvfs(place).f_flag & os.ST_RDONLY


def ordinary(path: Path, *, links: bool = True) -> BinaryIO:
    """Opens an ordinary file for reading. Raises OSError for a pipe, which might block, and a
    device, which might never end. links: whether it may be a link."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    file = os.fdopen(os.open(path, flags), "rb")
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is no ordinary file")


def read_secret(path: Path) -> bytes:
    """The content of a file with a secret: a short one, which only root and this user can have
    written. Links are followed, because a pod's files are links. Raises OSError, whose `strerror`
    gives the reason without the path."""
    for flaw in flaws(path):
        why = "somebody else owns" if flaw.foreign else "others may change"
        raise PermissionError(errno.EPERM, f"{why} it, or a directory on the way to it")
    with ordinary(path) as file:
        content = file.read(SECRET_BYTES_MAX + 1)
    if len(content) > SECRET_BYTES_MAX:
        raise OSError(errno.EFBIG, "it is too long to be a credential")
    return content


def read_word(path: Path) -> str:
    """The content of such a file as ASCII without surrounding space. Raises OSError as above, and
    for an empty file."""
    try:
        text, why = read_secret(path).decode("ascii").strip(), "it is empty"
    except UnicodeDecodeError:
        text, why = "", "it is no text"
    if not text:  # outside of the `except`, whose error holds the bytes
        raise OSError(errno.EINVAL, why)
    return text


def refuse_read_by_others(path: Path) -> None:
    """Raises OSError for a file that everybody on this host may read, or that somebody else may
    change: what it holds proves who somebody is."""
    read_secret(path)
    if path.stat().st_mode & stat.S_IRWXO:
        raise PermissionError(errno.EPERM, "everybody on this host may read it")


def replace_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Puts the text in the place of the file, whole or not at all. Raises OSError."""
    import tempfile  # noqa: PLC0415 -- only who writes pays for it

    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
