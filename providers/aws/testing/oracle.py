"""The real state, for assertions and not for adapters. Everything is a JSON value."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from providers.aws.testing import policies
from providers.aws.testing.identity import ENDPOINTS

if TYPE_CHECKING:
    from providers.aws.testing.state import State


class Oracle:
    """Looks behind the endpoint; changes nothing, not even a last-used date."""

    def __init__(self, state: State) -> None:
        self._state = state

    def accepts(self, access_key_id: str, secret: str, endpoint: str = "sts") -> bool:
        """Whether this endpoint would take this key now."""
        return self._state.keyring.accepts(access_key_id, secret, endpoint)

    def keys(self, user: str) -> list[dict[str, Any]]:
        """The user's keys as IAM has them, and what each endpoint believes."""
        return [
            {
                "AccessKeyId": key.access_key_id,
                "Status": key.status,
                "CreateDate": key.create_date,
                "endpoints": {
                    name: self._state.keyring.state_at(key.access_key_id, name)
                    for name in ENDPOINTS
                },
            }
            for key in self._state.iam.users[user].access_keys
        ]

    def live_keys(self, user: str) -> list[str]:
        """The ids of the user's active keys."""
        keys = self._state.iam.users[user].access_keys
        return [key.access_key_id for key in keys if key.status == "Active"]

    def mints(self, user: str) -> list[dict[str, Any]]:
        """Every key that was ever made for this user: id, by whom, when."""
        return [asdict(mint) for mint in self._state.mints if mint.user == user]

    def labels(self, secret: str, region: str | None = None) -> dict[str, str]:
        """Each label of a secret and the version that carries it."""
        return self._state.secret(secret, region).labels()

    def versions(self, secret: str, region: str | None = None) -> dict[str, list[str]]:
        """Every version of a secret, labelled or not, and its labels."""
        stored = self._state.secret(secret, region)
        return {name: version["version_stages"] for name, version in stored.versions.items()}

    def value(
        self, secret: str, version_id: str | None = None, region: str | None = None
    ) -> str | None:
        """The raw bytes of a version as text (binary: base64), the current one by default."""
        stored = self._state.secret(secret, region)
        version = stored.versions.get(version_id or stored.labels().get("AWSCURRENT", ""), {})
        value: str | None = version.get("secret_string", version.get("secret_binary"))
        return value

    def policies(self, principal: str) -> dict[str, Any]:
        """What a policy evaluator needs to know of a user, a role or a role session."""
        return {
            "identity": policies.identity_policies(self._state, principal),
            "boundary": policies.boundary(self._state, principal),
            "trust": policies.trust_policy(self._state, principal),
        }

    def resource_policy(self, secret: str, region: str | None = None) -> str | None:
        """The resource policy of a secret."""
        return self._state.secret(secret, region).policy

    def called(self) -> int:
        """How many calls there were: the index of the next one."""
        return len(self._state.log)

    def calls(self, pattern: str = "*", since: int = 0) -> list[dict[str, Any]]:
        """The call log from this index on, for `service:Operation` by wildcard."""
        return self._state.log.matching(pattern, since)
