"""The consumer that is a file.

A reader finds the old content or the new one, never a part, and never a moment without a file.
Killed at any point we leave at most one temporary file, readable by its owner only, under a name
that the next delivery knows and removes.
"""

import fcntl
import grp
import os
import pwd
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from providers.consumers.content import as_json, of_field
from providers.consumers.directories import cannot, errno_name, trusted
from providers.consumers.options import TEMPORARY_NAME, FileOptions
from rotation.errors import Ambiguous, Refused, Transient
from rotation.interfaces import Around
from rotation.types import Fields

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNCHANGED = -1

# Two deliveries would share the temporary name. Between processes the directory's lock decides.
_one_delivery = threading.Lock()


class FileConsumer:
    def __init__(self, options: FileOptions, around: Around) -> None:
        self._options = options
        self._path = Path(options.path)
        self._temporary = TEMPORARY_NAME.format(self._path.name)
        self._roots = around.file_roots
        self._names = around.fields

    def deliver(self, version: str, fields: Fields) -> None:
        """The file holds these fields, durably, with the declared mode and owner."""
        content = self._content(fields)
        user, group = _ids(self._options.owner)
        with self._directory(user) as directory:
            try:
                self._refuse_what_is_no_file(directory)
                self._remove_temporary(directory)
                self._write_temporary(directory, content, user, group)
                os.rename(
                    self._temporary, self._path.name, src_dir_fd=directory, dst_dir_fd=directory
                )
            except OSError as error:
                with suppress(OSError):
                    self._remove_temporary(directory)
                raise cannot("write", self._path, error) from None
            self._make_durable(directory)

    def leftovers(self) -> tuple[Path, ...]:
        """What a killed delivery left behind: bytes of the secret under the temporary name."""
        temporary = self._path.with_name(self._temporary)
        return (temporary,) if os.path.lexists(temporary) else ()

    def _content(self, fields: Fields) -> bytes:
        field = self._options.only_field or _whole(self._names)
        return as_json(fields, self._names) if field is None else of_field(fields, field)

    @contextmanager
    def _directory(self, user: int) -> Iterator[int]:
        """The file's directory, ours alone until the end."""
        if not any(self._path.is_relative_to(root) for root in self._roots):
            raise Refused(
                "consumer.outside-roots",
                f"{self._path} is in none of the declared `file_roots`; nothing was written",
                "declare its directory there, if it belongs to this runner",
            )
        with _one_delivery, trusted(self._path.parent, user) as directory:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Transient(
                    "consumer.busy", f"another process writes into {self._path.parent}"
                ) from None
            except OSError as error:
                raise cannot("lock", self._path.parent, error) from None
            yield directory

    def _refuse_what_is_no_file(self, directory: int) -> None:
        try:
            status = os.stat(self._path.name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(status.st_mode):
            raise Refused(
                "consumer.not-a-file",
                f"{self._path} is a link or something else that is no file; nothing was written",
                "name the file itself",
            )

    def _write_temporary(self, directory: int, content: bytes, user: int, group: int) -> None:
        descriptor = os.open(self._temporary, _CREATE, 0o600, dir_fd=directory)
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
            temporary.flush()
            # The owner first: before, the declared mode would let the runner's group read.
            if (user, group) != (_UNCHANGED, _UNCHANGED):
                os.fchown(descriptor, user, group)
            os.fchmod(descriptor, int(self._options.mode, 8))
            os.fsync(descriptor)

    def _remove_temporary(self, directory: int) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._temporary, dir_fd=directory)

    def _make_durable(self, directory: int) -> None:
        try:
            os.fsync(directory)
        except OSError as error:
            raise Ambiguous(
                "consumer.not-durable",
                f"{self._path} is replaced, but a power failure could undo that",
                errno=errno_name(error),
            ) from None


def _whole(names: Mapping[str, str]) -> str | None:
    """The field that is the whole secret, if it is one."""
    return next((field for field, name in names.items() if name == ""), None)


def _ids(owner: str | None) -> tuple[int, int]:
    """Numbers of user and group; a number stands for itself."""
    user, _, group = (owner or "").partition(":")
    try:
        return (
            int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid if user else _UNCHANGED,
            int(group) if group.isdigit() else grp.getgrnam(group).gr_gid if group else _UNCHANGED,
        )
    except KeyError:
        raise Refused(
            "consumer.unknown-owner", "the declared owner of the file does not exist on this host"
        ) from None
