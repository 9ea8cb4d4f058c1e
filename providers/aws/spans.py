"""Changes our fields in a secret's text, and not one byte of the others."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, but not in typeshed
from typing import Any, NoReturn

from rotation.errors import NeedsPerson, Transient
from rotation.types import Fields
from rotation.values.composed import Composed
from rotation.values.stale import stale_keys
from rotation.values.stored import checked_value, is_masked, masked, split_public_and_secret

BYTES_MAX = 65_536

# The first version of an empty secret always becomes current; this value marks it as a placeholder.
PLACEHOLDER = '{"rotation": "placeholder"}'

_SPACE = re.compile(r"[ \t\n\r]*")


class NotAnObject(ValueError):
    """The text is not a JSON object that all readers understand alike. Never carries content."""


class DuplicateKeys(NotAnObject):
    """Readers differ in which of the two they take."""


@dataclass(frozen=True, slots=True)
class Span:
    """The place of a member's value in the text, and the value."""

    start: int
    end: int
    value: Any


def members(text: str) -> dict[str, Span]:
    """The members of the object in `text`, in its order."""
    try:
        return _scan(text)
    except NotAnObject:
        raise
    except (ValueError, IndexError, RecursionError):
        raise NotAnObject("not a JSON object") from None


def replaced(text: str, values: Mapping[str, str]) -> str:
    """The same text with these members' values replaced; missing members are appended."""
    spans = members(text)
    pieces, done = [], 0
    for name, span in spans.items():
        if name in values:
            pieces += [text[done : span.start], json.dumps(values[name])]
            done = span.end
    added = [f"{json.dumps(name)}: {json.dumps(values[name])}" for name in values.keys() - spans]
    if added:
        end = max((span.end for span in spans.values()), default=text.index("{") + 1)
        pieces += [text[done:end], ", " if spans else "", ", ".join(sorted(added))]
        done = end
    return "".join((*pieces, text[done:]))


class SecretText:
    """The places of a credential's fields in the text of its secret.

    fields: issuer field -> member of the JSON object; {x: ""} makes the whole text that one value.
    composed: further members, written from templates.
    """

    def __init__(
        self,
        fields: Mapping[str, str],
        public: frozenset[str],
        composed: Mapping[str, str] | None = None,
    ) -> None:
        self._fields = fields
        self._composed = Composed(fields, composed or {})
        self._public = public
        self.is_whole = list(fields.values()) == [""]

    def write(self, new: Fields, onto: str | None) -> str:
        """The text with this credential in it; everything else stays as it is in `onto`."""
        values = {own: checked_value(name, new) for name, own in self._fields.items()}
        if self.is_whole:
            return _fitting(values[""])
        if onto is None or onto == PLACEHOLDER:
            # Sorted, so that a repeated attempt gives the same text.
            values |= self._composed.filled(values, {})
            return _fitting(json.dumps(values, sort_keys=True))
        spans = _object(onto)
        if any(isinstance(s.value, str) and is_masked(s.value) for s in spans.values()):
            raise masked("a field beside ours")
        values |= self._composed.filled(values, _values(spans))
        return _fitting(replaced(onto, values))

    def stale(self, text: str, handle_id: str) -> tuple[str, ...]:
        """Members that hold this credential's bytes and are neither ours nor composed. Raises
        NeedsPerson where a composed one differs from its template."""
        if self.is_whole or text == PLACEHOLDER:
            return ()
        own, data = self._own(text), _values(_object(text))
        by_key = {self._fields[name]: value for name, value in own.items()}
        self._composed.check(by_key, data)
        ours = by_key.keys() | self._composed.keys
        return stale_keys(data, ours, split_public_and_secret(own, self._public), handle_id)

    def lacking(self, text: str) -> frozenset[str]:
        """The parts of composed members that are neither ours nor in the text."""
        return self._composed.lacking(_values(_object(text)))

    def read(self, text: str) -> Fields:
        """Our own fields, the public ones unwrapped, and what is composed of them."""
        if text == PLACEHOLDER:
            raise Transient("store.placeholder", "the secret holds no credential yet", "wait")
        if self.is_whole:
            return split_public_and_secret(dict.fromkeys(self._fields, text), self._public)
        fields = split_public_and_secret(self._own(text), self._public)
        if not self._composed.keys:
            return fields
        return replace(fields, composed=self._composed.found(_values(_object(text))))

    def _own(self, text: str) -> dict[str, str]:
        spans = _object(text)
        for own in self._fields.values():
            if own not in spans or text[spans[own].start] != '"':
                raise NeedsPerson(
                    "store.missing-field",
                    f"the secret's text has no string named {own}",
                    "compare the secret's `fields:` with what is in the store",
                )
        return {name: spans[own].value for name, own in self._fields.items()}


def _values(spans: Mapping[str, Span]) -> dict[str, Any]:
    return {name: span.value for name, span in spans.items()}


def _fitting(text: str) -> str:
    if len(text.encode()) > BYTES_MAX:
        raise NeedsPerson(
            "store.too-large",
            f"the secret would have more than {BYTES_MAX} bytes; nothing was written",
            "move fields that are not ours into another secret",
        )
    return text


def _object(text: str) -> dict[str, Span]:
    try:
        return members(text)
    except DuplicateKeys:
        raise NeedsPerson(
            "store.duplicate-keys",
            "the secret's text has a duplicate key, and readers differ in which one they use",
            "remove one of them",
        ) from None
    except NotAnObject:
        raise NeedsPerson(
            "store.not-json",
            "the secret's text is not a JSON object",
            'map the one field to "" to use the whole text, or write an object',
        ) from None


def _scan(text: str) -> dict[str, Span]:
    found: dict[str, Span] = {}
    at = _past(text, 0, "{")
    while text[at] != "}":
        if found:
            at = _past(text, at, ",")
        name, at = scanstring(text, _past(text, at, '"', skip=False), True)
        at = _past(text, at, ":")
        value, end = _DECODER.raw_decode(text, at)
        if name in found:
            raise DuplicateKeys("a key twice")
        found[name] = Span(at, end, value)
        at = _skip(text, end)
    if _skip(text, at + 1) != len(text):
        raise NotAnObject("something after the object")
    return found


def _past(text: str, at: int, character: str, *, skip: bool = True) -> int:
    at = _skip(text, at)
    if text[at] != character:
        raise NotAnObject("not a JSON object")
    return _skip(text, at + 1) if skip else at + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None  # it matches an empty text too
    return space.end()


def _no_constant(_name: str) -> NoReturn:
    raise NotAnObject("NaN and Infinity are not JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise DuplicateKeys("a key twice")
    return dict(pairs)


# Numbers stay text: nothing here needs them, and converting a long one is slow or fails.
_DECODER = json.JSONDecoder(
    parse_constant=_no_constant, parse_int=str, parse_float=str, object_pairs_hook=_no_twins
)
