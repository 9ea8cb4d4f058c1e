"""Adapters that talk to vendors on loopback."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from providers.http.client import HttpConnection
from providers.http.issuer import HttpApiIssuer
from providers.http.options import ConnectionOptions, HttpApiOptions
from providers.http.testing.acme import DECLARATION, Acme
from providers.http.testing.service import Fault, Got, Instance, Reply, Service
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from rotation.types import Fields, KeyState

INSTALLATION = "0123456789ab"
ATTEMPT = "1" * 32
MONTH = 30 * 86_400
OPERATIONS = {"listing": "list", "usage": "list", "issue": "create", "destroy": "delete"}
CLOSED_PORT = 1


def connected(service: Service, directory: Path, **more: Any) -> HttpConnection:
    files = {}
    for name, value in service.admin.items():
        path = directory / name
        path.write_text(f"{value}\n")
        path.chmod(0o600)
        files[name] = str(path)
    given = {"origin": service.origin, "credentials": files, "settle_s": 0, **more}
    return HttpConnection(
        ConnectionOptions(**given), installation=INSTALLATION, clock=SystemClock()
    )


def context(connection: HttpConnection) -> PluginContext:
    return PluginContext(
        installation=INSTALLATION, clock=SystemClock(), connections={"vendor": connection}
    )


@contextmanager
def unreachable(connection: HttpConnection) -> Iterator[None]:
    with patch.object(connection, "port", CLOSED_PORT):
        yield


@dataclass
class Bench:
    """The issuer, and what its service says of it."""

    issuer: HttpApiIssuer
    service: Service
    connection: HttpConnection
    resends: bool = False
    logins: Callable[[Fields], str] = field(default=lambda fields: fields.secret["secret"].reveal())

    @property
    def options(self) -> HttpApiOptions:
        return self.issuer._options

    def accepts(self, fields: Fields) -> bool:
        return self.service.accepts(self.logins(fields))

    def use(self, fields: Fields) -> None:
        self.service.use(self.logins(fields))

    def live(self) -> Mapping[str, KeyState]:
        return {
            handle_id: KeyState.ACTIVE if instance.active else KeyState.SUSPENDED
            for handle_id, instance in self.service.instances.items()
        }

    def mints(self) -> int:
        return self.service.minted

    def settle(self) -> None:
        """The service takes note at once."""

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        if kind is CallFault.UNREACHABLE:
            return unreachable(self.connection)
        twice = self.resends and operation == "issue" and kind in {CallFault.LOST, CallFault.BROKEN}
        request = OPERATIONS.get(operation, operation)
        return self.service.fault(request, *[Fault(kind.value)] * (2 if twice else 1))


def declared(**more: Any) -> HttpApiOptions:
    given: dict[str, Any] = {
        "connection": "vendor",
        "name": "billing",
        "declaration": DECLARATION,
        "parameters": {"team": "a"},
        "scopes": ("read", "write"),
        "expires_in_s": MONTH,
        **more,
    }
    return HttpApiOptions(**given)


def replacing(acme: Acme, *, relabels: bool) -> list[str]:
    """Its create gives the one key that there is another value; returns what was called so."""
    answer, calls = acme.answer, list[str]()

    def in_place(operation: str, got: Got) -> Reply:
        if operation != "create":
            return answer(operation, got)
        calls.append(operation)
        [(handle, old)] = acme.instances.items()
        made = answer(operation, got)
        document: Any = made.document
        new: Instance = acme.instances.pop(document["key"]["id"])
        new.id, new.label = handle, new.label if relabels else old.label
        acme.instances[handle] = new
        document["key"] |= {"id": handle, "name": new.label}
        return made

    acme.answer = in_place  # type: ignore[method-assign]
    return calls
