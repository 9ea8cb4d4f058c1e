"""What is wrong with a configuration: where, by which rule, and what to write instead."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ParamSpec, TypeAlias, TypeVar

from rotation.config.leaks import looks_secret
from rotation.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")

# Further findings are counted, not kept: a generated inventory may repeat one mistake a hundred
# thousand times.
FINDINGS_MAX = 1000

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,30}|[A-Za-z_-]{1,31}")

Where: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a value."""


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding. It never holds the content of a value, which might be a secret."""

    file: str
    line: int
    path: str
    code: str
    message: str
    hint: str = ""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}: {path}{self.message}{hint} [{self.code}]"


class ConfigInvalid(UsageError):
    """Every mistake of a configuration at once, and all other findings; `further` mistakes were
    only counted."""

    def __init__(self, findings: Sequence[Finding], further: int = 0) -> None:
        errors = [finding for finding in findings if finding.level is Level.ERROR]
        first, count = errors[0], len(errors) + further
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__("config.invalid", f"{first}{more}", "`rotation config check` lists them")
        self.findings = tuple(findings)
        self.errors = tuple(errors)
        self.further = further


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding whose file and line are not known yet."""

    where: Where
    code: str
    message: str
    hint: str = ""
    level: Level = Level.ERROR

    def under(self, *outer: str | int) -> "Problem":
        return Problem((*outer, *self.where), self.code, self.message, self.hint, self.level)


class Invalid(Exception):
    """Why a value cannot be read: everything that is wrong inside it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)


def invalid(code: str, message: str, hint: str = "", where: Where = ()) -> Invalid:
    return Invalid([Problem(where, code, message, hint)])


def collected(
    problems: list[Problem], step: Callable[P, T], *given: P.args, **more: P.kwargs
) -> T | None:
    """What the step returns; None where it raises Invalid, and then its problems are added."""
    try:
        return step(*given, **more)
    except Invalid as error:
        problems += error.problems
        return None


def named(key: str) -> str:
    """A key as it may be printed. One that is no plain name may be a value in the wrong place."""
    return key if _PLAIN_NAME.fullmatch(key) and not looks_secret(key) else "?"


def spell(where: Where) -> str:
    """`secrets[3].store.name`."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{named(part)}"
    return text.removeprefix(".")


def nearest(name: object, known: Iterable[str]) -> str:
    """A hint that names the probable intention, or what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1) if isinstance(name, str) else []
    if near:
        return f"did you mean `{near[0]}`?"
    return f"there is {', '.join(names)}" if names else "there is none"
