"""Who may read a file: its owner, its group, its mode and its access list.

A file that replaces another one gets the same readers, except where the configuration declares
others.
"""

import errno
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

ACL = "system.posix_acl_access"
_NO_ACL = frozenset({errno.ENODATA, errno.ENOTSUP})
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """acl: in the kernel's form; None where the file has none."""

    user: int
    group: int
    mode: int
    acl: bytes | None = None

    def declared(self, user: int | None, group: int | None, mode: int | None) -> "Readers":
        """These readers, with the declared values in place of their own; None is not declared."""
        return replace(
            self,
            user=self.user if user is None else user,
            group=self.group if group is None else group,
            mode=self.mode if mode is None else mode,
        )

    def __str__(self) -> str:
        listed = "" if self.acl is None else " and an access list"
        return f"{self.user}:{self.group} {self.mode:04o}{listed}"


def of(directory: int, name: str, status: os.stat_result) -> Readers:
    return Readers(
        user=status.st_uid,
        group=status.st_gid,
        mode=status.st_mode & 0o777,
        acl=_acl(f"/proc/self/fd/{directory}/{name}"),
    )


def give(descriptor: int, readers: Readers) -> None:
    """Gives the open file these readers. The owner comes first, because otherwise the mode would
    let the runner's group read; the mode comes after the access list, because it is that list's
    mask."""
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (readers.user, readers.group):
        os.fchown(descriptor, readers.user, readers.group)
    if readers.acl is not None:
        os.setxattr(descriptor, ACL, readers.acl)
    elif _acl(descriptor) is not None:
        os.removexattr(descriptor, ACL)  # inherited from the directory; the old file had none
    os.fchmod(descriptor, readers.mode)


def is_mounted(path: Path, directory: int, status: os.stat_result) -> bool:
    """A file that is a mount of its own cannot be replaced."""
    if status.st_dev != os.fstat(directory).st_dev:
        return True
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    return str(path) in (_unescaped(line.split(" ")[4]) for line in lines)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)


def _acl(file: str | int) -> bytes | None:
    try:
        return os.getxattr(file, ACL)
    except OSError as error:
        if error.errno in _NO_ACL:
            return None
        raise
