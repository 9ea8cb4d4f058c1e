"""Whether what a plugin answers is what its contract says, down to the last field."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import zip_longest
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def misfit(value: object, said: Any) -> str | None:
    """What the value is instead of what the contract says, in the words of its types and never of
    its content; None: it fits."""
    origin, parts = get_origin(said), get_args(said)
    if said is Any:
        return None
    if origin in (Union, UnionType):
        found = [misfit(value, part) for part in parts]
        return None if None in found else max(filter(None, found), key=len)
    if origin is Literal:
        return None if value in parts else _type(value)
    if origin is Callable:
        return None if callable(value) else _type(value)
    if not _is(value, origin or said):
        return _type(value)
    return next(_inside(value, said, origin, parts), None)


def spelt(said: Any) -> str:
    """The type as a sentence names it."""
    if said in (None, NoneType):
        return "nothing"
    if get_origin(said) in (Union, UnionType):
        return " or ".join(spelt(part) for part in get_args(said))
    return str(getattr(get_origin(said) or said, "__name__", said))


def _is(value: object, kind: Any) -> bool:
    if kind in (None, NoneType):
        return value is None
    if kind is int:
        return type(value) is int
    if isinstance(value, str) and kind in (Collection, Sequence):
        return False  # a text is a collection of letters
    return isinstance(value, kind)


def _type(value: object) -> str:
    return type(value).__name__


def _inside(value: Any, said: Any, origin: Any, parts: tuple[Any, ...]) -> Iterator[str]:
    """What does not fit of the parts of a value that is itself of the right type."""
    if said is datetime and value.utcoffset() is None:
        yield "datetime without a time zone"
    if isinstance(said, type) and dataclasses.is_dataclass(said):
        for name, part in _fields(said).items():
            if what := misfit(getattr(value, name), part):
                yield f"{spelt(said)} whose `{name}` is {what}"
    for each, part in _items(value, origin, parts):
        if what := misfit(each, part):
            yield f"{_type(value)} with {what} in it"


def _items(value: Any, origin: Any, parts: tuple[Any, ...]) -> Iterator[tuple[object, Any]]:
    if origin is None or not parts:
        return
    if issubclass(origin, Mapping):
        for key, each in value.items():
            yield from ((key, parts[0]), (each, parts[1]))
    elif origin is tuple and parts[-1] is not Ellipsis:
        yield from zip_longest(value, parts, fillvalue=None)
    elif issubclass(origin, Collection):
        yield from ((each, parts[0]) for each in value)


@cache
def _fields(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
