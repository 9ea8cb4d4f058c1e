"""The JSON Schema, from the same dataclasses that read the file."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from rotation.config.model import Document
from rotation.config.plugins import Head
from rotation.config.reading import As, is_duration, key_of
from rotation.errors import UsageError
from rotation.plugins.registry import installed

Schema = dict[str, Any]

DURATION: Schema = {"type": "string", "pattern": r"^\d{1,6}[smhd]$", "examples": ["90d", "5m"]}
_SCALARS: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
}


def of_document() -> Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rotation.yaml",
        **_of_class(Document),
    }


def _of_class(cls: type, also: Mapping[str, Schema] | None = None) -> Schema:
    hints = get_type_hints(cls, include_extras=True)
    properties: dict[str, Schema] = dict(also or {})
    required = list(properties)
    for field in dataclasses.fields(cls):
        annotation = hints[field.name]
        key = key_of(field.name, annotation)
        shape = DURATION if is_duration(field.name, annotation) else _of(annotation)
        properties[key] = {**shape, "description": field.metadata.get("doc", "")}
        missing = dataclasses.MISSING
        if field.default is missing and field.default_factory is missing:
            required.append(key)
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _of(annotation: Any) -> Schema:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        like = next(mark.like for mark in arguments if isinstance(mark, As))
        return _of_plugins(like) if isinstance(like, str) else _of(like)
    if origin in (Union, types.UnionType):
        return _of(arguments[0])
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _of(arguments[1])}
    if dataclasses.is_dataclass(annotation):
        return _of_class(annotation)  # type: ignore[arg-type]
    return _SCALARS[annotation]


def _of_plugins(kind: str) -> Schema:
    """One of the installed plugins of that kind, each with its own options."""
    plugins = installed()
    shapes = []
    for name in plugins.names(kind):
        try:
            plugins.check(kind, name)
        except UsageError:
            continue  # it would not be loaded
        shape = _of_class(plugins.options(kind, name), {"type": {"const": name}})
        if kind == "consumers":
            head = _of_class(Head)
            shape["properties"] = {**head["properties"], **shape["properties"]}
            shape["required"] = [*head["required"], *shape["required"]]
        shapes.append(shape)
    return {"oneOf": shapes}
