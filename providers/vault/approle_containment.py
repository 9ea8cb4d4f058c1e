"""Everything that an AppRole's secret ids gave access to ends now: the role's entity is disabled,
which refuses every login and every token at once, batch tokens included; then secret ids and
service tokens die one by one, and the entity is enabled again for the new secret id.

The entity's metadata say that it was us and when: a runner that dies in between is followed by
one that knows what is left to do, and an entity that somebody else disabled stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from rotation.errors import NotYet, RotationError
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.vault.approle_role import Role
    from providers.vault.approle_tokens import Tokens
    from providers.vault.clients import VaultConnection
    from rotation.interfaces import Clock

CONTAIN = PermissionSet.CONTAIN
CONTAINED = "rotation-contained"
LEASE_DEFAULT_S = 768 * 3600
"""Vault's own, where neither role nor mount says how long a token lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """What Vault knows the role's logins as. contained: when we disabled it."""

    id: str
    disabled: bool
    metadata: Mapping[str, str]

    @property
    def contained(self) -> datetime | None:
        at = self.metadata.get(CONTAINED)
        return None if at is None else datetime.fromisoformat(at)


class Containment:
    def __init__(
        self, connection: VaultConnection, mount: str, role: Role, tokens: Tokens, clock: Clock
    ) -> None:
        self._connection = connection
        self._mount = mount
        self._role = role
        self._tokens = tokens
        self._clock = clock

    def around(self, destroy: Callable[[], None]) -> None:
        """`destroy` happens whether or not the rest may: a leaked secret id does not live on
        because a policy is too narrow."""
        failure = self._off()
        destroy()
        if failure is not None:
            raise failure
        self._tokens.revoke()
        self._on()

    def _off(self) -> RotationError | None:
        try:
            entity = self._entity()
            if entity is not None and not entity.disabled:
                marked = {**entity.metadata, CONTAINED: self._clock.now().isoformat()}
                self._set(entity, marked, disabled=True)
        except RotationError as error:
            return error
        return None

    def _on(self) -> None:
        entity = self._entity()
        if entity is None or not entity.disabled or entity.contained is None:
            return
        self._batch_tokens_are_over(entity.contained)
        rest = {key: value for key, value in entity.metadata.items() if key != CONTAINED}
        self._set(entity, rest, disabled=False)

    def _batch_tokens_are_over(self, since: datetime) -> None:
        """Nothing revokes a batch token: enabled before its end, the entity would revive it."""
        settings, mount = self._role.settings(CONTAIN), self._mounted()
        batch = settings.batch
        if batch is None:
            batch = "batch" in mount["config"].get("token_type", "")
        if not batch:
            return
        life = settings.token_ttl or mount["config"].get("default_lease_ttl") or LEASE_DEFAULT_S
        until = since + timedelta(seconds=life)
        if self._clock.now() < until:
            raise NotYet(
                "contain.batch-tokens",
                f"{self._role.of} is off: its batch tokens cannot be revoked, and live until "
                f"{until:%Y-%m-%d %H:%M:%S} UTC; until then nothing logs in with it",
                until=until,
            )

    def _entity(self) -> Entity | None:
        """None where the role was never used to log in."""
        body = {
            "alias_name": self._role.role_id(CONTAIN),
            "alias_mount_accessor": self._mounted()["accessor"],
        }
        data = self._call("POST", "identity/lookup/entity", body)
        if not data:
            return None
        return Entity(id=data["id"], disabled=data["disabled"], metadata=data.get("metadata") or {})

    def _set(self, entity: Entity, metadata: Mapping[str, str], *, disabled: bool) -> None:
        body = {"disabled": disabled, "metadata": metadata}
        self._call("POST", f"identity/entity/id/{entity.id}", body)

    def _mounted(self) -> Mapping[str, Any]:
        """Vault tells everybody who may use a mount its accessor and its settings."""
        return self._call("GET", f"sys/internal/ui/mounts/auth/{self._mount}", None)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Mapping[str, Any]:
        return self._connection.call(method, path, under=CONTAIN, body=body).data
