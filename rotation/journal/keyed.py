"""Records of the journal as keyed JSON that earlier and later versions can read.

An unknown key comes from a later version and is ignored. What must not be ignored is a step of its
own, or a higher `entries.SCHEMA`. A missing key comes from an earlier version and means the field's
default, so a new field must keep its default for ever.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

Record = TypeVar("Record")


def record(kind: type[Record], content: Mapping[str, Any]) -> Record:
    """Raises TypeError where a key without a default is missing."""
    shape: Any = kind
    return kind(**{each.name: content[each.name] for each in fields(shape) if each.name in content})


def keyed(it: Any) -> dict[str, Any]:
    """The fields that differ from their default, with unchanged values."""
    return {
        each.name: value
        for each in fields(it)
        if (value := getattr(it, each.name)) != _default(each)
    }


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
