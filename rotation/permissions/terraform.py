"""A stack as Terraform reads it: JSON, with a provider for each connection."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rotation.permissions.naming import place
from rotation.permissions.resources import Document, Made, Ref, Resource, Stacked

# The version of what the runner reads as `bindings:`.
SCHEMA_VERSION = 1

_NO_LABEL = re.compile(r"[^A-Za-z0-9_-]")


def configuration(family: str, stacked: Stacked, made: Iterable[Made]) -> dict[str, Any]:
    """One file of a module: `FAMILY.tf.json`."""
    made = list(made)
    blocks: dict[str, dict[str, dict[str, Any]]] = {"resource": {}, "data": {}}
    for each in made:
        for resource in each.resources:
            looked_up, _, kind = resource.type.rpartition(".")
            of_kind = blocks[looked_up or "resource"].setdefault(kind, {})
            of_kind[label(resource.name)] = _block(family, each, resource)
    required = {family: {"source": stacked.source, "version": stacked.version}}
    return {
        "terraform": {"required_providers": required},
        "provider": {family: [{"alias": place(each.scope), **each.provider} for each in made]},
        **{name: found for name, found in blocks.items() if found},
        "output": {f"bindings_{family}": {"value": _bindings(made)}},
    }


def label(name: str) -> str:
    """A label that Terraform accepts; different names get different labels."""
    fit = _NO_LABEL.sub("-", name)
    if fit != name or not fit[0].isalpha():
        return f"r-{fit}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return fit


def _block(family: str, made: Made, resource: Resource) -> dict[str, Any]:
    written = {key: _written(value, made.to_come) for key, value in resource.inputs.items()}
    block = {key: value for key, value in written.items() if value not in (None, [])}
    block["provider"] = f"{family}.{place(made.scope)}"
    if resource.kept or resource.changed:
        block["lifecycle"] = {
            **({"prevent_destroy": True} if resource.kept else {}),
            **({"ignore_changes": list(resource.changed)} if resource.changed else {}),
        }
    if resource.after:
        block["depends_on"] = [f"{kind}.{label(name)}" for kind, name in resource.after]
    return block


def _bindings(made: Iterable[Made]) -> dict[str, Any]:
    scopes = {each.scope.installation: None for each in made}
    connections = {each.scope.connection: _written(each.bindings, each.to_come) for each in made}
    return {
        "schema_version": SCHEMA_VERSION,
        "installation": next(iter(scopes), ""),
        "connections": connections,
    }


def _written(value: Any, to_come: Mapping[str, Ref]) -> Any:
    match value:
        case Document(content=str() as text):
            return _text(text, to_come)
        case Document(content=content):
            return _text(json.dumps(content), to_come)
        case Ref():
            return _reference(value)
        case str():
            return _text(value, to_come)
        case Mapping():
            return {key: _written(each, to_come) for key, each in value.items()}
        case list() | tuple():
            return [_written(each, to_come) for each in value]
        case _:
            return value


def _text(text: str, to_come: Mapping[str, Ref]) -> str:
    """Escapes the text, so that nothing in a name or a document acts as a Terraform template."""
    written = text.replace("${", "$${").replace("%{", "%%{")
    for stand_in, ref in to_come.items():
        written = written.replace(stand_in, _reference(ref))
    return written


def _reference(ref: Ref) -> str:
    return f"${{{ref.type}.{label(ref.name)}.{ref.attribute}}}"
