"""Reads plain values into dataclasses and reports everything that is wrong with them at once.

The configuration's own parts and the options of plugins follow the same rules: a field's annotation
says what is expected; `__post_init__` raises ValueError("key: rule") for the rest. A field
`refresh_s` is the key `refresh`, a duration; `class_` is the key `class`.
"""

import dataclasses
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from rotation.config.findings import Invalid, Problem, invalid, named, nearest

T = TypeVar("T")
REMEMBERED_MAX = 4096
# Takes a plain value, returns what it means, raises Invalid.
Read = Callable[[Any], Any]

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,6})([smhd])")

# Keys of later versions. This version refuses what it does not enforce.
LATER = frozenset(
    {
        "aws", "blast", "brownout", "canary", "dependents",
        "incident", "notify", "overdue", "owners", "replaces", "sensitivity",
        "tripwire", "usage", "vault",
    }
)  # fmt: skip

_SECRET_WORDS = re.compile(
    r"(?i)(.*[_-])?(password|passwd|passphrase|secret|secret[_-]?key|token|api[_-]?key"
    r"|private[_-]?key|credentials?)"
)


@dataclass(frozen=True, slots=True)
class As:
    """Annotates a field that has its own reading function. like: its form in the schema, as another
    annotation or as the kind of plugin that it names."""

    read: Read
    like: Any


@dataclass(frozen=True, slots=True)
class Member:
    """One key of a mapping."""

    name: str
    read: Read
    required: bool


class Shape(Generic[T]):
    """How a mapping becomes a `cls`."""

    def __init__(self, cls: type[T]) -> None:
        self.cls = cls
        self.members = dict(_members(cls))
        self._quick = {key: (member.name, member.read) for key, member in self.members.items()}

    def read(self, raw: Any) -> T:
        """Raises Invalid with everything that is wrong."""
        quick = self._quick
        try:
            values = {}
            for key, value in raw.items():
                name, read = quick[key]
                values[name] = read(value)
            return self.cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError, Invalid):
            return self._read_thoroughly(raw)

    def _read_thoroughly(self, raw: Any) -> T:
        if type(raw) is not dict:
            raise expected("a mapping", raw)
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, value in raw.items():
            member = self.members.get(key)
            if member is None:
                problems.append(unknown_key(key, self.members))
                continue
            try:
                values[member.name] = member.read(value)
            except Invalid as error:
                problems += [problem.under(key) for problem in error.problems]
        for key, member in self.members.items():
            if member.required and key not in raw:
                problems.append(Problem((key,), "config.missing", f"`{key}` is missing"))
        if problems:
            raise Invalid(problems)
        try:
            return self.cls(**values)
        except ValueError as error:
            raise Invalid([_complaint(str(error), raw)]) from None


_shapes: dict[type, Shape[Any]] = {}


def shape(cls: type[T]) -> Shape[T]:
    if cls not in _shapes:
        _shapes[cls] = Shape(cls)
    return _shapes[cls]


def key_of(name: str, annotation: Any) -> str:
    """The key under which a field is written."""
    return name.removesuffix("_s") if is_duration(name, annotation) else name.rstrip("_")


def is_duration(name: str, annotation: Any) -> bool:
    return name.endswith("_s") and annotation in (int, int | None)


def seconds(raw: Any) -> int:
    match = _DURATION.fullmatch(raw) if type(raw) is str else None
    if match is None:
        raise invalid("config.duration", "a duration is expected", "write 90d, 36h, 5m or 30s")
    return int(match[1]) * UNITS[match[2]]


def unknown_key(key: str, known: Mapping[str, object]) -> Problem:
    """A key that has no meaning here; its value is not looked at."""
    if key in LATER:
        return Problem(
            (key,),
            "config.not-enforced",
            f"`{key}` is not enforced by this version, so it is not accepted",
            "leave it out",
        )
    if _SECRET_WORDS.fullmatch(key):
        return Problem(
            (key,),
            "config.inline-secret",
            "a configuration must not contain a secret",
            "take it out, replace it where it is used, and name its store instead",
        )
    if key == "<<":
        hint = "YAML 1.2 has no merge key; use `classes:` for what secrets share"
        return Problem((key,), "config.unknown-key", "`<<` is an unknown key", hint)
    return Problem(
        (key,), "config.unknown-key", f"`{named(key)}` is an unknown key", nearest(key, known)
    )


def _members(cls: type) -> Iterator[tuple[str, Member]]:
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        annotation = hints[field.name]
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        read = seconds if is_duration(field.name, annotation) else reader(annotation)
        yield key_of(field.name, annotation), Member(field.name, read, required)


def reader(annotation: Any) -> Read:
    """The function that reads a value of that type."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return next(mark.read for mark in arguments if isinstance(mark, As))
    if origin in (Union, types.UnionType):
        [only] = [argument for argument in arguments if argument is not type(None)]
        return reader(only)
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _list_of(reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_of(reader(arguments[1]))
    if dataclasses.is_dataclass(annotation):
        return shape(annotation).read  # type: ignore[arg-type]
    return _SCALARS[annotation]


def read_text(raw: Any) -> str:
    if type(raw) is not str:
        raise expected("text", raw)
    return raw


def _number(raw: Any) -> int:
    if type(raw) is not int:
        raise expected("a whole number", raw)
    return raw


def _switch(raw: Any) -> bool:
    if type(raw) is not bool:
        raise expected("true or false", raw)
    return raw


_SCALARS: dict[Any, Read] = {str: read_text, int: _number, bool: _switch}


def _one_of(choices: tuple[Any, ...]) -> Read:
    def read(raw: Any) -> Any:
        if raw not in choices or type(raw) is not str:
            what = f"one of {', '.join(choices)}" if len(choices) > 1 else f"only `{choices[0]}`"
            raise invalid("config.choice", f"{what} is expected")
        return raw

    return read


def _list_of(read_item: Read) -> Read:
    def read(raw: Any) -> tuple[Any, ...]:
        if type(raw) is not list:
            raise expected("a list", raw)
        return tuple(_read_all(read_item, enumerate(raw)).values())

    return read


def _mapping_of(read_item: Read) -> Read:
    def read(raw: Any) -> dict[str, Any]:
        if type(raw) is not dict:
            raise expected("a mapping", raw)
        return _read_all(read_item, raw.items())

    return read


def _read_all(read_item: Read, items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    problems: list[Problem] = []
    for place, raw in items:
        try:
            values[place] = read_item(raw)
        except Invalid as error:
            problems += [problem.under(place) for problem in error.problems]
    if problems:
        raise Invalid(problems)
    return values


def expected(what: str, raw: Any) -> Invalid:
    if raw is None:
        return invalid(
            "config.no-value", f"no value, and {what} is expected", "or leave the key out"
        )
    hint = "quote it" if what == "text" and type(raw) in (int, float, bool) else ""
    return invalid("config.type", f"{what} is expected", hint)


def _complaint(text: str, raw: Mapping[str, Any]) -> Problem:
    """Turns `key: rule`, from `__post_init__`, into a problem at that key."""
    name, colon, rule = text.partition(": ")
    key = name.partition(".")[0]
    for candidate in (key, key.removesuffix("_s")):
        if colon and candidate in raw:
            given = raw[candidate]
            wild = isinstance(given, str) and ("*" in given or "?" in given) and "wildcard" in rule
            return Problem((candidate,), "config.wildcard" if wild else "config.value", rule)
    return Problem((), "config.value", text)


def remembering(read: Read) -> Read:
    """The same reader, for values that most secrets of a fleet repeat: each distinct one is read
    once."""
    known: dict[str, Any] = {}

    def read_once(raw: Any) -> Any:
        key = repr(raw)
        if key not in known:
            if len(known) == REMEMBERED_MAX:
                known.clear()
            known[key] = read(raw)
        return known[key]

    return read_once
