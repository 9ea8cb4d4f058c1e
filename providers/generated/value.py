"""The issuer of values that we choose ourselves and that verifying services must accept.

Nothing happens in the world until `activate`. The order is: every verifier accepts the new value
beside the old one, the readers move, every verifier drops the old one.
"""

from importlib.util import find_spec
from typing import NoReturn

from providers.generated.making import make
from providers.generated.options import GeneratedOptions
from rotation.errors import Permanent, RotationError, UsageError
from rotation.interfaces import PluginContext
from rotation.types import (
    Credential,
    Fields,
    Handle,
    LastUsed,
    Listing,
    PermissionSet,
    SecretValue,
    Traits,
    is_any_mark,
)


class GeneratedIssuer:
    """Without a verifier nothing can show that a value is dead: that needs `unverified: true`."""

    def __init__(self, options: GeneratedOptions, context: PluginContext) -> None:
        if not context.verifiers and not options.unverified:
            raise UsageError(
                "config.no-verifier",
                "no service is declared that accepts the new value and drops the old one",
                "declare a consumer with `role: verifier`, or say `unverified: true`",
            )
        if options.kind == "key-pair" and find_spec("cryptography") is None:
            raise UsageError(
                "config.extra-missing",
                "key pairs need the package cryptography, which is not installed",
                "install rotation[keys]",
            )
        self._options = options
        self._context = context

    @property
    def traits(self) -> Traits:
        return self._options.TRAITS

    def listing(self) -> Listing:
        return Listing(handles=())

    def issue(self, attempt: str) -> Credential:
        """Makes other bytes at each call: those that the store keeps under this attempt count."""
        handle = Handle(id=f"gen-{attempt}", created=self._context.clock.now())
        return Credential(handle=handle, fields=make(self._options))

    def activate(self, new: Credential) -> None:
        for verifier in self._context.verifiers:
            verifier.accept(new.handle.id, self._verified(new.fields))

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        _cannot_suspend()

    def resume(self, handle_id: str) -> None:
        _cannot_suspend()

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        """Asks every verifier, even after one has failed: each drop makes the value less alive."""
        value = None if fields is None else self._verified(fields)
        failed: RotationError | None = None
        for verifier in self._context.verifiers:
            try:
                verifier.drop(handle_id, value)
            except RotationError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def usage(self, handle_id: str) -> LastUsed:
        raise Permanent("issuer.no-usage", "nobody reports the use of a generated value")

    def handle_of(self, fields: Fields, version: str) -> str:
        """A version with the mark of any installation names its attempt."""
        if is_any_mark(version):
            return f"gen-{version.rpartition('-')[2]}"
        return f"adopted-{version}"

    def _verified(self, fields: Fields) -> SecretValue:
        """What a verifier holds: the value itself, or the public half of a key pair."""
        name = self._options.fields()[-1]
        if name in fields.public:
            return SecretValue(fields.public[name])
        return fields.secret[name]


def _cannot_suspend() -> NoReturn:
    raise Permanent(
        "issuer.cannot-suspend", "a generated value is accepted or dropped, never switched off"
    )
