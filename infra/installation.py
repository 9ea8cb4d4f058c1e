"""Everything that one configuration needs, in each family that it names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.settings import Settings, check, load_configuration, refused
from rotation.config import Configuration
from rotation.errors import UsageError
from rotation.interfaces import Scope
from rotation.permissions import compile  # noqa: A004 -- the field's own word


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A configuration that agrees with the stack's settings. scopes: of what is to be declared."""

    configuration: Configuration
    settings: Settings
    scopes: tuple[Scope, ...]

    @property
    def states(self) -> dict[str, str]:
        return {entry.id: entry.state for entry in self.configuration.secrets()}

    def scope(self, connection: str) -> Scope:
        """For programs that declare parts of one connection themselves."""
        for scope in self.scopes:
            if scope.connection == connection:
                return scope
        raise refused(f"the configuration has no connection {connection} with a stack")


def look(settings: Settings) -> Looked:
    """Declares nothing. Raises RunError with all that is wrong."""
    configuration = load_configuration(settings)
    check(settings, configuration)
    try:
        scopes = compile(configuration)
    except UsageError as error:
        raise refused(f"{error.message}; {error.hint}") from None
    return Looked(configuration=configuration, settings=settings, scopes=scopes)


@dataclass
class Installation:
    """Reads and checks everything before it declares anything. outputs: for other stacks, each by
    connection."""

    settings: Settings
    bindings: dict[str, Any] = field(init=False)
    outputs: dict[str, dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        looked = look(self.settings)
        try:
            ready = list(_ready(looked))
        except UsageError as error:
            raise refused(f"{error.message}; {error.hint}") from None
        declared = {name: family.declare(each) for name, family, each in ready}
        self.bindings = {
            "schema_version": 1,
            "installation": looked.configuration.installation,
            "connections": {name: each["bindings"] for name, each in declared.items()},
        }
        self.outputs = {kind: _of(kind, declared) for kind in ("topics", "secrets")}

    def export(self) -> None:
        """What the runner reads, and what a StackReference finds."""
        for name, output in {"bindings": self.bindings, **self.outputs}.items():
            pulumi.export(name, output)


def _ready(looked: Looked) -> Iterator[tuple[str, Any, Any]]:
    for scope in looked.scopes:
        family = _family(looked.configuration.connections[scope.connection].type)
        if family is not None:
            yield scope.connection, family, family.ready(scope, looked.settings, looked.states)


def _of(kind: str, declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: outputs[kind] for name, outputs in declared.items() if kind in outputs}


def _family(connection: str) -> Any:
    """Loaded on demand: half a second each. None where nothing is to be declared."""
    match connection:
        case "aws":
            from infra import aws  # noqa: PLC0415

            return aws
        case "vault":
            from infra import vault  # noqa: PLC0415

            return vault
        case _:
            return None
