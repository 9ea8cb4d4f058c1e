"""Somebody else: a colleague at the console, another tool, an attacker.

These operations obey the same rules and appear in the same call log, but need no signature. All
parameters and results are JSON values, so the same methods serve the control plane.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from providers.aws.testing.identity import Principal
from providers.aws.testing.refusals import Refusal
from providers.aws.testing.state import Call

if TYPE_CHECKING:
    from providers.aws.testing.faults import Act
    from providers.aws.testing.state import Operations, State


class OutOfBand:
    """What somebody else may do at any moment, between any two calls of the runner."""

    def __init__(self, state: State, operations: dict[str, Operations]) -> None:
        self._state = state
        self._operations = operations
        self._principal = Principal(
            arn=f"arn:aws:iam::{state.account}:user/human",
            unique_id="AIDAHUMAN",
            access_key_id="-",
            user_name="human",
        )

    def perform(self, acts: Iterable[Act]) -> None:
        """Perform these operations in order. A refused one appears in the log as refused."""
        for act in acts:
            with suppress(Refusal):
                getattr(self, act["act"])(**act.get("arguments", {}))

    def create_key(self, user: str) -> dict[str, str]:
        """Make an access key; returns `AccessKeyId` and `SecretAccessKey`."""
        key: dict[str, str] = self._do("iam", "CreateAccessKey", UserName=user)["AccessKey"]
        return {name: key[name] for name in ("AccessKeyId", "SecretAccessKey")}

    def suspend_key(self, user: str, access_key_id: str) -> None:
        """Make a key inactive."""
        self._update_key(user, access_key_id, "Inactive")

    def resume_key(self, user: str, access_key_id: str) -> None:
        """Make a key active."""
        self._update_key(user, access_key_id, "Active")

    def delete_key(self, user: str, access_key_id: str) -> None:
        """Delete a key."""
        self._do("iam", "DeleteAccessKey", UserName=user, AccessKeyId=access_key_id)

    def tag_user(self, user: str, tags: dict[str, str]) -> None:
        """Set tags of a user."""
        self._do("iam", "TagUser", UserName=user, Tags=_tags(tags))

    def untag_user(self, user: str, keys: list[str]) -> None:
        """Take tags off a user."""
        self._do("iam", "UntagUser", UserName=user, TagKeys=keys)

    def put_secret(
        self,
        secret: str,
        value: str,
        *,
        labels: list[str] | None = None,
        token: str | None = None,
        region: str | None = None,
    ) -> str:
        """Write a version; without labels it becomes current. Returns its id."""
        given = {"VersionStages": labels, "ClientRequestToken": token}
        result = self._do(
            "secretsmanager",
            "PutSecretValue",
            region,
            SecretId=secret,
            SecretString=value,
            **{name: item for name, item in given.items() if item is not None},
        )
        return str(result["VersionId"])

    def move_label(
        self, secret: str, label: str, to: str | None, *, region: str | None = None
    ) -> None:
        """Move a label to a version, wherever it is now; `to=None` takes it off."""
        stored = self._state.secret(secret, region)
        given = {"RemoveFromVersionId": stored.holder(label), "MoveToVersionId": to}
        self._do(
            "secretsmanager",
            "UpdateSecretVersionStage",
            region,
            SecretId=secret,
            VersionStage=label,
            **{name: item for name, item in given.items() if item is not None},
        )

    def tag_secret(self, secret: str, tags: dict[str, str], *, region: str | None = None) -> None:
        """Set tags of a secret."""
        self._do("secretsmanager", "TagResource", region, SecretId=secret, Tags=_tags(tags))

    def untag_secret(self, secret: str, keys: list[str], *, region: str | None = None) -> None:
        """Take tags off a secret."""
        self._do("secretsmanager", "UntagResource", region, SecretId=secret, TagKeys=keys)

    def delete_secret(self, secret: str, *, region: str | None = None) -> None:
        """Schedule a secret for deletion."""
        self._do("secretsmanager", "DeleteSecret", region, SecretId=secret)

    def restore_secret(self, secret: str, *, region: str | None = None) -> None:
        """Take the deletion back."""
        self._do("secretsmanager", "RestoreSecret", region, SecretId=secret)

    def rotate_natively(self, secret: str, function: str, *, region: str | None = None) -> None:
        """Turn native rotation on and let it begin: AWSPENDING sits on a version without value."""
        self._do(
            "secretsmanager", "RotateSecret", region, SecretId=secret, RotationLambdaARN=function
        )

    def _update_key(self, user: str, access_key_id: str, status: str) -> None:
        self._do("iam", "UpdateAccessKey", UserName=user, AccessKeyId=access_key_id, Status=status)

    def _do(
        self, service: str, operation: str, region: str | None = None, /, **parameters: Any
    ) -> dict[str, Any]:
        call = Call(
            service=service,
            operation=operation,
            region=region or self._state.region,
            principal=self._principal,
            parameters=parameters,
        )
        outcome = "ok"
        try:
            result: dict[str, Any] = dict(self._operations[service][operation].run(call))
        except Refusal as refusal:
            outcome = refusal.code
            raise
        finally:
            self._state.log.add(
                service=service,
                operation=operation,
                region=call.region,
                principal=self._principal.arn,
                access_key_id=self._principal.access_key_id,
                parameters=parameters,
                user_agent="human",
                outcome=outcome,
                answer="sent",
                at=self._state.clock.time(),
            )
        return result


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
