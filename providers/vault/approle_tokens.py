"""The live tokens of one AppRole's logins. Vault has no list of them, so every token of the
namespace is looked at, which needs `sudo` on auth/token/accessors. Batch tokens are in no list at
all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from providers.vault import errors
from providers.vault.approle_role import MARK, Absent
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.vault.clients import VaultConnection
    from rotation.errors import RotationError

_OVER: Mapping[str, Callable[[], RotationError]] = dict.fromkeys(
    (errors.NOT_FOUND, errors.DEAD_ACCESSOR), lambda: Absent("vault.missing", "the token is over")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """label: the mark in the metadata of the secret id that made it."""

    accessor: str
    created: datetime
    label: str | None


class Tokens:
    def __init__(self, connection: VaultConnection, mount: str, role: str) -> None:
        self._connection = connection
        self._login = f"auth/{mount}/login"
        self._role = role.lower()

    def latest_login(self, label: str | None) -> datetime | None:
        """The latest login of the secret ids with that label; None: of those without a label."""
        alive = self._alive(PermissionSet.OBSERVE)
        return max((token.created for token in alive if token.label == label), default=None)

    def revoke(self) -> None:
        """Revokes all tokens of the role."""
        for token in list(self._alive(PermissionSet.CONTAIN)):
            self._call("auth/token/revoke-accessor", token.accessor, PermissionSet.CONTAIN)

    def _alive(self, under: PermissionSet) -> Iterator[Token]:
        answer = self._connection.call("LIST", "auth/token/accessors", under=under)
        for accessor in answer.data.get("keys") or ():
            data = self._call("auth/token/lookup-accessor", accessor, under)
            meta = data.get("meta") or {}
            if data.get("path") == self._login and meta.get("role_name") == self._role:
                created = datetime.fromtimestamp(data["creation_time"], UTC)
                yield Token(accessor=accessor, created=created, label=meta.get(MARK))

    def _call(self, path: str, accessor: str, under: PermissionSet) -> Mapping[str, Any]:
        """Empty where the token has ended meanwhile."""
        try:
            return self._connection.call(
                "POST", path, under=under, body={"accessor": accessor}, meanings=_OVER
            ).data
        except Absent:
            return {}
