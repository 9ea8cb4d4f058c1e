"""What a configuration may say about a consumer; checked without loading one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal

from rotation import options
from rotation.types import require

# Leaves room within a call's 20 seconds to kill a command that does not end.
COMMAND_SECONDS_MAX = 15

TEMPORARY_NAME = ".{}.rotation-tmp"
_TEMPORARY = re.compile(re.escape(TEMPORARY_NAME).replace(r"\{\}", ".*"))
DEFAULT_MODE = "0600"
NAME_BYTES_MAX = 255 - len(TEMPORARY_NAME.format(""))

_COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_MODE = re.compile(r"0[46][04]0")
_OWNER = re.compile(r"[a-z0-9_][a-z0-9_.-]*(:[a-z0-9_][a-z0-9_.-]*)?|:[a-z0-9_][a-z0-9_.-]*")


def _doc(text: str, default: Any) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class StoreReaderOptions(options.ConsumerOptions):
    """It reads the store by itself, again and again."""

    PUSHED: ClassVar = False
    CONFIRMS: ClassVar = False

    refresh_s: int = field(
        metadata={"doc": "the longest time until it reads the store again; caches count"}
    )

    def __post_init__(self) -> None:
        require(self.refresh_s > 0, "refresh: more than nothing; no reader is instantaneous")


@dataclass(frozen=True, kw_only=True)
class FileOptions(options.ConsumerOptions):
    """A file that is replaced, whole and at once, whenever the secret changes."""

    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = False

    path: str = field(metadata={"doc": "the file, inside one of `file_roots`"})
    refresh_s: int = field(
        metadata={"doc": "the longest time until the application reads the file again"}
    )
    only_field: str | None = _doc(
        "the one field or composed key whose bytes are the file; else JSON of all, or the one value",
        None,
    )
    mode: str | None = _doc(
        f"0400, 0440, 0600 or 0640, as a string; else the file's own, {DEFAULT_MODE} if it is new",
        None,
    )
    owner: str | None = _doc(
        "user, user:group or :group, which needs the right to give files away; else the file's own",
        None,
    )

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        require(
            path.root == "/" and str(path) == self.path and ".." not in path.parts,
            "path: absolute, without `.`, `..` or doubled slashes",
        )
        require(self.path.isprintable() and path.name, "path: the name of a file, which prints")
        require(
            len(path.name.encode()) <= NAME_BYTES_MAX,
            f"path: a file name of at most {NAME_BYTES_MAX} bytes",
        )
        require(
            not _TEMPORARY.fullmatch(path.name), "path: a delivery removes what has such a name"
        )
        require(self.refresh_s > 0, "refresh: more than nothing; no reader is instantaneous")
        require(
            self.mode is None or _MODE.fullmatch(self.mode),
            "mode: 0400, 0440, 0600 or 0640, as a string",
        )
        require(
            self.owner is None or _OWNER.fullmatch(self.owner), "owner: user, user:group or :group"
        )

    def files(self) -> Mapping[str, str]:
        return {"path": self.path}


@dataclass(frozen=True, kw_only=True)
class ProbeOptions(options.ProbeOptions):
    """A command that only looks whether a credential is accepted."""

    argv: tuple[str, ...] = field(
        metadata={"doc": "name of a file in the directory `commands`, and its arguments"}
    )
    timeout_s: int = _doc("how long it may take before its group is killed", 10)

    def __post_init__(self) -> None:
        require(self.argv, "argv: a command and its arguments")
        require(all("\0" not in word for word in self.argv), "argv: without NUL")
        require(
            _COMMAND.fullmatch(self.argv[0]), "argv: the bare name of a command, without a path"
        )
        require(
            0 < self.timeout_s <= COMMAND_SECONDS_MAX,
            f"timeout: more than nothing, at most {COMMAND_SECONDS_MAX} s",
        )

    def commands(self) -> Mapping[str, Sequence[str]]:
        return {"argv": self.argv}


@dataclass(frozen=True, kw_only=True)
class CommandOptions(ProbeOptions, options.ConsumerOptions):
    """A command that gives the secret to its user, or to the service that must accept it."""

    PUSHED: ClassVar = True

    role: Literal["reader", "verifier"] = _doc(
        "reader: it uses the secret; verifier: it is the service that accepts and drops values",
        "reader",
    )
    confirms: bool = _doc("exit 0 means that the reader runs on the new version", default=False)
    refresh_s: int = _doc(
        "the longest time until the reader uses what it was given, where it does not confirm", 0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.role in {"reader", "verifier"}, "role: reader or verifier")
        if self.role == "verifier":
            require(not self.confirms, "confirms: a verifier reads nothing")
            require(not self.refresh_s, "refresh: a verifier reads nothing")
        elif self.confirms:
            require(not self.refresh_s, "refresh: of no use where it confirms")
        else:
            require(self.refresh_s > 0, "refresh: more than nothing, unless it confirms")

    @property
    def CONFIRMS(self) -> bool:  # noqa: N802 -- class-level data of the other consumers
        return self.confirms
