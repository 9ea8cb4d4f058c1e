"""Names that are made of others, held against what a service takes."""

from rotation.errors import Usage


def fitting(name: str, most: int, what: str) -> str:
    """The same name. One that the service would refuse is refused before anything is made."""
    if len(name) > most:
        raise Usage(
            "policy.name-too-long",
            f"{what} would be called {name}: {len(name)} characters, and {most} are allowed",
            "give its connection, application or environment a shorter name",
        )
    return name
