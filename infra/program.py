"""From `rotation.yaml` to resources. Reads and checks everything before it declares anything."""

from typing import Any

import pulumi

from infra import settings as stack
from rotation.errors import Usage
from rotation.policy import compile  # noqa: A004 -- the field's own word


def declare() -> None:
    settings = stack.read()
    configuration = stack.load_configuration(settings)
    stack.check(settings, configuration)
    states = {entry.id: entry.state for entry in configuration.secrets()}
    try:
        looked_at = [
            (scope.connection, family, family.ready(scope, settings, states))
            for scope in compile(configuration)
            if (family := _family(configuration.connections[scope.connection].type)) is not None
        ]
    except Usage as error:
        raise stack.refused(f"{error.message}; {error.hint}") from None
    declared = {name: family.declare(ready) for name, family, ready in looked_at}
    pulumi.export(
        "bindings",
        {
            "schema_version": 1,
            "installation": configuration.installation,
            "connections": {name: outputs["bindings"] for name, outputs in declared.items()},
        },
    )
    for kind in ("topics", "secrets"):
        pulumi.export(
            kind, {name: outputs[kind] for name, outputs in declared.items() if kind in outputs}
        )


def _family(connection: str) -> Any:
    """Loaded for whoever needs it: half a second each. None where nothing is to be declared."""
    match connection:
        case "aws":
            from infra import aws  # noqa: PLC0415

            return aws
        case "vault":
            from infra import vault  # noqa: PLC0415

            return vault
        case _:
            return None
