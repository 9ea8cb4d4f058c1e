"""Names that are composed of others, checked against what a service accepts."""

from collections.abc import Iterable

from rotation.errors import UsageError
from rotation.interfaces import Scope


def place(scope: Scope) -> str:
    """The first name of a connection, from which the names of its resources are made."""
    was: str | None = scope.options.was
    return was or scope.connection


def assert_apart(scopes: Iterable[Scope]) -> None:
    """Two connections whose resources have the same names would overwrite each other's."""
    first: dict[str, str] = {}
    for scope in scopes:
        other = first.setdefault(place(scope), scope.connection)
        if other != scope.connection:
            raise UsageError(
                "policy.same-place",
                f"connections {other} and {scope.connection} would both be called "
                f"{place(scope)} in what a stack makes; nothing was made or printed",
                "`was` must be the first name of one connection only: remove it from the other",
            )


def require_length(name: str, most: int, what: str) -> str:
    """The name, if the service accepts its length. Raises before anything is made."""
    if len(name) > most:
        raise UsageError(
            "policy.name-too-long",
            f"{what} would be called {name}: {len(name)} characters, and {most} are allowed",
            "give its connection, application or environment a shorter name",
        )
    return name
