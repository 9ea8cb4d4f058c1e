"""Static roles of Vault's database engine. Vault itself keeps the only password of a database user
and replaces it when asked; when the call returns, the old one is dead.

A handle is the time of Vault's latest replacement. Vault's static roles for AWS are not supported:
no request makes Vault replace a credential at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from providers.vault import errors
from providers.vault.wire import vault_time
from rotation.errors import Ambiguous, Conflict, NeedsPerson, Permanent, Transient
from rotation.types import (
    Credential,
    Fields,
    Handle,
    LastUsed,
    Listing,
    PermissionSet,
    SecretValue,
    Traits,
)

if TYPE_CHECKING:
    from datetime import datetime

    from providers.vault.clients import VaultConnection
    from providers.vault.options import DatabaseStaticOptions
    from providers.vault.wire import Answer
    from rotation.interfaces import PluginContext

OBSERVE, MINT, PROVE = PermissionSet.OBSERVE, PermissionSet.MINT, PermissionSet.PROVE
# Vault insists on a period of its own, and each of our rotations restarts it. With a shorter period
# Vault would replace the password by itself, and no consumer would get it.
AUTOMATIC_MIN = timedelta(days=365)


class DatabaseStaticRole:
    """A `DelegatedIssuer`."""

    def __init__(self, options: DatabaseStaticOptions, context: PluginContext) -> None:
        self._connection: VaultConnection = context.connections[options.connection]
        self._options = options
        self._of = f"static role {options.role} at {options.mount}"
        self.identity = options.identity({options.connection: self._connection.options})

    @property
    def traits(self) -> Traits:
        return self._options.TRAITS

    def listing(self) -> Listing:
        """Empty where Vault never replaced the password: then it does not know it either."""
        answer = self._role()
        rotated = _rotated(answer.data)
        login = self._options.login(self._connection.options, answer.data)
        handles = () if rotated is None else (replace(_handle(rotated), login=login),)
        return Listing(handles=handles, server_at=answer.server_at)

    def issue(self, attempt: str) -> Credential:
        self._check(self._role().data)
        # a login that may not read the new one must not make it
        self._call("GET", "static-creds", MINT)
        self._call("POST", "rotate-role", MINT, repeatable=False)
        try:
            return self.read_back()
        except (Transient, Permanent) as error:
            raise Ambiguous(
                "issuer.not-read-back",
                f"Vault replaced the password of {self._of}, and it could not be read yet",
                error.hint or "nothing to do: it is read again, and not replaced again",
            ) from None

    def read_back(self) -> Credential:
        data = self._call("GET", "static-creds", MINT).data
        rotated = _rotated(data)
        if rotated is None:
            raise NeedsPerson(
                "issuer.never-rotated",
                f"Vault does not say when it last replaced the password of {self._of}",
                "let Vault replace it once: `vault write -f MOUNT/rotate-role/ROLE`",
            )
        return Credential(
            handle=_handle(rotated),
            fields=Fields(
                public={"username": data["username"]},
                secret={"password": SecretValue(data["password"])},
            ),
        )

    def activate(self, new: Credential) -> None:
        """Does nothing: Vault has already done it."""

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        raise self._stays(handle_id)

    def resume(self, handle_id: str) -> None:
        raise self._stays(handle_id)

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        """A replaced password is gone. The present one ends only by its replacement."""
        if handle_id in self.listing().ids:
            raise self._stays(handle_id)

    def usage(self, handle_id: str) -> LastUsed:
        return LastUsed(last_used=None)

    def handle_of(self, fields: Fields, version: str) -> str:
        data = self._call("GET", "static-creds", PROVE).data
        rotated = _rotated(data)
        if rotated is None or SecretValue(data["password"]) != fields.secret["password"]:
            raise NeedsPerson(
                "issuer.unknown-value",
                f"the stored password is not the one that Vault has for {self._of}",
                "let `rotation create` begin with a new one",
            )
        return _handle(rotated).id

    def _check(self, role: Mapping[str, Any]) -> None:
        """Reports what would make the replacement fail."""
        if role.get("credential_type", "password") != "password":
            raise NeedsPerson(
                "issuer.no-password",
                f"{self._of} keeps a key, not a password; nothing was replaced",
                "take the secret out of rotation.yaml: Vault can hand out that key itself",
            )
        period = role.get("rotation_period")
        if period is None or timedelta(seconds=period) < AUTOMATIC_MIN:
            raise NeedsPerson(
                "issuer.two-rotators",
                f"Vault replaces the password of {self._of} by its own schedule as well, and tells "
                "no consumer; nothing was replaced",
                f"set `rotation_period` of the role to {AUTOMATIC_MIN.days} days or more",
            )

    def _role(self) -> Answer:
        return self._call("GET", "static-roles", OBSERVE)

    def _call(
        self, method: str, what: str, under: PermissionSet, *, repeatable: bool = True
    ) -> Answer:
        return self._connection.call(
            method,
            f"{self._options.mount}/{what}/{self._options.role}",
            under=under,
            repeatable=repeatable,
            meanings={errors.NOT_FOUND: self._missing},
        )

    def _missing(self) -> NeedsPerson:
        return NeedsPerson(
            "issuer.missing",
            f"Vault has no {self._of}",
            "let an operator create it (docs/infra.md), or correct mount, role and namespace",
        )

    def _stays(self, handle_id: str) -> Conflict:
        return Conflict(
            "issuer.only-replaced",
            f"{handle_id} is as it was: Vault can replace the password of {self._of}, and neither "
            "switch it off nor remove it",
            "remove the static role and its database user by hand",
            void=True,
        )


def _rotated(data: Mapping[str, Any]) -> datetime | None:
    return vault_time(data.get("last_vault_rotation"))


def _handle(rotated: datetime) -> Handle:
    return Handle(id=f"rotated-{rotated:%Y-%m-%dT%H:%M:%S.%fZ}", created=rotated)
