"""Names that this program gives, and the limits that the services have for them."""

from infra.settings import refused

ROLE_MAX, POLICY_MAX, RULE_MAX, BUCKET_MAX, ALIAS_MAX, TOPIC_MAX = 64, 128, 64, 63, 256, 256


def fitting(name: str, most: int, what: str) -> str:
    """The same name. A name that a service would refuse is refused at preview."""
    if len(name) > most:
        raise refused(
            f"{what} would be called {name}: {len(name)} characters, and {most} are allowed; "
            "give its connection, application or environment a shorter name"
        )
    return name
