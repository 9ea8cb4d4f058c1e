"""Who may change a configuration: it is code that runs with the runner's rights."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rotation.config.findings import Problem


def problems(path: Path) -> Iterator[Problem]:
    """Every file and directory on the way to `path` that somebody else may change."""
    lexical, real = path.absolute(), path.resolve()
    for place in sorted({lexical, *lexical.parents, real, *real.parents}):
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            continue  # what it leads to is on the real way, and its directory on the lexical one
        if status.st_uid not in (0, os.geteuid()):
            yield Problem(
                (),
                "config.owner",
                f"{place} belongs to somebody else, and who owns it decides what the runner does",
                "it must belong to root or to you",
            )
        elif _is_open(place, status):
            yield Problem(
                (), "config.mode", f"{place} may be changed by others", f"chmod go-w {place}"
            )


def _is_open(place: Path, status: os.stat_result) -> bool:
    if not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return False
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return False  # like /tmp: others may add names, but not replace ours
    return not os.statvfs(place).f_flag & os.ST_RDONLY
