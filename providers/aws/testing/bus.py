"""EventBridge: which rules hear an event, by what AWS documents of patterns and states."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]

SIZE_MAX = 2048
EVERY_EVENT = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


class PatternRefused(Exception):
    """PutRule's InvalidEventPatternException."""


def hears(pattern: Json, state: str, event: Json) -> bool:
    """A rule that is only ENABLED gets no management events that only read."""
    if event["detail"].get("readOnly") and state != EVERY_EVENT:
        return False
    return state != "DISABLED" and _matches(pattern, event)


def assert_taken(pattern: Json) -> None:
    """Raises where PutRule would."""
    if len(json.dumps(pattern)) > SIZE_MAX:
        raise PatternRefused("larger than 2048 characters")
    for name, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            assert_taken(wanted)
        elif isinstance(wanted, list) and len(wanted) < (2 if name == "$or" else 1):
            raise PatternRefused("empty arrays, and $or with less than two, are not allowed")
        else:
            for each in wanted if isinstance(wanted, list) else ():
                if isinstance(each, Mapping):
                    assert_taken(each)


def _matches(pattern: Json, event: Json) -> bool:
    return all(_field(name, wanted, event) for name, wanted in pattern.items())


def _field(name: str, wanted: Any, event: Json) -> bool:
    if name == "$or":
        return any(_matches(each, event) for each in wanted)
    value = event.get(name)
    if isinstance(wanted, Mapping):
        return _matches(wanted, value if isinstance(value, Mapping) else {})
    values = value if isinstance(value, list) else [value]
    there = name in event and not isinstance(value, Mapping)
    return any(_meets(each, values if there else []) for each in wanted)


def _meets(wanted: Any, values: list[Any]) -> bool:
    """values: the elements of an array; empty where the field is absent. An absent field matches
    only `exists: false`, not `anything-but`."""
    if not isinstance(wanted, Mapping):
        return wanted in values
    [(operator, given)] = wanted.items()
    if operator == "exists":
        return bool(values) is given
    return any(_compares(operator, given, value) for value in values if isinstance(value, str))


def _compares(operator: str, given: Any, value: str) -> bool:
    match operator:
        case "prefix":
            return value.startswith(given)
        case "suffix":
            return value.endswith(given)
        case "anything-but":
            return value not in given
        case "wildcard":
            parts = (re.escape(part) for part in given.split("*"))
            return re.fullmatch(".*".join(parts), value, re.DOTALL) is not None
        case _:
            raise NotImplementedError(operator)
