"""What a stack made, such as roles and names, so that nobody has to copy it by hand."""

import json
from collections.abc import Iterable, Iterator
from os.path import lexists
from pathlib import Path
from typing import Any

from rotation.config.findings import Problem, named
from rotation.runtime.ownership import ordinary

SCHEMA_VERSION = 1
BYTES_MAX = 4 << 20

BINDABLE = frozenset({"roles", "external_id", "kms_key", "runner", "deployer"})

_WHERE = ("bindings",)


def content_of(path: Path) -> bytes:
    """Nothing where there is no such file. Raises OSError where there is one that cannot be read."""
    try:
        with ordinary(path) as file:
            return file.read(BYTES_MAX)
    except FileNotFoundError:
        if lexists(path):  # a link that leads nowhere
            raise
        return b""


def bound(raw: dict[str, Any], text: bytes) -> Iterator[Problem]:
    """Adds the file's values to the connections; a connection's own values stay. An absent file
    adds nothing: then calls without a role use the base credentials."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        yield Problem(_WHERE, "config.unreadable", "the file is not readable JSON")
        return
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
        yield from _beyond(content["connections"])
        yield from _no_names(content["connections"])
        _add(raw, content["connections"])


def _is_known(content: Any) -> bool:
    return (
        isinstance(content, dict)
        and content.get("schema_version") == SCHEMA_VERSION
        and isinstance(content.get("connections"), dict)
        and all(isinstance(each, dict) for each in content["connections"].values())
    )


def _beyond(bindings: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """A writer of the stack's output must not decide where a runner's calls go."""
    beyond = sorted({key for names in bindings.values() for key in names} - BINDABLE)
    if beyond:
        yield Problem(
            _WHERE,
            "config.bindings",
            f"the file sets {', '.join(map(named, beyond))}; a stack may set {', '.join(sorted(BINDABLE))}",
            "set it in the connection itself, if it is intended",
        )


def _no_names(bindings: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Nor which file of this host is read and sent as a login."""
    no_names = sorted(
        {
            key
            for values in bindings.values()
            for key in BINDABLE & values.keys()
            if not all(map(_is_name, _each(values[key])))
        }
    )
    if no_names:
        yield Problem(
            _WHERE,
            "config.bindings",
            f"the file sets {', '.join(no_names)} to something that is no name: a stack names no files "
            "and no variables",
            "set it in the connection itself, if it is intended",
        )


def _each(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else (value,)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and not value.startswith(("/", "$"))


def _add(raw: dict[str, Any], bindings: dict[str, dict[str, Any]]) -> None:
    connections = raw.get("connections")
    if isinstance(connections, dict):
        for name, values in bindings.items():
            own = connections.get(name)
            if isinstance(own, dict):
                connections[name] = {
                    **{key: values[key] for key in BINDABLE & values.keys()},
                    **own,
                }
