"""The commands of a service itself, by which a person works without this tool."""

from collections.abc import Callable

from rotation.options import Connections, IssuerOptions
from rotation.plugins.registry import Declared, installed
from rotation.types import Specification


def by_hand(spec: Specification, handle_id: str, connections: Declared) -> str | None:
    """The command by which an operator ends that instance without this tool."""
    return _command(spec, connections, lambda issuer, known: issuer.by_hand(handle_id, known))


def audit_command(spec: Specification, handle_id: str, connections: Declared) -> str | None:
    """The command that shows what the instance was used for."""
    return _command(spec, connections, lambda issuer, known: issuer.audit_command(handle_id, known))


def _command(
    spec: Specification,
    connections: Declared,
    ask: Callable[[IssuerOptions, Connections], str | None],
) -> str | None:
    """The service's own command, without adapter or login; None where the plugin has none."""
    try:
        issuer = installed().read_back("issuers", spec.issuer)
        return ask(issuer, {name: connection.options for name, connection in connections.items()})
    except Exception:  # noqa: BLE001 -- a plugin's own code, and without it there is a sentence
        return None
