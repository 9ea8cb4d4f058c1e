"""The entity behind an AppRole's logins. It also has policies and a name; we never write them, and
our policies do not allow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.vault.approle_role import Role
    from providers.vault.clients import VaultConnection

CONTAIN = PermissionSet.CONTAIN
CONTAINED = "rotation-contained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """The entity of the role's logins. contained: when we disabled it."""

    id: str
    disabled: bool
    metadata: Mapping[str, str]

    @property
    def contained(self) -> datetime | None:
        at = self.metadata.get(CONTAINED)
        return None if at is None else datetime.fromisoformat(at)


class RoleEntity:
    """The entity of one AppRole, with the rights of `contain` only."""

    def __init__(self, connection: VaultConnection, mount: str, role: Role) -> None:
        self._connection = connection
        self._mount = mount
        self._role = role

    def find(self) -> Entity | None:
        """None where the role was never used to log in."""
        body = {
            "alias_name": self._role.role_id(CONTAIN),
            "alias_mount_accessor": self.mounted()["accessor"],
        }
        data = self._call("POST", "identity/lookup/entity", body)
        if not data:
            return None
        return Entity(id=data["id"], disabled=data["disabled"], metadata=data.get("metadata") or {})

    def write(self, entity: Entity, metadata: Mapping[str, str], *, disabled: bool) -> None:
        body = {"disabled": disabled, "metadata": metadata}
        self._call("POST", f"identity/entity/id/{entity.id}", body)

    def mounted(self) -> Mapping[str, Any]:
        """A token that may use a mount may also read its accessor and settings."""
        return self._call("GET", f"sys/internal/ui/mounts/auth/{self._mount}", None)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        return self._connection.call(method, path, under=CONTAIN, body=body).data
