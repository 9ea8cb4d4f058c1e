"""An HTTP API that is declared, on a vendor of ours on loopback."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from providers.http.client import HttpConnection
from providers.http.issuer import HttpApiIssuer
from providers.http.options import ConnectionOptions, HttpApiOptions, ProbeOptions
from providers.http.probe import HttpProbe
from providers.http.testing.acme import DECLARATION, IDEMPOTENT, PROBE, Acme
from providers.http.testing.service import stamp
from rotation.interfaces import Clock, Issuer, PluginContext, Probe, Verifier
from tests.matrix.sides import INSTALLATION, Value

SCOPES = ("read", "write")
LIFE_S = 300 * 86_400


def connect(vendor: Acme, directory: Path, clock: Clock) -> HttpConnection:
    vendor.clock = clock
    token = directory / "vendor-token"
    token.write_text(vendor.admin["token"])
    token.chmod(0o600)
    options = ConnectionOptions(origin=vendor.origin, credentials={"token": str(token)})
    return HttpConnection(options, installation=INSTALLATION, clock=clock)


class ApiKeys:
    fields: Mapping[str, str] = {"id": "id", "secret": "secret"}
    public = frozenset({"id"})
    verifiers: tuple[Verifier, ...] = ()
    _numbers = count(1)

    def __init__(self, vendor: Acme, connection: HttpConnection, *, repeats: bool) -> None:
        """repeats: under its idempotency key the vendor gives the same answer again (H1)."""
        create = {**DECLARATION["create"], **(IDEMPOTENT if repeats else {})}
        self._declaration: Any = {**DECLARATION, "create": create}
        self._vendor = vendor
        self.connections = {"vendor": connection}
        self._name = ""

    @property
    def identity(self) -> str:
        return f"http/vendor/{self._name}"

    def begin(self, name: str) -> Value:
        self._name = name
        # The vendor lists in pages, and only so many are read: each story has it to itself.
        self._vendor.instances.clear()
        self._vendor.answers.clear()
        made = self._vendor.mint(
            f"key-{next(self._numbers)}",
            name,
            scopes=list(SCOPES),
            owner=self._vendor.owner,
            expires=stamp(self._vendor.ends(LIFE_S)),
        )
        return {"id": made.id, "secret": made.secret}

    def issuer(self, context: PluginContext) -> Issuer:
        options = HttpApiOptions(
            connection="vendor",
            name=self._name,
            declaration=self._declaration,
            parameters={"team": "a"},
            scopes=SCOPES,
            expires_in_s=LIFE_S,
        )
        return HttpApiIssuer(options, context)

    def probe(self, context: PluginContext) -> Probe:
        request: Any = PROBE
        return HttpProbe(ProbeOptions(connection="vendor", request=request), context)

    def end(self, value: Value) -> None:
        del self._vendor.instances[value["id"]]

    def lets_in(self, value: Value) -> bool:
        return self._vendor.use(value["secret"])

    def live(self) -> set[str]:
        return {
            instance.id
            for instance in self._vendor.instances.values()
            if instance.label == self._name or instance.label.startswith(f"{self._name}-rot1-")
        }

    def close(self) -> None:
        """The vendor serves every pair."""
