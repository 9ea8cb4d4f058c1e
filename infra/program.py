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
    scopes = {
        scope.connection: (configuration.connections[scope.connection].type, scope)
        for scope in compile(configuration)
    }
    looked_at = {
        name: _aws().ready(scope, settings, states)
        for name, (family, scope) in scopes.items()
        if family == "aws"
    }
    connections = {
        name: _vault().declare(scope, settings, states)
        for name, (family, scope) in scopes.items()
        if family == "vault"
    }
    connections |= {name: _aws().declare(ready) for name, ready in looked_at.items()}
    pulumi.export(
        "bindings",
        {
            "schema_version": 1,
            "installation": configuration.installation,
            "connections": connections,
        },
    )


def _aws() -> Any:
    from infra import aws  # noqa: PLC0415 -- half a second, for whoever needs it

    return aws


def _vault() -> Any:
    from infra import vault  # noqa: PLC0415

    return vault
