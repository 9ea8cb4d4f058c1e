"""Secrets, their versions and labels, in moto's objects: storage, and the one rule about labels.

The version map of moto is used as it is: `version_id`, `version_stages` (the labels),
`secret_string` or `secret_binary` (base64) and `createdate`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from moto.secretsmanager.models import FakeSecret, SecretsManagerBackend

from providers.aws.testing.refusals import Refusal

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
PENDING = "AWSPENDING"

LABELS_MAX = 20
AWS_KEY = "alias/aws/secretsmanager"

# An ARN ends in a dash and six random characters.
_SUFFIX = 7


class StoredSecret(FakeSecret):
    """A secret in one region. A primary has `replicas`; a copy has a `primary`."""

    def __init__(self, account: str, region: str, name: str, created: datetime) -> None:
        super().__init__(
            account_id=account,
            region_name=region,
            secret_id=name,
            secret_version={},
            version_id="",
            created_date=int(created.timestamp()),
            last_changed_date=int(created.timestamp()),
        )
        self.owner: str | None = None
        self.external_type: str | None = None
        self.rotation_rules: dict[str, Any] | None = None
        self.accessed: dict[str, datetime] = {}

    @property
    def owning_service(self) -> str | None:
        return self.owner

    def named(self, version_id: str | None = None) -> dict[str, Any]:
        """How answers name this secret, and one of its versions."""
        named = {"ARN": self.arn, "Name": self.name}
        return named if version_id is None else named | {"VersionId": version_id}

    def labels(self) -> dict[str, str]:
        """Each label and the version that carries it."""
        return {
            label: version_id
            for version_id, version in self.versions.items()
            for label in version["version_stages"]
        }

    def holder(self, label: str) -> str | None:
        """The version that carries this label."""
        return self.labels().get(label)

    def attach(self, label: str, version_id: str) -> None:
        """Move a label here. AWSCURRENT leaves AWSPREVIOUS behind on the version it left."""
        origin = self.holder(label)
        if origin == version_id:
            return
        if origin is not None:
            self.detach(label, origin)
        self.versions[version_id]["version_stages"].append(label)
        if label == CURRENT and origin is not None:
            self.attach(PREVIOUS, origin)

    def detach(self, label: str, version_id: str) -> None:
        """Take a label off a version."""
        self.versions[version_id]["version_stages"].remove(label)

    @property
    def last_accessed(self) -> datetime | None:
        """The day on which a value was last read here."""
        return max(self.accessed.values(), default=None)

    def check_room(self, labels: list[str]) -> None:
        """Refuse labels that would be too many, the AWSPREVIOUS that they cause included."""
        caused = [PREVIOUS] if CURRENT in labels and self.holder(CURRENT) else []
        if len(self.labels().keys() | {*labels, *caused}) > LABELS_MAX:
            raise Refusal("LimitExceededException", f"More than {LABELS_MAX} staging labels.")

    def has_value(self, version_id: str) -> bool:
        """Whether there are bytes, and not only labels (a native rotation begins that way)."""
        version = self.versions.get(version_id, {})
        return "secret_string" in version or "secret_binary" in version

    def forget_oldest(self, now: datetime, limit: int) -> None:
        """Prune unlabelled versions beyond the limit; a version of the last day is kept."""
        a_day_ago = (now - timedelta(days=1)).timestamp()
        prunable = [
            version_id
            for version_id, version in self.versions.items()
            if not version["version_stages"] and version["createdate"] <= a_day_ago
        ]
        surplus = len(self.versions) - limit
        for version_id in prunable[: max(surplus, 0)]:
            del self.versions[version_id]


class SecretShelf:
    """The secrets of an account, by region."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._regions: dict[str, SecretsManagerBackend] = {}

    def region(self, name: str) -> SecretsManagerBackend:
        """The storage of one region."""
        if name not in self._regions:
            self._regions[name] = SecretsManagerBackend(name, self._account)
        return self._regions[name]

    def peek(self, region: str, secret_id: str, now: datetime) -> StoredSecret | None:
        """The secret of this name or ARN, if it is there and its deletion is not over."""
        secret = self._named(region, secret_id)
        if secret is None:
            return None
        if secret.deleted_date is not None and secret.deleted_date <= now.timestamp():
            self.remove(secret)
            return None
        return secret

    def _named(self, region: str, secret_id: str) -> StoredSecret | None:
        # moto's own look-up reads every secret of the region each time.
        stored: dict[str, Any] = self.region(region).secrets
        tail = secret_id.split(":", 6)[-1]
        for name in (tail, tail[:-_SUFFIX]):
            secret = dict.get(stored, name)
            if secret is None:
                continue
            assert isinstance(secret, StoredSecret)
            if secret_id in (secret.name, secret.arn, secret.arn[:-_SUFFIX]):
                return secret
        return None

    def find(self, region: str, secret_id: str, now: datetime) -> StoredSecret:
        """The same, or a refusal."""
        secret = self.peek(region, secret_id, now)
        if secret is None:
            raise Refusal(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret."
            )
        return secret

    def put(self, secret: StoredSecret) -> None:
        """Add a secret to its region."""
        self.region(secret.region).secrets[secret.name] = secret

    def remove(self, secret: StoredSecret) -> None:
        """Remove a secret at once."""
        dict.pop(self.region(secret.region).secrets, secret.name)
