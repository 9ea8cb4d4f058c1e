"""The part of JSON Schema that this program's schemas are written in, held against a document."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

TYPES: dict[str, Any] = {
    "string": str, "integer": int, "boolean": bool, "object": dict, "array": list,
    "null": type(None),
}  # fmt: skip
KNOWN = {
    "$schema", "title", "type", "format", "properties", "required", "items", "enum", "const",
    "anyOf", "allOf", "additionalProperties",
}  # fmt: skip


def mismatches(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    unknown = schema.keys() - KNOWN
    assert not unknown, f"the schema says {unknown}, which is not looked at here"
    yield from (found for part in schema.get("allOf", ()) for found in mismatches(value, part, at))
    if "anyOf" in schema and all(list(mismatches(value, s, at)) for s in schema["anyOf"]):
        yield f"{at}: none of its shapes"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is none of {schema['enum']}"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and type(value) not in [TYPES[name] for name in types]:
        yield f"{at}: {type(value).__name__} is none of {types}"
        return
    if schema.get("format") == "date-time" and value is not None:
        datetime.fromisoformat(value)
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from mismatches(item, schema.get("items", {}), f"{at}[{n}]")
    if isinstance(value, dict):
        yield from _members(value, schema, at)


def _members(value: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    yield from (f"{at}.{key} is missing" for key in schema.get("required", ()) if key not in value)
    shapes = schema.get("properties", {})
    for key, inner in value.items():
        yield from mismatches(inner, shapes.get(key, schema.get("additionalProperties", {})),
                              f"{at}.{key}")  # fmt: skip
