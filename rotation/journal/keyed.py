"""Records of the journal as keyed JSON, which a version before and one after can read.

An unknown key is of a later version and is ignored: what must not be ignored is a step of its own, or a
higher `entries.SCHEMA`. A missing key is of an earlier version and stands for the field's default, so a
field that is added has one for ever.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

Record = TypeVar("Record")


def record(kind: type[Record], content: Mapping[str, Any]) -> Record:
    """Raises TypeError where a key is missing that has no default."""
    shape: Any = kind
    return kind(**{each.name: content[each.name] for each in fields(shape) if each.name in content})


def keyed(it: Any) -> dict[str, Any]:
    """The fields that are not at their default; values as they are."""
    return {
        each.name: value
        for each in fields(it)
        if (value := getattr(it, each.name)) != _default(each)
    }


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
