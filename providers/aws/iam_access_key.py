"""Access keys of an IAM user. A user has two at most, inactive ones included, and no token makes a
mint safe to repeat."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Literal

from providers.aws.errors import Meanings, server_time, translated
from rotation.errors import Conflict, NeedsPerson, Permanent, SlotFull, first_change
from rotation.types import (
    Credential,
    Fields,
    Handle,
    KeyState,
    LastUsed,
    Listing,
    PermissionSet,
    SecretValue,
    Traits,
)

if TYPE_CHECKING:
    from providers.aws.clients import AwsConnection
    from providers.aws.options import AccessKeyOptions
    from rotation.interfaces import PluginContext

_STATES = {"Active": KeyState.ACTIVE, "Inactive": KeyState.SUSPENDED}


class AccessKeyIssuer:
    """Every call names the user: without a name IAM acts on the caller's own keys."""

    def __init__(self, options: AccessKeyOptions, context: PluginContext) -> None:
        self._connection: AwsConnection = context.connections[options.connection]
        self._user = options.user
        self._options = options
        self._is_own_login = False
        self.identity = options.identity({options.connection: self._connection.options})
        self._traits = replace(
            options.TRAITS, report_lag=timedelta(seconds=self._connection.options.report_lag_s)
        )

    @property
    def traits(self) -> Traits:
        return self._traits

    def listing(self) -> Listing:
        iam = self._connection.iam(PermissionSet.OBSERVE, self._options)
        handles: list[Handle] = []
        request: dict[str, Any] = {"UserName": self._user}
        while True:
            with self._translated("iam:ListAccessKeys"):
                page = iam.list_access_keys(**request)
                handles += [
                    Handle(
                        id=key["AccessKeyId"],
                        created=key["CreateDate"].astimezone(UTC),
                        state=_STATES.get(key["Status"], KeyState.UNKNOWN),
                    )
                    for key in page["AccessKeyMetadata"]
                ]
            if not page.get("IsTruncated"):
                self._is_own_login = self._connection.own_key in {handle.id for handle in handles}
                return Listing(handles=tuple(handles), server_at=server_time(page))
            request["Marker"] = page["Marker"]

    def issue(self, attempt: str) -> Credential:
        if self._is_own_login:
            raise self._own_login()
        iam = self._connection.iam(PermissionSet.MINT, self._options)
        with self._translated(
            "iam:CreateAccessKey", repeatable=False, meanings={"LimitExceeded": self._full}
        ):
            key = iam.create_access_key(UserName=self._user)["AccessKey"]
            return Credential(
                handle=Handle(id=key["AccessKeyId"], created=key["CreateDate"].astimezone(UTC)),
                fields=Fields(
                    public={"access_key_id": key["AccessKeyId"]},
                    secret={"secret_access_key": SecretValue(key["SecretAccessKey"])},
                ),
            )

    def activate(self, new: Credential) -> None:
        """A new IAM key is active at once."""

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        self._set(handle_id, "Inactive", under)

    def resume(self, handle_id: str) -> None:
        self._set(handle_id, "Active", PermissionSet.REVOKE)

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        iam = self._connection.iam(under, self._options)
        with first_change(Permanent), self._translated("iam:DeleteAccessKey"):
            try:
                iam.delete_access_key(UserName=self._user, AccessKeyId=handle_id)
            except iam.exceptions.NoSuchEntityException:
                return

    def usage(self, handle_id: str) -> LastUsed:
        iam = self._connection.iam(PermissionSet.OBSERVE, self._options)
        with self._translated("iam:GetAccessKeyLastUsed"):
            try:
                used = iam.get_access_key_last_used(AccessKeyId=handle_id)["AccessKeyLastUsed"]
            except iam.exceptions.NoSuchEntityException:
                return LastUsed(last_used=None)
        at, service = used.get("LastUsedDate"), used.get("ServiceName", "N/A")
        return LastUsed(
            last_used=at and at.astimezone(UTC), service=None if service == "N/A" else service
        )

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["access_key_id"]

    def _set(
        self, handle_id: str, status: Literal["Active", "Inactive"], under: PermissionSet
    ) -> None:
        iam = self._connection.iam(under, self._options)
        gone = lambda: Conflict(  # noqa: E731
            "issuer.gone",
            f"access key {handle_id} of user {self._user} is gone; somebody else deleted it",
            "find out who, in CloudTrail: DeleteAccessKey of that key",
            instances=handle_id,
        )
        missing = {"NoSuchEntity": gone}
        with first_change(Permanent), self._translated("iam:UpdateAccessKey", meanings=missing):
            iam.update_access_key(UserName=self._user, AccessKeyId=handle_id, Status=status)

    def _translated(
        self, call: str, *, repeatable: bool = True, meanings: Meanings | None = None
    ) -> AbstractContextManager[None]:
        return translated(
            call,
            of=f"user {self._user}",
            repeatable=repeatable,
            meanings={"NoSuchEntity": self._no_user, **(meanings or {})},
        )

    def _no_user(self) -> NeedsPerson:
        return NeedsPerson(
            "issuer.missing",
            f"account {self._connection.options.account} has no IAM user {self._user}",
            "create it (`pulumi up`), then `rotation rotate NAME --replace`; or correct the name",
            all_gone=True,
        )

    def _own_login(self) -> NeedsPerson:
        """Refuses the key that we log in with: the rotation would switch it off before its own last
        calls."""
        return NeedsPerson(
            "issuer.own-login",
            f"rotation itself logs in with a key of user {self._user}, and would lock itself out in "
            "the middle; nothing was made",
            "give the connection its own user or role, then `rotation resume`",
        )

    def _full(self) -> SlotFull:
        return SlotFull(
            "aws.slot-full",
            f"user {self._user} has two access keys, and no third one can be made",
            "`rotation show` lists them; none that is not ours is ever deleted to make room",
        )
