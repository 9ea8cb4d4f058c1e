"""A login at AppRole whose token is revoked at once. A refused login has a cost: Vault counts them
per role id, and five in a row lock out every consumer of the role."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.vault import errors
from rotation.errors import NeedsPerson, Permanent, Refused, RotationError, Transient
from rotation.types import Fields, SecretValue, Verdict

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection
    from providers.vault.options import LoginOptions
    from rotation.interfaces import PluginContext


class VaultLogin:
    """Shows that Vault accepts a secret id, and nothing about the rights of its tokens."""

    def __init__(self, options: LoginOptions, context: PluginContext) -> None:
        self._connection: VaultConnection = context.connections[options.connection]
        self._path = f"auth/{options.mount}/login"

    def login(self, fields: Fields) -> Verdict:
        role_id, secret_id = _pair(fields)
        return self._verdict(role_id, secret_id)

    def wrong(self, fields: Fields) -> Verdict:
        """A good login follows at once and resets Vault's count of refused ones."""
        role_id, secret_id = _pair(fields)
        verdict = self._verdict(role_id, _altered(secret_id))
        if verdict is Verdict.REFUSED:
            self._verdict(role_id, secret_id)
        return verdict

    def _verdict(self, role_id: str, secret_id: SecretValue) -> Verdict:
        body = {"role_id": role_id, "secret_id": secret_id.reveal()}
        meanings = {
            errors.BAD_SECRET_ID: lambda: Refused("probe.refused", "the secret id is refused"),
            errors.DENIED: self._locked,
            "400": self._otherwise,
        }
        try:
            answer = self._connection.send(
                "POST", self._path, token=None, body=body, meanings=meanings
            )
        except Refused:
            return Verdict.REFUSED
        auth = answer.body.get("auth") or {}
        if not auth.get("client_token"):
            raise errors.no_answer(f"POST {self._path}", repeatable=True)
        # batch tokens cannot be revoked; they end by themselves
        if auth.get("token_type") != "batch":
            self._end(SecretValue(auth["client_token"]))
        return Verdict.ACCEPTED

    def _end(self, token: SecretValue) -> None:
        try:
            self._connection.send("POST", "auth/token/revoke-self", token=token)
        except NeedsPerson:
            raise NeedsPerson(
                "probe.token-left",
                "the login worked, and its token may not revoke itself: it stays valid to its end",
                "give the role's tokens Vault's `default` policy, or update on "
                "auth/token/revoke-self",
            ) from None

    def _locked(self) -> RotationError:
        """Most of these locks end by themselves, and after an emergency consumers wait for us. The
        consumers that try a dead secret id lock its successor out."""
        return Transient(
            "probe.locked",
            f"POST {self._path} is forbidden whatever the secret id is: the role is locked after "
            "refused logins, its entity is disabled, its tokens are bound to addresses, or no AppRole "
            "is mounted there",
            "it is tried again, because a lock ends by itself after 15 minutes; meanwhile see "
            "sys/locked-users, the role's entity and the probe's `mount`",
        )

    def _otherwise(self) -> RotationError:
        return NeedsPerson(
            "probe.not-from-here",
            f"POST {self._path} is refused, and not for a wrong secret id: most likely it is bound "
            "to addresses that this host is not in",
            "state `unverified: cidr-bound` at the issuer, and leave `probe` out",
        )


def _altered(secret_id: SecretValue) -> SecretValue:
    value = secret_id.reveal()
    return SecretValue(value[:-1] + ("B" if value.endswith("A") else "A"))


def _pair(fields: Fields) -> tuple[str, SecretValue]:
    try:
        return fields.public["role_id"], fields.secret["secret_id"]
    except KeyError:
        raise Permanent(
            "probe.missing-field",
            "vault-login logs in with role_id and secret_id, and one is missing",
            "name both in the secret's `fields:`",
        ) from None
