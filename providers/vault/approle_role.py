"""The calls on one AppRole, and what Vault reports of the role and of its secret ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.vault import errors
from providers.vault.wire import vault_time
from rotation.errors import NeedsPerson
from rotation.types import SecretValue

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection
    from providers.vault.wire import Answer
    from rotation.types import PermissionSet

# Keys of a secret id's metadata. Every holder of its token and every reader of the audit log can
# see them, so they hold ids only. MARK: of the attempt; CHOSEN: its bytes were known before Vault
# made an accessor.
MARK, CHOSEN = "rotation", "rotation-chosen"


class Absent(NeedsPerson):
    """Nothing is there, where that is a valid answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretId:
    """A secret id without its bytes. uses: remaining logins; 0: without limit. updated: its latest
    login, where uses are counted; else when it was made."""

    accessor: str
    created: datetime
    updated: datetime
    expires: datetime | None
    uses: int
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSettings:
    """The role's settings in seconds; 0: the mount's own. batch: its tokens cannot be revoked;
    None: the mount decides."""

    bind_secret_id: bool
    secret_id_ttl: int
    secret_id_uses: int
    bound_cidrs: tuple[str, ...]
    token_ttl: int
    batch: bool | None


class Role:
    """One role of one AppRole mount."""

    def __init__(self, connection: VaultConnection, mount: str, name: str) -> None:
        self._connection = connection
        self._path = f"auth/{mount}/role/{name}"
        self.of = f"AppRole {name} at {mount}"

    def settings(self, under: PermissionSet) -> RoleSettings:
        try:
            data = self._call("GET", "", under).data
        except Absent:
            raise self._missing() from None
        kind = data.get("token_type", "default")
        return RoleSettings(
            bind_secret_id=data["bind_secret_id"],
            secret_id_ttl=data["secret_id_ttl"],
            secret_id_uses=data["secret_id_num_uses"],
            bound_cidrs=tuple(data.get("secret_id_bound_cidrs") or ()),
            token_ttl=data["token_ttl"],
            batch=None if kind == "default" else "batch" in kind,
        )

    def role_id(self, under: PermissionSet) -> str:
        try:
            return str(self._call("GET", "/role-id", under).data["role_id"])
        except Absent:
            raise self._missing() from None

    def accessors(self, under: PermissionSet) -> tuple[tuple[str, ...], datetime | None]:
        """The accessors of all secret ids, and Vault's clock."""
        try:
            answer = self._call("LIST", "/secret-id", under, absent=(errors.NOT_FOUND, "400"))
        except Absent:
            # 404: no secret ids; 400: no such role, for which reading its settings gives a better
            # error.
            self.settings(under)
            return (), None
        return tuple(answer.data["keys"]), answer.server_at

    def look_up(self, accessor: str, under: PermissionSet) -> SecretId | None:
        """None where it is gone, or is a leftover accessor that no login can use."""
        body = {"secret_id_accessor": accessor}
        return self._looked_up("/secret-id-accessor/lookup", body, under)

    def look_up_value(self, secret_id: SecretValue, under: PermissionSet) -> SecretId | None:
        return self._looked_up("/secret-id/lookup", {"secret_id": secret_id.reveal()}, under)

    def mint(self, wishes: Mapping[str, Any], under: PermissionSet) -> Answer:
        """Sent once: a lost answer is in doubt."""
        return self._call("POST", "/secret-id", under, wishes, repeatable=False)

    def register(
        self, secret_id: SecretValue, wishes: Mapping[str, Any], under: PermissionSet
    ) -> None:
        body = {**wishes, "secret_id": secret_id.reveal()}
        self._call("POST", "/custom-secret-id", under, body)

    def destroy(self, accessor: str, under: PermissionSet) -> None:
        body = {"secret_id_accessor": accessor}
        self._call("POST", "/secret-id-accessor/destroy", under, body)

    def _looked_up(
        self, path: str, body: Mapping[str, Any], under: PermissionSet
    ) -> SecretId | None:
        try:
            data = self._call("POST", path, under, body).data
        except Absent:
            return None
        return _secret_id(data) if data else None

    def _call(
        self,
        method: str,
        path: str,
        under: PermissionSet,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
        absent: tuple[str, ...] = (errors.NOT_FOUND,),
    ) -> Answer:
        return self._connection.call(
            method,
            self._path + path,
            under=under,
            body=body,
            repeatable=repeatable,
            meanings=dict.fromkeys(absent, lambda: Absent("vault.missing", f"{self.of}: nothing")),
        )

    def _missing(self) -> NeedsPerson:
        return NeedsPerson(
            "issuer.missing",
            f"Vault has no {self.of}",
            "create it (`pulumi up`), then `rotation rotate NAME --replace`; or correct mount, role "
            "and namespace",
            all_gone=True,
        )


def wishes(metadata: Mapping[str, str], ttl_s: int | None, uses: int | None) -> dict[str, Any]:
    """The requested properties of a new secret id. All others follow the role."""
    asked: dict[str, Any] = {"metadata": json.dumps(metadata)}
    if ttl_s is not None:
        asked["ttl"] = ttl_s
    if uses is not None:
        asked["num_uses"] = uses
    return asked


def _secret_id(data: Mapping[str, Any]) -> SecretId:
    return SecretId(
        accessor=data["secret_id_accessor"],
        created=datetime.fromisoformat(data["creation_time"]),
        updated=datetime.fromisoformat(data["last_updated_time"]),
        expires=vault_time(data["expiration_time"]),
        uses=data["secret_id_num_uses"],
        metadata=data.get("metadata") or {},
    )
