"""Strict YAML 1.2, core schema, to plain values: no tags, no merge keys, no key twice.

`parse` keeps no positions, because ten thousand secrets have half a million of them. Findings need
a few, so `lines` reads the text again and looks only for those.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave it out

from rotation.config.findings import Invalid, Problem, Where

DEPTH_MAX = 20
# The number of values that aliases may repeat: nested ones multiply.
ALIASED_MAX = 100_000

_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_DIGITS_MAX = 18
_NO_WORD_BEGINS_SO = frozenset("0123456789+-.~nNtTfF")


Parsed: TypeAlias = tuple[Any, list[tuple[int, Problem]], dict[Where, int]]


def parse(text: str) -> Parsed:
    """The document's value, what is wrong with the text, each with its line, and the lines of its
    lists' items. Reading stops where the text is not YAML: then the value is None."""
    reader = _Reader()
    try:
        value = reader.document(text)
    except _Stop as stop:
        return None, [*reader.problems, (stop.line, stop.problem)], {}
    return value, reader.problems, reader.lines


def lines(text: str, wanted: Iterable[Where]) -> dict[Where, int]:
    """The line of each value, or of the innermost value around it that exists. In a mapping it is
    the line of the key."""
    targets = set(wanted)
    context = {where[:n] for where in targets for n in range(len(where) + 1)}
    reader = _Reader(context)
    with contextlib.suppress(_Stop):  # `parse` reported it; what came before it has its lines
        reader.document(text)
    return {where: _innermost(where, reader.lines) for where in targets}


def _innermost(where: Where, known: dict[Where, int]) -> int:
    return next((known[where[:n]] for n in range(len(where), -1, -1) if where[:n] in known), 1)


class _Stop(Exception):
    """The text cannot be read any further."""

    def __init__(self, line: int, message: str) -> None:
        self.line, self.problem = line, Problem((), "config.syntax", message)


class _Reader:
    """Follows the parser's events; remembers the lines of the wanted values."""

    def __init__(self, wanted: Iterable[Where] = ()) -> None:
        self.problems: list[tuple[int, Problem]] = []
        self.lines: dict[Where, int] = {}
        self._wanted = frozenset(wanted)
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._size = self._aliased = 0

    def document(self, text: str) -> Any:
        try:
            self._next: Callable[[], Any] = CParser(text).get_event
            self._next()  # the stream's beginning
            return self._only_document()
        except yaml.MarkedYAMLError as error:
            # libyaml's own words are constant. The excerpt that PyYAML would add may hold a secret.
            mark: Any = error.problem_mark
            raise _Stop(mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from None
        except yaml.YAMLError:
            raise _Stop(1, "not YAML: a character that must not be in it") from None

    def _only_document(self) -> Any:
        begin: Any = self._next()
        if isinstance(begin, yaml.StreamEndEvent):
            return None
        if begin.version not in (None, (1, 2)) or begin.tags:
            raise _Stop(_line(begin), "a directive; this is YAML 1.2 without tags")
        value = self._value(self._next(), ())
        self._next()  # the document's end
        after: Any = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise _Stop(_line(after), "a second document; one file is one")
        return value

    def _value(self, event: Any, way: Where) -> Any:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event)
        if event.tag is not None:
            problem = Problem(way, "config.tag", "a tag (`!...`)", "write the plain value")
            self.problems.append((_line(event), problem))
        before = self._size
        self._size += 1
        if kind is yaml.ScalarEvent:
            value = _resolve(event.value) if event.implicit[0] else event.value
        elif len(way) == DEPTH_MAX:
            raise _Stop(_line(event), "nested too deeply")
        else:
            value = self._mapping(way) if kind is yaml.MappingStartEvent else self._list(way)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._size - before)
        return value

    def _mapping(self, way: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            if type(event) is not yaml.ScalarEvent or event.tag is not None:
                raise _Stop(_line(event), "a key must be a plain word")
            key = event.value
            inner = (*way, key)
            if inner in self._wanted:
                self.lines.setdefault(inner, _line(event))
            if key in result:
                problem = Problem(inner, "config.duplicate-key", "this key is there twice")
                self.problems.append((_line(event), problem))
            result[key] = self._value(self._next(), inner)
        return result

    def _list(self, way: Where) -> list[Any]:
        result: list[Any] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            inner = (*way, len(result))
            if (not self._wanted and len(inner) == 2) or inner in self._wanted:
                self.lines[inner] = _line(event)
            result.append(self._value(event, inner))
        return result

    def _alias(self, event: Any) -> Any:
        known = self._anchors.get(event.anchor)
        if known is None:
            raise _Stop(_line(event), "an alias of an anchor that is not complete before it")
        value, size = known
        self._size += size
        self._aliased += size
        if self._aliased > ALIASED_MAX:
            raise _Stop(_line(event), "aliases repeat too much")
        return value


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _resolve(text: str) -> Any:
    """The core schema of YAML 1.2: `on`, `no` and 10:30 are text."""
    if text and text[0] not in _NO_WORD_BEGINS_SO:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text) and len(text) <= _DIGITS_MAX:
        return int(text, 8 if text[1:2] == "o" else 16 if text[1:2] == "x" else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


# ------------------------------------------------------------------------------ one line of JSON


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise Invalid([Problem((twice,), "config.duplicate-key", "this key is there twice")])
    return content


_decoder = json.JSONDecoder(object_pairs_hook=_once)


def parse_line(text: str) -> Any:
    """Raises Invalid for a key that is there twice, ValueError where it is not one JSON value."""
    value, end = _decoder.raw_decode(text)
    if end < len(text):
        raise ValueError("something follows the value")
    return value
