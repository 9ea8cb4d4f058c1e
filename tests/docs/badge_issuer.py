"""Badges: the whole of a provider. Options that say what it can do, and one adapter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rotation.errors import Ambiguous, Conflict, Denied, Permanent, SlotFull, Transient
from rotation.interfaces import PluginContext
from rotation.options import IssuerOptions
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
from tests.docs.badge_service import BadgeService, ServiceError

WAIT = "it is tried again by itself; if it lasts, ask the badge office"


@dataclass(frozen=True, kw_only=True)
class BadgeOptions(IssuerOptions):
    """Badges of one door."""

    CONNECTIONS: ClassVar = ("badges",)
    FIELDS: ClassVar = ("badge_id", "code")
    PUBLIC: ClassVar = frozenset({"badge_id"})
    TRAITS: ClassVar = Traits(
        origin="assigned", can_suspend=True, reports_usage=False, live_max=3, failed_logins_safe=5
    )

    connection: str = field(metadata={"doc": "name of a connection to the badge service"})
    door: str = field(metadata={"doc": "the door that the badges open"})

    def identity(self, connections: Mapping[str, Any]) -> str:
        return f"badges/{self.connection}/{self.door}"

    def by_hand(self, handle_id: str, connections: Mapping[str, Any]) -> str:
        return f"badge-office invalidate {handle_id}"


class BadgeIssuer:
    def __init__(self, options: BadgeOptions, context: PluginContext) -> None:
        self._service: BadgeService = context.connections[options.connection]
        self._traits = options.TRAITS

    @property
    def traits(self) -> Traits:
        return self._traits

    def listing(self) -> Listing:
        with _translated("list"):
            badges = self._service.list()
        return Listing(
            handles=tuple(
                Handle(
                    id=badge,
                    created=made_at,
                    state=KeyState.ACTIVE if valid else KeyState.SUSPENDED,
                )
                for badge, (made_at, valid) in badges.items()
            )
        )

    def issue(self, attempt: str) -> Credential:
        # Sent once. The service knows no idempotency key, so `attempt` is of no use to it.
        with _translated("create", repeatable=False):
            badge, code = self._service.create()
        fields = Fields(public={"badge_id": badge}, secret={"code": SecretValue(code)})
        return Credential(handle=Handle(id=badge), fields=fields)

    def activate(self, new: Credential) -> None:
        """Badges are born valid."""

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        with _translated("set_valid"):
            self._service.set_valid(handle_id, valid=False)

    def resume(self, handle_id: str) -> None:
        with _translated("set_valid"):
            self._service.set_valid(handle_id, valid=True)

    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        with _translated("delete"):
            try:
                self._service.delete(handle_id)
            except ServiceError as error:
                if error.code != "unknown":
                    raise

    def usage(self, handle_id: str) -> LastUsed:
        raise NotImplementedError("the traits say that no use is reported")

    def handle_of(self, fields: Fields, version: str) -> str:
        return fields.public["badge_id"]


@contextmanager
def _translated(operation: str, *, repeatable: bool = True) -> Iterator[None]:
    """The vendor's codes in the words of rotation.errors; never its text. Did it happen?"""
    try:
        yield
    except ServiceError as error:
        match error.code:
            case "forbidden":
                raise Denied(
                    "badges.denied", f"we may not {operation} badges", "grant it to our account"
                ) from None
            case "slow-down" | "unreachable":
                raise Transient("badges.busy", f"{operation} did not happen", WAIT) from None
            case "limit":
                raise SlotFull("badges.full", "the door has three badges", "return one") from None
            case "unknown":
                raise Conflict("badges.gone", "that badge is gone", "see who returned it") from None
            case "broken" | "lost" if repeatable:
                raise Transient("badges.no-answer", f"no answer to {operation}", WAIT) from None
            case "broken" | "lost":
                raise Ambiguous("badges.no-answer", f"{operation} may have happened") from None
            case code:
                raise Permanent("badges.refused", f"{operation} is refused ({code})") from None
