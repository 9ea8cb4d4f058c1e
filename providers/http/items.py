"""Reads an item of an answer: an instance, its label, its times, and what must not change."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from providers.http.declaration import Item
from providers.http.pointer import MISSING, find, find_all
from rotation.errors import NeedsPerson
from rotation.types import (
    SECRET_LENGTH_MIN,
    Handle,
    KeyState,
    SecretValue,
    contains_live_value,
    is_any_mark,
)

SHOWN_MAX = 160


class Misshapen(Exception):
    """The item is not as the declaration says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One item of the list, and its instance."""

    handle: Handle
    used: datetime | None
    document: Mapping[str, Any]


def secret_of(item: Item, document: Any) -> SecretValue:
    """Taken out first, so that nothing that still holds it can be written anywhere."""
    value = find(document, item.secret)
    if not isinstance(value, str) or len(value) < SECRET_LENGTH_MIN:
        raise Misshapen
    return SecretValue(value)


def public(document: Any, pointer: str, pattern: str = ".{1,256}") -> str:
    """An id or a login. It is shown, journaled and sent in paths, so it must not contain a
    secret."""
    value = find(document, pointer)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misshapen
    text = str(value)
    if contains_live_value(text):
        raise NeedsPerson(
            "http.id-secret",
            "what the declaration calls a public id holds a secret; it was not kept",
            "correct the declaration's pointers, then rotate again",
        )
    known = re.fullmatch(pattern, text, re.ASCII) and text.isprintable()
    if not known or text in {".", ".."}:
        raise Misshapen
    return text


def id_of(item: Item, document: Any) -> str:
    return public(document, item.id, item.id_pattern)


def belongs(item: Item, document: Any, name: str) -> bool:
    """Whether it is ours: made by us, or given exactly this name by a person. All other items are
    foreign."""
    if item.gone is not None and find(document, item.gone) is True:
        return False
    label = find(document, item.label)
    return label == name or (isinstance(label, str) and mark_of(label, name) is not None)


def label_of(name: str, mark: str) -> str:
    return f"{name}-{mark}"


def mark_of(label: str, name: str) -> str | None:
    mark = label.removeprefix(f"{name}-")
    return mark if mark != label and is_any_mark(mark) else None


def listed(item: Item, document: Any, name: str) -> Listed:
    label = find(document, item.label)
    return Listed(
        handle=Handle(
            id=id_of(item, document),
            created=moment(document, item.created),
            state=_state(item, document),
            expires=moment(document, item.expires),
            mark=mark_of(str(label), name),
        ),
        used=moment(document, item.used),
        document=document,
    )


def _state(item: Item, document: Any) -> KeyState:
    if item.state is None:
        return KeyState.ACTIVE
    value = find(document, item.state)
    text = value if isinstance(value, str) else json.dumps(value if value is not MISSING else None)
    return {item.active: KeyState.ACTIVE, item.suspended: KeyState.SUSPENDED}.get(
        text, KeyState.UNKNOWN
    )


def moment(document: Any, pointer: str | None) -> datetime | None:
    """RFC 3339, a day (its beginning), or seconds; a time without a zone is UTC."""
    value = None if pointer is None else find(document, pointer)
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if not isinstance(value, str) or not value:
            return None
        parsed = datetime.fromisoformat(value)
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Misshapen from None


def says(document: Any, pointer: str) -> bool:
    return find_all(document, pointer) is not None


def differences(pointers: Sequence[str], one: Any, other: Any) -> list[str]:
    """Where the two differ, with both values where they may be shown."""
    found = []
    for pointer in pointers:
        left, right = _comparable(one, pointer), _comparable(other, pointer)
        if left != right:
            found.append(f"{pointer}: {_shown(right)} instead of {_shown(left)}")
    return found


def _comparable(document: Any, pointer: str) -> list[str] | None:
    """Sorted, because services list rights in any order."""
    values = find_all(document, pointer)
    if values is None:
        return None
    flat = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
    return sorted(_canonical(value) for value in flat)


def _canonical(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _shown(values: list[str] | None) -> str:
    text = "nothing" if values is None else ", ".join(values) or "nothing"
    if len(text) > SHOWN_MAX or not text.isprintable() or contains_live_value(text):
        return "(not shown)"
    return text
