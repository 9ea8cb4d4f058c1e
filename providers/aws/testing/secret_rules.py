"""Secrets Manager: what holds for every operation on a secret, before the operation's own rule."""

from __future__ import annotations

from providers.aws.testing.refusals import Refusal
from providers.aws.testing.replication import Replica
from providers.aws.testing.secret_store import AWS_KEY, StoredSecret
from providers.aws.testing.state import Call, State


class SecretRules:
    """Finds the secret of a call, and refuses where nothing may be done to it."""

    def __init__(self, state: State) -> None:
        self.state = state

    def find(self, call: Call) -> StoredSecret:
        """The secret that a call names, deleted or not."""
        return self.state.secret(call.parameters["SecretId"], call.region)

    def readable(self, call: Call) -> StoredSecret:
        """The same, unless it is scheduled for deletion."""
        secret = self.find(call)
        if secret.deleted_date is not None:
            raise Refusal(
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            )
        return secret

    def primary(self, call: Call) -> StoredSecret:
        """The same, unless it is a copy."""
        secret = self.readable(call)
        if isinstance(secret, Replica):
            raise Refusal(
                "InvalidRequestException",
                "Operation not permitted on a replica secret. "
                "Call must be made in primary secret's region.",
            )
        return secret

    def writable(self, call: Call) -> StoredSecret:
        """The same, unless another service or a partner manages it."""
        secret = self.primary(call)
        manager = secret.owner or secret.external_type
        if manager is not None:
            raise Refusal(
                "InvalidRequestException", f"This secret is managed by {manager}; change it there."
            )
        return secret

    def changed(self, secret: StoredSecret) -> None:
        """A primary was changed: note when, and let the copies follow."""
        secret.last_changed_date = int(self.state.clock.time())
        self.state.replication.publish(secret)

    def may_encrypt(self, call: Call, secret: StoredSecret) -> None:
        """Refuse unless the caller may use the secret's key for writing."""
        self._may_use_key(call, secret, "kms:GenerateDataKey")
        self._may_use_key(call, secret, "kms:Decrypt")

    def may_decrypt(self, call: Call, secret: StoredSecret) -> None:
        """Refuse unless the caller may use the secret's key for reading."""
        self._may_use_key(call, secret, "kms:Decrypt")

    def _may_use_key(self, call: Call, secret: StoredSecret, action: str) -> None:
        gate = self.state.gate
        if secret.kms_key_id is None:
            # AWS's own key has no policy that could refuse; a test may still deny it.
            allowed = not gate.denies(call.principal, action, AWS_KEY)
        else:
            context = {
                "kms:ViaService": f"secretsmanager.{call.region}.amazonaws.com",
                "kms:CallerAccount": self.state.account,
                "kms:EncryptionContext:SecretARN": secret.arn,
            }
            allowed = gate.allows(call.principal, action, secret.kms_key_id, context)
        if not allowed:
            raise Refusal("AccessDeniedException", "Access to KMS is not allowed")
