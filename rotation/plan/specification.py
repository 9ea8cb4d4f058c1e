"""A specification as plain JSON: stored in OPENED and compared with the present configuration."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

from rotation.errors import JournalError
from rotation.journal.entries import NONSENSE, canonical
from rotation.journal.keyed import record
from rotation.types import ConsumerSpec, Facts, PluginSpec, Specification


def spec_to_json(spec: Specification) -> Facts:
    content = asdict(spec)
    content["consumers"] = list(content["consumers"])
    content["regions"] = list(spec.regions)
    content["accept_stale"] = list(spec.accept_stale)
    return content


def spec_from_json(content: Facts) -> Specification:
    """Raises JournalError where a key without a default is missing."""
    try:
        return _parsed(json.dumps(content, sort_keys=True))
    except NONSENSE:
        raise JournalError(
            "journal.specification",
            "this version of the program cannot read the specification of a rotation; nothing was done",
            "install the version that opened it; `rotation abandon NAME` closes it with this one",
        ) from None


@lru_cache(maxsize=512)
def _parsed(text: str) -> Specification:
    """Cached by text: a rotation needs the same specification in every step."""
    content: dict[str, Any] = json.loads(text)
    content["store"] = record(PluginSpec, content["store"])
    content["issuer"] = record(PluginSpec, content["issuer"])
    content["probe"] = record(PluginSpec, content["probe"]) if content.get("probe") else None
    content["consumers"] = tuple(
        record(ConsumerSpec, {**consumer, "plugin": record(PluginSpec, consumer["plugin"])})
        for consumer in content["consumers"]
    )
    content["regions"] = tuple(content.get("regions", ()))
    content["accept_stale"] = tuple(content.get("accept_stale", ()))
    return record(Specification, content)


def spec_digest(spec: Specification) -> str:
    return hashlib.sha256(canonical(spec_to_json(spec)).encode()).hexdigest()


def differences(stored: Specification, present: Specification) -> list[str]:
    """The parts of the configuration that must not change while a rotation is open. Other changes
    wait for the next rotation; a removed consumer stays until the close."""
    changed = [
        name
        for name in ("identity", "issuer", "store", "fields", "composed")
        if getattr(stored, name) != getattr(present, name)
    ]
    return changed + [f"consumer:{name}" for name in _added(stored.consumers, present.consumers)]


SHOWN_MAX = 60


def changes(stored: Specification, present: Specification) -> list[str]:
    """The same as `differences`, with each changed key's old and new value. Options hold no
    secrets."""
    return [
        f"{name}: {', '.join(keys)}" if (keys := list(_keys(name, stored, present))) else name
        for name in differences(stored, present)
    ]


def _keys(name: str, stored: Specification, present: Specification) -> Iterator[str]:
    before, after = getattr(stored, name, None), getattr(present, name, None)
    if isinstance(before, PluginSpec) and isinstance(after, PluginSpec):
        was, now = ({"type": each.type, **each.options} for each in (before, after))
        for key in sorted(was.keys() | now.keys()):
            if was.get(key) != now.get(key):
                yield f"{key} {_short(was.get(key))} -> {_short(now.get(key))}"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def waiting(stored: Specification, present: Specification) -> list[str]:
    """Changes that do not stop an open rotation: they apply from the next one on."""
    changed = [
        each.name
        for each in fields(Specification)
        if each.name != "secret" and getattr(stored, each.name) != getattr(present, each.name)
    ]
    held = {*differences(stored, present)}
    if _added(stored.consumers, present.consumers):
        held.add("consumers")
    return sorted({*changed} - held)


def _added(stored: Sequence[ConsumerSpec], present: Sequence[ConsumerSpec]) -> list[str]:
    known = {consumer.id for consumer in stored}
    return sorted(consumer.id for consumer in present if consumer.id not in known)
