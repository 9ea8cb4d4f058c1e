"""What a pair is made of: an issuer's side and a store's side, each with its real service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rotation.config import stream_of
from rotation.interfaces import Clock, Issuer, PluginContext, Probe, Store, Verifier

INSTALLATION = "0123456789ab"

Value = dict[str, str]
"""What a consumer reads: field of the secret -> its text."""


class IssuerSide(Protocol):
    """One identity at a real service (or at its strict double), asked and never believed."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Issuer field -> field of the secret."""
        ...

    @property
    def public(self) -> frozenset[str]: ...

    @property
    def connections(self) -> Mapping[str, Any]: ...

    @property
    def verifiers(self) -> tuple[Verifier, ...]: ...

    @property
    def identity(self) -> str: ...

    def begin(self, name: str) -> Value:
        """A new identity with one live credential, which a person made."""
        ...

    def issuer(self, context: PluginContext) -> Issuer: ...

    def probe(self, context: PluginContext) -> Probe: ...

    def end(self, value: Value) -> None:
        """A person ends that credential: nobody is let in with it any more."""
        ...

    def lets_in(self, value: Value) -> bool:
        """Whether the service takes that value from a consumer now."""
        ...

    def live(self) -> set[str]:
        """Every instance that the service has, by id."""
        ...

    def close(self) -> None: ...


class StoreSide(Protocol):
    """One secret in a real store (or in its strict double)."""

    @property
    def connections(self) -> Mapping[str, Any]: ...

    def begin(self, name: str, value: Value) -> None:
        """A new secret, claimed by this installation, with a value that a person wrote."""
        ...

    def store(self, context: PluginContext, identity: str) -> Store: ...

    def read(self) -> Value:
        """As a consumer reads it; nothing of ours where the value is lost."""
        ...

    def lose(self) -> None:
        """A person leaves readers without the value."""
        ...

    def edit(self, added: Value) -> None:
        """A person writes these keys, and leaves all others as they are."""
        ...

    def write(self, value: Value) -> None:
        """A person writes this in the place of all that was there."""
        ...

    def close(self) -> None: ...


@dataclass
class Service:
    """A service of ours that takes any of the values that it was told to accept."""

    accepted: dict[str, str] = field(default_factory=dict)
    wire: Any = None

    def accept(self, handle_id: str, value: Any) -> None:
        self.wire("service accept", lambda: self.accepted.update({handle_id: value.reveal()}))

    def drop(self, handle_id: str, value: Any) -> None:
        def forget() -> None:
            self.accepted.pop(handle_id, None)
            for known, text in list(self.accepted.items()):
                if value is not None and text == value.reveal():
                    del self.accepted[known]

        self.wire("service drop", forget)


def context(clock: Clock, issuer: IssuerSide, store: StoreSide) -> PluginContext:
    """What both sides' adapters know of their surroundings."""
    return PluginContext(
        installation=INSTALLATION,
        clock=clock,
        connections={**issuer.connections, **store.connections},
        fields=issuer.fields,
        public=issuer.public,
        keep_foreign=True,
        stream=stream_of("matrix", issuer.identity),
        verifiers=issuer.verifiers,
    )
