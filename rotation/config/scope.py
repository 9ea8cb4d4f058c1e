"""What `include:` may contain: files of other teams, and what the secrets in them may name."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from rotation.types import require

ANY = "*"


def _doc(text: str, default: Any = ()) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class May:
    """What the secrets of included files may name. Each is a list of whole names, or of beginnings
    that end in `*`. What is left out has its default."""

    names: tuple[str, ...] = _doc("ids of secrets, and former ones in `was`")
    stored: tuple[str, ...] = _doc("places in stores, as `config show` has them: `place`")
    issued: tuple[str, ...] = _doc("credentials, as `config show` has them: `identity`")
    connections: tuple[str, ...] = _doc("connections of the main file")
    commands: tuple[str, ...] = _doc("commands that are started on this host")
    files: tuple[str, ...] = _doc("files that are written on this host")
    plugins: tuple[str, ...] = _doc("types of stores, issuers, probes and consumers", (ANY,))
    classes: tuple[str, ...] = _doc("policy classes", (ANY,))
    applications: tuple[str, ...] = _doc("applications", (ANY,))
    environments: tuple[str, ...] = _doc("environments", (ANY,))
    exceptions: bool = _doc("longer lives than the environment allows", default=False)

    def __post_init__(self) -> None:
        for key, patterns in self.lists():
            plain = all(ANY not in pattern[:-1] and pattern for pattern in patterns)
            require(plain, f"{key}: whole names, or beginnings that end in `*`")

    def lists(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        return ((key, names) for key, names in asdict(self).items() if isinstance(names, tuple))


@dataclass(frozen=True, kw_only=True)
class Include:
    """Files with secrets of one team."""

    files: str = field(metadata={"doc": "beside this file: `payments.yaml`, `secrets.d/*.yaml`"})
    owner: str = field(metadata={"doc": "the owner of every secret in them"})
    may: May = field(metadata={"doc": "what those secrets may name; nothing else"})

    def __post_init__(self) -> None:
        path = PurePosixPath(self.files)
        beside = path.name and not path.is_absolute() and ".." not in path.parts
        require(
            beside and "\0" not in self.files and "**" not in self.files,
            "files: a path beside this file, without `..` and `**`",
        )
        require(self.owner.strip() and self.owner.isprintable(), "owner: a team or a person")


class Names:
    """The names that fit a list of `may`; asked for each of many secrets."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.whole = frozenset(patterns)
        self._beginnings = tuple(name[:-1] for name in self.whole if name.endswith(ANY))

    def __contains__(self, name: str) -> bool:
        """A beginning never leads out again: `payments/*` is not `payments/../billing`."""
        if name in self.whole or ANY in self.whole:
            return True
        return name.startswith(self._beginnings) and ".." not in name.split("/")


class Scope:
    """One include, while its files are read."""

    def __init__(self, include: Include) -> None:
        self.owner, self.exceptions = include.owner, include.may.exceptions
        self.lists = {key: Names(patterns) for key, patterns in include.may.lists()}
