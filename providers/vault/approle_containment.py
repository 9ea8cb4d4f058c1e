"""Ends everything that an AppRole's secret ids gave access to. First the role's entity is disabled,
which refuses every login and every token at once, batch tokens included. Then secret ids and
service tokens are destroyed one by one, and the entity is enabled again for the new secret id.

The entity's metadata say that we disabled it, and when. So a runner that takes over knows what is
left to do, and an entity that somebody else disabled stays disabled.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from providers.vault.approle_entity import CONTAIN, CONTAINED, RoleEntity
from rotation.errors import NotYet, RotationError

if TYPE_CHECKING:
    from providers.vault.approle_role import Role
    from providers.vault.approle_tokens import Tokens
    from providers.vault.clients import VaultConnection
    from rotation.interfaces import Clock

# Vault's own default, where neither role nor mount sets how long a token lives.
LEASE_DEFAULT_S = 768 * 3600


class Containment:
    def __init__(
        self, connection: VaultConnection, mount: str, role: Role, tokens: Tokens, clock: Clock
    ) -> None:
        self._entity = RoleEntity(connection, mount, role)
        self._role = role
        self._tokens = tokens
        self._clock = clock

    def context(self, destroy: Callable[[], None]) -> None:
        """`destroy` happens even if the rest is not allowed: a leaked secret id must not live on
        because a policy is too narrow."""
        failure = self._off()
        destroy()
        if failure is not None:
            raise failure
        self._tokens.revoke()
        self._on()

    def _off(self) -> RotationError | None:
        try:
            entity = self._entity.find()
            if entity is not None and not entity.disabled:
                marked = {**entity.metadata, CONTAINED: self._clock.now().isoformat()}
                self._entity.write(entity, marked, disabled=True)
        except RotationError as error:
            return error
        return None

    def _on(self) -> None:
        entity = self._entity.find()
        if entity is None or not entity.disabled or entity.contained is None:
            return
        self._batch_tokens_are_over(entity.contained)
        rest = {key: value for key, value in entity.metadata.items() if key != CONTAINED}
        self._entity.write(entity, rest, disabled=False)

    def _batch_tokens_are_over(self, since: datetime) -> None:
        """Batch tokens cannot be revoked: enabling the entity before they end would revive them."""
        settings, mount = self._role.settings(CONTAIN), self._entity.mounted()
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
