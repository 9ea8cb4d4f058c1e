"""A spill: the file that records what an emergency did while the journal could not be written,
until `rotation emergency merge` brings it in.

It has lines of canonical JSON, each with the hash of the lines before it. The first line is durable
before anything is switched off. A last line that was cut off is ignored; any other damage is
reported.
"""

import hashlib
import json
import os
import pwd
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rotation.errors import JournalError, UsageError
from rotation.journal.entries import GENESIS, NONSENSE, Entry, compact
from rotation.runtime.ownership import ordinary
from rotation.types import Facts, contains_live_value

FORMAT = 1
BYTES_MAX = 4 * 1024 * 1024
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def places(journal: Path | None) -> Iterator[Path]:
    """Where a spill may lie: beside the journal, else where this process can write."""
    if journal is not None:
        yield journal.absolute().parent
    with suppress(KeyError):
        yield Path(pwd.getpwuid(os.getuid()).pw_dir)
    yield Path("/var/tmp")  # noqa: S108 -- the file is private and its name is used once
    yield Path(tempfile.gettempdir())


class Spill:
    """An open spill. If the disk is full, later lines are lost; the first line names everything
    that has to be looked at."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._hash = GENESIS

    def add(self, facts: Facts) -> None:
        line = compact({**facts, "prev": self._hash})
        assert not contains_live_value(line), "ids and names alone are spilled"
        begun = os.lseek(self._descriptor, 0, os.SEEK_CUR)
        try:
            self._write(f"{line}\n".encode())
        except OSError:
            # Half a line would make every later one unreadable.
            os.ftruncate(self._descriptor, begun)
            os.lseek(self._descriptor, begun, os.SEEK_SET)
            raise
        self._hash = _hash(line)

    def _write(self, raw: bytes) -> None:
        while raw:
            raw = raw[os.write(self._descriptor, raw) :]
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def begin(directories: Iterator[Path], number: str, header: Facts) -> Spill | None:
    """Makes a spill in the first directory that accepts it; None where none does. It appears under
    its name only with its first line complete."""
    for directory in directories:
        path = directory / f"rotation-emergency-{number}.spill"
        unborn = path.with_name(f".{path.stem}.unborn")
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
            spill = Spill(path, os.open(unborn, flags, 0o600))
        except OSError:
            continue
        try:
            spill.add({**header, "spill": FORMAT, "id": number})
            unborn.rename(path)
            _sync(directory)
        except OSError:
            spill.close()
            unborn.unlink(missing_ok=True)
        else:
            return spill
    return None


def _sync(directory: Path) -> None:
    # A new name is durable only once its directory is.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpillRecord:
    """The content of a spill. active: instances of the scope that were active before."""

    id: str
    installation: str
    stream: str
    secret: str
    spec: Facts
    who: str
    at: str
    reason: str
    scope: tuple[str, ...]
    active: tuple[str, ...]
    destroy_foreign: bool
    contained: tuple[str, ...]

    @property
    def unknown(self) -> str:
        """What to say of it while no journal has it."""
        were = "was" if len(self.scope) == 1 else "were"
        return (
            f"{', '.join(self.scope)} of {self.secret} {were} switched off without the journal, "
            "which does not have it yet"
        )


def read(path: Path, installation: str) -> SpillRecord:
    """Raises UsageError where the file is damaged, belongs to another installation, or could have
    been written by others."""
    lines = list(_lines(_text(path)))
    try:
        first = lines[0]
        record = SpillRecord(
            id=first["id"],
            installation=first["installation"],
            stream=first["stream"],
            secret=first["secret"],
            spec=first["spec"],
            who=first["who"],
            at=first["at"],
            reason=first["reason"],
            scope=tuple(first["scope"]),
            active=tuple(first["active"]),
            destroy_foreign=first["destroy_foreign"],
            contained=tuple(line["contained"] for line in lines[1:] if "contained" in line),
        )
    except (IndexError, KeyError, TypeError):
        raise _damaged() from None
    if record.installation != installation:
        raise UsageError(
            "emergency.spill-foreign",
            f"that spill is of installation {record.installation}, not of {installation}; "
            "nothing was merged",
            "merge it with the configuration of that installation; where its journal is gone for "
            f"good: `installation: {record.installation}`, a new `journal:`, `rotation init`, then "
            f"`rotation rotate {record.secret} --replace`, and merge it last",
        )
    return record


def found(journal: Path, installation: str) -> Iterator[tuple[Path, SpillRecord]]:
    """The spills of that installation."""
    for directory in dict.fromkeys(places(journal)):
        for path in sorted(directory.glob("rotation-emergency-*.spill")):
            with suppress(UsageError):
                yield path, read(path, installation)


class Records(Protocol):
    """The part of a journal that is needed to tell which spills it has."""

    def history(self, stream: str) -> Iterable[Entry]: ...


def unmerged(
    journal: Path, installation: str, records: Records
) -> Iterator[tuple[Path, SpillRecord]]:
    """The spills that the journal does not have yet, as far as it can be read."""
    for path, record in found(journal, installation):
        known = False
        with suppress(JournalError):
            known = is_known((entry.facts for entry in records.history(record.stream)), record.id)
        if not known:
            yield path, record


def _text(path: Path) -> str:
    """Anybody may create a file of that name in a shared directory, so the owner of the opened file
    is checked before a byte of it is read."""
    try:
        with ordinary(path, links=False) as file:
            found = os.fstat(file.fileno())
            ours = found.st_uid in (0, os.getuid()) and not found.st_mode & OTHERS_WRITE
            content = file.read(BYTES_MAX + 1) if ours else b""
    except OSError as error:
        raise UsageError(
            "emergency.spill-missing",
            f"{path} cannot be read ({error.strerror}); nothing was merged",
            "the emergency named the file: give it that path",
        ) from None
    if not ours:
        raise UsageError(
            "emergency.spill-unsafe",
            f"{path} is not yours alone, so anybody may have written it; nothing was merged",
            "find out who wrote it; then copy it to your own file, mode 600",
        )
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _damaged() from None
    if len(content) > BYTES_MAX:
        raise _damaged()
    return text


def _lines(text: str) -> Iterator[dict[str, Any]]:
    before = GENESIS
    for line in text.split("\n")[:-1]:
        try:
            content = json.loads(line)
            chained = content.pop("prev") == before
        except NONSENSE:
            raise _damaged() from None
        if not chained:
            raise _damaged()
        before = _hash(line)
        yield content


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _damaged() -> UsageError:
    return UsageError(
        "emergency.spill-damaged",
        "that file is no spill of an emergency, or it was changed; nothing was merged",
        "`rotation emergency NAME` records what is switched off now",
    )


def is_known(facts: Iterable[Facts], number: str) -> bool:
    """Whether a journal already has that spill."""
    return any(each.get("spill") == number for each in facts)
