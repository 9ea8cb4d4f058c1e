"""Secret ids of an AppRole. Many may live side by side; each has an accessor and our mark in its
metadata, which Vault copies to every token that it makes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.vault.approle_containment import Containment
from providers.vault.approle_role import CHOSEN, MARK, Role, SecretId, wishes
from providers.vault.approle_tokens import Tokens
from providers.vault.options import USES_MIN
from rotation.errors import Conflict, NeedsPerson, Transient, first_change
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
    mark,
)

if TYPE_CHECKING:
    from providers.vault.approle_role import RoleSettings
    from providers.vault.clients import VaultConnection
    from providers.vault.options import AppRoleOptions
    from rotation.interfaces import PluginContext

OBSERVE, MINT, PROVE = PermissionSet.OBSERVE, PermissionSet.MINT, PermissionSet.PROVE
BYTES = 32


class AppRoleIssuer:
    """A handle is the accessor. For chosen secret ids it is our mark, which is known before the
    accessor."""

    def __init__(self, options: AppRoleOptions, context: PluginContext) -> None:
        self._connection: VaultConnection = context.connections[options.connection]
        self._options = options
        self._context = context
        self._role = Role(self._connection, options.mount, options.role)
        self._tokens = Tokens(self._connection, options.mount, options.role)
        self._containment = Containment(
            self._connection, options.mount, self._role, self._tokens, context.clock
        )
        self.identity = options.identity({options.connection: self._connection.options})

    @property
    def traits(self) -> Traits:
        traits: Traits = self._options.TRAITS
        return traits

    def listing(self) -> Listing:
        """An accessor that no login can use any more is left out."""
        accessors, server_at = self._role.accessors(OBSERVE)
        found = [self._role.look_up(accessor, OBSERVE) for accessor in accessors]
        now = server_at or self._context.clock.now()
        alive = [secret_id for secret_id in found if secret_id and not _is_over(secret_id, now)]
        return Listing(handles=tuple(map(_handle, alive)), server_at=server_at)

    def issue(self, attempt: str) -> Credential:
        label = mark(self._context.installation, attempt)
        settings = self._role.settings(OBSERVE)
        self._check(settings)
        role_id = self._role.role_id(OBSERVE)
        if self._options.origin == "chosen":
            now, secret = self._context.clock.now(), secrets.token_urlsafe(BYTES)
            ttl = self._options.ttl_s or settings.secret_id_ttl
            return _credential(label, role_id, secret, now, ttl)
        answer = self._role.mint(self._wishes({MARK: label}), MINT)
        data, now = answer.data, answer.server_at or self._context.clock.now()
        return _credential(
            data["secret_id_accessor"], role_id, data["secret_id"], now, data["secret_id_ttl"]
        )

    @first_change()
    def activate(self, new: Credential) -> None:
        if self._options.origin == "assigned":
            return
        value = new.fields.secret["secret_id"]
        if self._role.look_up_value(value, MINT) is None:
            metadata = {MARK: new.handle.id, CHOSEN: "true"}
            self._role.register(value, self._wishes(metadata), MINT)

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        raise _cannot_suspend(handle_id)

    def resume(self, handle_id: str) -> None:
        raise _cannot_suspend(handle_id)

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        """Tokens that it made live on to their end; under *contain* they end as well."""
        if under is not PermissionSet.CONTAIN:
            with first_change():
                accessor = self._sent(handle_id, under)
            self._check_gone(handle_id, accessor, under)
            return
        self._containment.context(lambda: self._destroy(handle_id, under))

    def usage(self, handle_id: str) -> LastUsed:
        """Where Vault counts uses: the exact latest login. Elsewhere: the latest login whose token
        is still alive."""
        secret_id = self._find(handle_id, OBSERVE)
        if secret_id is None:
            return LastUsed(last_used=None)
        if secret_id.uses:
            used = secret_id.updated if secret_id.updated > secret_id.created else None
            return LastUsed(last_used=used)
        return LastUsed(last_used=self._tokens.latest_login(secret_id.metadata.get(MARK)))

    def handle_of(self, fields: Fields, version: str) -> str:
        secret_id = self._role.look_up_value(fields.secret["secret_id"], PROVE)
        if secret_id is None:
            raise NeedsPerson(
                "issuer.unknown-value",
                f"{self._role.of} does not know the stored secret id",
                "correct role and mount, or let `rotation create` make a new one",
            )
        return _handle(secret_id).id

    def cautions(self) -> list[tuple[str, str, str]]:
        """Whether consumers that keep trying a secret id after an emergency would lock its
        successor out."""
        path = f"sys/internal/ui/mounts/auth/{self._options.mount}"
        config = self._connection.call("GET", path, under=OBSERVE).data["config"]
        if (config.get("user_lockout_config") or {}).get("user_lockout_disable"):
            return []
        sentence = (
            f"Vault's user lockout is on for the mount {self._options.mount}: consumers that go on "
            "trying a destroyed secret id lock the role, after five refusals and for 15 minutes as "
            "Vault comes, and its successor is locked out with it"
        )
        tune = f"vault auth tune -user-lockout-disable=true {self._options.mount}/"
        return [("vault.user-lockout", sentence, f"let an operator say `{tune}`")]

    def _destroy(self, handle_id: str, under: PermissionSet) -> None:
        self._check_gone(handle_id, self._sent(handle_id, under), under)

    def _sent(self, handle_id: str, under: PermissionSet) -> str | None:
        """The accessor of the secret id that Vault was asked to destroy; None where it is gone
        already."""
        secret_id = self._find(handle_id, under)
        if secret_id is None:
            return None
        self._role.destroy(secret_id.accessor, under)
        return secret_id.accessor

    def _check_gone(self, handle_id: str, accessor: str | None, under: PermissionSet) -> None:
        if accessor is not None and self._role.look_up(accessor, under) is not None:
            raise Transient(
                "issuer.still-there",
                f"Vault accepted the destruction of {handle_id} and still knows it",
                "nothing to do: it is destroyed again",
            )

    def _find(self, handle_id: str, under: PermissionSet) -> SecretId | None:
        if not is_any_mark(handle_id):
            return self._role.look_up(handle_id, under)
        accessors, _ = self._role.accessors(under)
        found = (self._role.look_up(accessor, under) for accessor in accessors)
        return next((one for one in found if one and _handle(one).id == handle_id), None)

    def _wishes(self, metadata: Mapping[str, str]) -> Mapping[str, Any]:
        return wishes(metadata, self._options.ttl_s, self._options.uses)

    def _check(self, settings: RoleSettings) -> None:
        """Reports what would make a mint fail later."""
        uses = self._options.uses or settings.secret_id_uses
        if 0 < uses < USES_MIN:
            raise NeedsPerson(
                "issuer.few-uses",
                f"secret ids of {self._role.of} are good for {uses} logins, and our own would take "
                "some of them from the consumers; nothing was made",
                f"let the role allow {USES_MIN} or more (`secret_id_num_uses`), or any number (0)",
            )
        if not settings.bind_secret_id:
            raise NeedsPerson(
                "issuer.not-bound",
                f"{self._role.of} accepts logins without a secret id; there is nothing to rotate",
                "set `bind_secret_id` on the role",
            )
        if settings.bound_cidrs and self._options.unverified is None:
            raise NeedsPerson(
                "issuer.cidr-bound",
                f"secret ids of {self._role.of} are bound to addresses, so a login from here may "
                "say nothing; nothing was made",
                "state `unverified: cidr-bound`, and leave `probe` out",
            )


def _is_over(secret_id: SecretId, now: datetime) -> bool:
    return secret_id.expires is not None and secret_id.expires <= now


def _handle(secret_id: SecretId) -> Handle:
    label = secret_id.metadata.get(MARK)
    chosen = label is not None and CHOSEN in secret_id.metadata
    return Handle(
        id=label if label is not None and chosen else secret_id.accessor,
        created=secret_id.created,
        expires=secret_id.expires,
        mark=label,
    )


def _credential(handle_id: str, role_id: str, secret: str, now: datetime, ttl_s: int) -> Credential:
    expires = now + timedelta(seconds=ttl_s) if ttl_s else None
    return Credential(
        handle=Handle(id=handle_id, created=now, expires=expires),
        fields=Fields(public={"role_id": role_id}, secret={"secret_id": SecretValue(secret)}),
    )


def _cannot_suspend(handle_id: str) -> Conflict:
    return Conflict(
        "issuer.no-suspend",
        f"{handle_id} is unchanged: a secret id can be destroyed, but not switched off",
        "this is a bug of rotation; please report it with this line",
    )
