"""What the stand-in knows of a kind of resource: how to make, look at, change and remove one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

Given = Mapping[str, Any]
"""The inputs of a resource, or all of its properties."""

Made = tuple[str, dict[str, Any]]
"""The id of a resource, and what the service adds to its inputs."""


class Clients:
    """Of each service and region. client: makes one; without it, whose they are and where, the
    surroundings say."""

    def __init__(self, home: str, client: Callable[..., Any] | None = None) -> None:
        self.home = home
        self._client = client or _from_surroundings
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: str, of: Given | None = None) -> Any:
        """of: properties that may say where it is."""
        wanted = service, (of or {}).get("region", self.home)
        if wanted not in self._made:
            self._made[wanted] = self._client(service, region=wanted[1])
        return self._made[wanted]


def _from_surroundings(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)  # type: ignore[call-overload]


def _as_declared(_clients: Clients, _id: str, _state: Given) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """replaced_by: inputs that another value cannot be given to. look: inputs as they really are;
    raises what boto3 raises where there is no such thing any more. Without a change, any other
    value replaces."""

    make: Callable[[Clients, Given], Made]
    remove: Callable[[Clients, str, Given], Any]
    change: Callable[[Clients, str, Given, Given], Any] | None = None
    look: Callable[[Clients, str, Given], dict[str, Any]] = _as_declared
    replaced_by: str = ""


def put(
    write: Callable[[Clients, Given], Made],
    remove: Callable[[Clients, str, Given], Any],
    replaced_by: str = "",
    look: Callable[[Clients, str, Given], dict[str, Any]] = _as_declared,
) -> Kind:
    """What is written over as a whole."""

    def change(clients: Clients, _id: str, _old: Given, new: Given) -> None:
        write(clients, new)

    return Kind(make=write, remove=remove, change=change, look=look, replaced_by=replaced_by)


def pairs(given: Given, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in (given.get("tags") or {}).items()]


def mapping(tags: list[dict[str, str]] | None, key: str = "Key", value: str = "Value") -> Any:
    return {each[key]: each[value] for each in tags or []}


def gone(old: Given, new: Given) -> list[str]:
    """Keys of tags that are not wanted any more."""
    return sorted((old.get("tags") or {}).keys() - (new.get("tags") or {}).keys())
