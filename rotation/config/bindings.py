"""What a stack made and told: roles and other names that nobody should have to copy by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotation.config import access
from rotation.config.findings import Problem

SCHEMA_VERSION = 1

_WHERE = ("bindings",)


def bound(raw: dict[str, Any], path: Path) -> Iterator[Problem]:
    """Adds to the connections what the file says of them; what a connection says itself stays.
    An absent file binds nothing: then base credentials do what no role is named for."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        yield Problem(_WHERE, "config.unreadable", "the file is not readable JSON")
        return
    yield from access.problems(path)
    if not _is_known(content):
        yield Problem(
            _WHERE,
            "config.bindings",
            "the file is no output of a stack that this version knows",
            "`pulumi stack output --json bindings`",
        )
    elif content["installation"] != raw.get("installation"):
        yield Problem(
            _WHERE, "config.bindings", "the stack of another installation wrote this file"
        )
    else:
        _add(raw, content["connections"])


def _is_known(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("schema_version") == SCHEMA_VERSION
        and isinstance(content.get("connections"), dict)
        and all(isinstance(each, dict) for each in content["connections"].values())
    )


def _add(raw: dict[str, Any], bindings: dict[str, dict[str, Any]]) -> None:
    connections = raw.get("connections")
    if isinstance(connections, dict):
        for name, told in bindings.items():
            own = connections.get(name)
            if isinstance(own, dict):
                connections[name] = {**told, **own}
