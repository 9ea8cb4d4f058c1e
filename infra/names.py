"""Whose things are, and what they were called before."""

import pulumi

from rotation.interfaces import Part, Scope


def renamed(part: Part) -> list[pulumi.Alias] | None:
    """For what is called after a secret's id: by its name before it is the same resource."""
    return None if part.was is None else [pulumi.Alias(name=part.was)]


def this_stack() -> str:
    return f"{pulumi.get_project()}/{pulumi.get_stack()}"


def copied(scope: Scope, other: str) -> str:
    """An installation has one stack: two would write over each other's."""
    return (
        f"stack {other} made it for installation {scope.installation}; a file that was copied needs "
        "an installation of its own: take the one that `rotation init` writes"
    )
