"""The consumer that is a file.

A reader finds the old content or the new one, never a part of it, and never a moment without a
file. The new file has the same readers as the old one; otherwise nothing is written. A delivery
that is killed at any point leaves at most one temporary file, readable only by its owner, under a
name that the next delivery knows and removes.
"""

import errno
import fcntl
import grp
import os
import pwd
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from providers.consumers import readers
from providers.consumers.content import delivered, of_field
from providers.consumers.directories import cannot, errno_name, trusted
from providers.consumers.options import DEFAULT_MODE, TEMPORARY_NAME, FileOptions
from providers.consumers.readers import Readers
from providers.consumers.untouched import untouched
from rotation.errors import Ambiguous, Refused, Transient
from rotation.interfaces import PluginContext
from rotation.types import Fields

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_OURS_TO_GIVE = frozenset({errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP})
REHEARSED_BYTES_MIN = 4096

# Two deliveries would share the temporary name. Between processes the directory's lock decides.
_one_delivery = threading.Lock()


class FileConsumer:
    def __init__(self, options: FileOptions, context: PluginContext) -> None:
        self._options = options
        self._path = Path(options.path)
        self._temporary = TEMPORARY_NAME.format(self._path.name)
        self._roots = context.file_roots
        self._names = context.fields

    def deliver(self, version: str, fields: Fields) -> None:
        """The file durably holds these fields and has its former readers, or the declared ones."""
        with untouched():
            content = self._content(fields)
        with self._directory() as directory:
            with untouched():
                before = self._look(directory)
                self._replace(directory, content, before)
            self._make_durable(directory)

    def rehearse(self) -> None:
        """A delivery up to the moment before it would replace the file; it leaves nothing
        behind."""
        with self._directory() as directory:
            before = self._look(directory)
            size = REHEARSED_BYTES_MIN if before is None else before.st_size
            try:
                self._write_temporary(directory, bytes(max(size, REHEARSED_BYTES_MIN)), before)
            except OSError as error:
                raise cannot("write", self._path, error) from None
            finally:
                with suppress(OSError):
                    self._remove_temporary(directory)

    def leftovers(self) -> tuple[Path, ...]:
        """What a killed delivery left: bytes of the secret under the temporary name."""
        temporary = self._path.with_name(self._temporary)
        return (temporary,) if os.path.lexists(temporary) else ()

    def _content(self, fields: Fields) -> bytes:
        field = self._options.only_field or _whole(self._names)
        return delivered(fields, self._names) if field is None else of_field(fields, field)

    @contextmanager
    def _directory(self) -> Iterator[int]:
        """The file's directory, locked for us until the end."""
        with ExitStack() as stack:
            with untouched():
                directory = stack.enter_context(self._opened())
            yield directory

    @contextmanager
    def _opened(self) -> Iterator[int]:
        if not any(self._path.is_relative_to(root) for root in self._roots):
            raise Refused(
                "consumer.outside-roots",
                f"{self._path} is in none of the declared `file_roots`; nothing was written",
                "declare its directory there, if it belongs to this runner",
            )
        user, _ = _ids(self._options.owner)
        owners = () if user is None else (user,)
        with _one_delivery, trusted(self._path.parent, *owners) as directory:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Transient(
                    "consumer.busy",
                    f"another process writes into {self._path.parent}; nothing was written",
                    "nothing to do: it is tried again",
                ) from None
            except OSError as error:
                raise cannot("lock", self._path.parent, error) from None
            yield directory

    def _look(self, directory: int) -> os.stat_result | None:
        """The state of the present file. Raises where replacing it would take it from somebody."""
        try:
            status = os.stat(self._path.name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise Refused(
                "consumer.not-a-file",
                f"{self._path} is a link or something else that is no file; nothing was written",
                "name the file itself",
            )
        if readers.is_mounted(self._path, directory, status):
            raise Refused(
                "consumer.mounted",
                f"{self._path} is a mount of its own, which cannot be replaced; nothing was written",
                "mount its directory instead of the file, here and where it is read",
            )
        if status.st_nlink > 1:
            raise Refused(
                "consumer.other-names",
                f"{self._path} has {status.st_nlink} names (hard links), and who reads by another "
                "one would keep the old credential; nothing was written",
                "remove the other names, or make them symbolic links to this one",
            )
        return status

    def _replace(self, directory: int, content: bytes, before: os.stat_result | None) -> None:
        try:
            self._write_temporary(directory, content, before)
            os.rename(self._temporary, self._path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError as error:
            raise cannot("write", self._path, error) from None
        finally:
            with suppress(OSError):
                self._remove_temporary(directory)

    def _write_temporary(
        self, directory: int, content: bytes, before: os.stat_result | None
    ) -> None:
        self._remove_temporary(directory)
        descriptor = os.open(self._temporary, _CREATE, 0o600, dir_fd=directory)
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
            temporary.flush()
            self._give(directory, descriptor, before)
            os.fsync(descriptor)

    def _give(self, directory: int, descriptor: int, before: os.stat_result | None) -> None:
        """Gives the new file to the readers of the old one, or to the declared ones."""
        wanted = self._wanted(directory, before)
        try:
            readers.give(descriptor, wanted)
        except OSError as error:
            if error.errno not in _NOT_OURS_TO_GIVE:
                raise
            raise Refused(
                "consumer.readers",
                f"{self._path} is for {wanted}, and this runner may not make a file like that "
                f"({errno_name(error)}); nothing was written",
                "run as its owner or as root, in its group; or declare another `owner:` and `mode:`",
            ) from None

    def _wanted(self, directory: int, before: os.stat_result | None) -> Readers:
        user, group = _ids(self._options.owner)
        mode = None if self._options.mode is None else int(self._options.mode, 8)
        if before is not None:
            kept = readers.of(directory, self._path.name, before)
            return kept.declared(user, group, mode)
        fresh = os.stat(self._temporary, dir_fd=directory, follow_symlinks=False)
        made = readers.of(directory, self._temporary, fresh)
        return made.declared(user, group, int(DEFAULT_MODE, 8) if mode is None else mode)

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
                "nothing to do: it is written again; look at its disk if this stays",
                errno=errno_name(error),
            ) from None


def _whole(names: Mapping[str, str]) -> str | None:
    """The field that is the whole secret, if it is one."""
    return next((field for field, name in names.items() if name == ""), None)


def _ids(owner: str | None) -> tuple[int | None, int | None]:
    """The numbers of user and group; a number stands for itself, None for what is not declared."""
    user, _, group = (owner or "").partition(":")
    try:
        return (
            int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid if user else None,
            int(group) if group.isdigit() else grp.getgrnam(group).gr_gid if group else None,
        )
    except KeyError:
        raise Refused(
            "consumer.unknown-owner",
            "the declared owner of the file does not exist on this host; nothing was written",
            "correct the consumer's `owner:`, or make that user or group",
        ) from None
