"""Generated tokens, with a service in this process that accepts and drops them."""

from collections.abc import Mapping
from typing import Any

from providers.generated.options import GeneratedOptions
from providers.generated.value import GeneratedIssuer
from rotation.interfaces import Issuer, PluginContext, Probe, Verifier
from rotation.types import Fields, SecretValue, Verdict
from tests.matrix.sides import Service, Value
from tests.matrix.world import Pair


class ServiceProbe:
    def __init__(self, service: Service) -> None:
        self._service = service

    def login(self, fields: Fields) -> Verdict:
        text = fields.secret["token"].reveal()
        known = self._service.wire("service login", lambda: text in self._service.accepted.values())
        return Verdict.ACCEPTED if known else Verdict.REFUSED

    def wrong(self, fields: Fields) -> Verdict:
        return self.login(Fields(secret={"token": SecretValue("certainly-not-it")}))


class GeneratedTokens:
    public: frozenset[str] = frozenset()
    connections: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self._options = GeneratedOptions(kind="token")
        self.fields = {name: name for name in self._options.fields()}
        self._service = Service()
        self._name = ""

    def attach(self, pair: Pair) -> None:
        """What passes between the product and the service passes the world."""
        self._service.wire = pair.send

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        return (self._service,)

    @property
    def identity(self) -> str:
        return f"generated/matrix/{self._name}"

    def begin(self, name: str) -> Value:
        self._name = name
        text = f"made-by-a-person-{name}"
        self._service.accepted = {"person": text}
        return {self._options.fields()[-1]: text}

    def issuer(self, context: PluginContext) -> Issuer:
        return GeneratedIssuer(self._options, context)

    def probe(self, context: PluginContext) -> Probe:
        return ServiceProbe(self._service)

    def is_called(self, handle_id: str) -> None:
        """Known to the service as the journal knows it, for its bytes are about to be lost."""
        self._service.accepted[handle_id] = self._service.accepted.pop("person")

    def end(self, value: Value) -> None:
        self._service.accepted.clear()

    def lets_in(self, value: Value) -> bool:
        return value[self._options.fields()[-1]] in self._service.accepted.values()

    def live(self) -> set[str]:
        return set(self._service.accepted)

    def close(self) -> None:
        pass
