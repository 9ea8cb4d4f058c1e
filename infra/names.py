"""Names that this program gives, and the limits that the services have for them."""

import pulumi

from infra.settings import refused
from rotation.interfaces import Part, Scope

ROLE_MAX, POLICY_MAX, RULE_MAX, BUCKET_MAX, ALIAS_MAX, TOPIC_MAX = 64, 128, 64, 63, 256, 256


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


def fitting(name: str, most: int, what: str) -> str:
    """The same name. A name that a service would refuse is refused at preview."""
    if len(name) > most:
        raise refused(
            f"{what} would be called {name}: {len(name)} characters, and {most} are allowed; "
            "give its connection, application or environment a shorter name"
        )
    return name
