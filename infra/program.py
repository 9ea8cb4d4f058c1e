"""From `rotation.yaml` to resources. Reads and checks everything before it declares anything."""

from typing import Any

import pulumi

from infra import settings as stack
from rotation.policy import compile  # noqa: A004 -- the field's own word


def declare() -> None:
    settings = stack.read()
    configuration = stack.load_configuration(settings)
    stack.check(settings, configuration)
    states = {entry.id: entry.state for entry in configuration.secrets()}
    connections: dict[str, Any] = {}
    for scope in compile(configuration):
        family = configuration.connections[scope.connection].type
        if family == "aws":
            from infra import aws  # noqa: PLC0415 -- half a second, for whoever needs it

            connections[scope.connection] = aws.declare(scope, settings, states)
        elif family == "vault":
            from infra import vault  # noqa: PLC0415

            connections[scope.connection] = vault.declare(scope, settings, states)
    pulumi.export(
        "bindings",
        {
            "schema_version": 1,
            "installation": configuration.installation,
            "connections": connections,
        },
    )
