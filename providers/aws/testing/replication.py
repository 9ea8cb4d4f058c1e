"""Replicas of secrets: copies in other regions that follow their primary, late or not at all."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from providers.aws.testing.clock import ServerClock
from providers.aws.testing.refusals import Refusal
from providers.aws.testing.secret_store import AWS_KEY, SecretShelf, StoredSecret

Status = Literal["InProgress", "InSync", "Failed"]

_COPIED = ("versions", "tags", "description", "deleted_date", "policy", "rotation_enabled")


class Replica(StoredSecret):
    """A read-only copy."""

    def __init__(
        self, primary: StoredSecret, region: str, created: datetime, kms_key_id: str | None
    ) -> None:
        super().__init__(primary.account_id, region, primary.name, created)
        self.arn = primary.arn.replace(f":{primary.region}:", f":{region}:")
        self.primary_region = primary.region
        self.kms_key_id = kms_key_id


@dataclass(slots=True)
class _Link:
    """What one region has yet to receive. `forced` is the status that a test dictates."""

    replica: Replica | None
    forced: Status | None = None
    message: str = ""
    underway: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    def status(self) -> Status:
        if self.forced is not None:
            return self.forced
        return "InProgress" if self.underway else "InSync"

    def settle(self, now: datetime) -> None:
        """Take over what is due. Nothing arrives while the status is held at other than InSync."""
        if self.replica is None or self.forced in ("InProgress", "Failed"):
            return
        for snapshot in (content for due, content in self.underway if due <= now):
            for name, value in snapshot.items():
                setattr(self.replica, name, value)
        self.underway = [item for item in self.underway if item[0] > now]


class Replication:
    """Which secrets are copied where, and how far each copy has come."""

    def __init__(self, shelf: SecretShelf, clock: ServerClock) -> None:
        self._shelf = shelf
        self._clock = clock
        self._links: dict[str, dict[str, _Link]] = {}
        self.lag_s = 0.0

    def add(self, primary: StoredSecret, region: str, kms_key_id: str | None = None) -> None:
        """Begin to copy a secret to a region; a name that is taken there makes it fail."""
        if region == primary.region:
            raise Refusal("InvalidParameterException", "Invalid replica region.")
        links = self._links.setdefault(primary.arn, {})
        if region in links:
            raise Refusal("InvalidParameterException", f"Already replicated to {region}.")
        now = self._clock.now()
        if self._shelf.peek(region, primary.name, now) is not None:
            taken = "Secret with this name already exists in this region"
            links[region] = _Link(None, forced="Failed", message=taken)
            return
        replica = Replica(primary, region, now, kms_key_id)
        self._shelf.put(replica)
        links[region] = _Link(replica)
        self._send(primary, links[region])

    def drop(self, primary: StoredSecret, region: str) -> None:
        """Delete a copy; there is no recovery window for it."""
        link = self._links.get(primary.arn, {}).pop(region, None)
        if link is None:
            raise Refusal("InvalidParameterException", f"Not replicated to {region}.")
        if link.replica is not None:
            self._shelf.remove(link.replica)

    def publish(self, primary: StoredSecret) -> None:
        """The primary changed: every copy will follow after the lag."""
        for link in self._links.get(primary.arn, {}).values():
            self._send(primary, link)

    def settle(self) -> None:
        """Deliver everything that is due by now."""
        now = self._clock.moment()
        for links in self._links.values():
            for link in links.values():
                link.settle(now)

    def regions(self, primary: StoredSecret) -> list[str]:
        """Where this secret has copies."""
        return list(self._links.get(primary.arn, {}))

    def report(self, primary: StoredSecret) -> list[dict[str, Any]]:
        """`ReplicationStatus` as DescribeSecret gives it."""
        return [
            {
                "Region": region,
                "KmsKeyId": (link.replica and link.replica.kms_key_id) or AWS_KEY,
                "Status": link.status(),
                "StatusMessage": link.message or f"Replication {link.status()}",
                **(
                    {"LastAccessedDate": link.replica.last_accessed}
                    if link.replica is not None and link.replica.last_accessed is not None
                    else {}
                ),
            }
            for region, link in self._links.get(primary.arn, {}).items()
        ]

    def force(self, primary: StoredSecret, region: str, status: Status | None) -> None:
        """Hold the status of a copy; None lets it go its way again."""
        self._links[primary.arn][region].forced = status

    def _send(self, primary: StoredSecret, link: _Link) -> None:
        due = self._clock.moment() + timedelta(seconds=self.lag_s)
        link.underway.append((due, {name: deepcopy(getattr(primary, name)) for name in _COPIED}))
        link.settle(self._clock.moment())
