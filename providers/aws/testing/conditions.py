"""Conditions of the world: how fast changes propagate, how coarse reports are, who else manages a
secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.aws.testing.identity import ENDPOINTS
from providers.aws.testing.trails import StoredTrail

if TYPE_CHECKING:
    from providers.aws.testing.replication import Status
    from providers.aws.testing.state import State


class Conditions:
    """Set at any time; each setting holds for what happens from then on."""

    def __init__(self, state: State) -> None:
        self._state = state

    def propagation(
        self,
        seconds: float | None = None,
        *,
        iam: float | None = None,
        sts: float | None = None,
        secretsmanager: float | None = None,
    ) -> None:
        """How long a change of a key takes to reach each endpoint; `seconds` is for all."""
        given = {"iam": iam, "sts": sts, "secretsmanager": secretsmanager}
        for endpoint in ENDPOINTS:
            own = given.get(endpoint)
            delay = seconds if own is None else own
            if delay is not None:
                self._state.keyring.delays[endpoint] = delay

    def last_used(
        self,
        *,
        grain_s: float | None = None,
        lag_s: float | None = None,
        failed_use_counts: bool | None = None,
    ) -> None:
        """How coarse and how late last-used is, and whether refused requests count."""
        report = self._state.last_used
        report.grain_s = report.grain_s if grain_s is None else grain_s
        report.lag_s = report.lag_s if lag_s is None else lag_s
        if failed_use_counts is not None:
            report.failed_use_counts = failed_use_counts

    def listing_lag(self, seconds: float) -> None:
        """How much older than the truth a list of access keys is."""
        self._state.listings.lag_s = seconds

    def page_size(self, entries: int) -> None:
        """The most that a listing returns at once, whatever was asked."""
        self._state.page_size = entries

    def replication_lag(self, seconds: float) -> None:
        """How long a change of a secret takes to reach its copies."""
        self._state.replication.lag_s = seconds

    def replica_status(
        self, secret: str, copy_region: str, status: Status | None, region: str | None = None
    ) -> None:
        """Hold a copy's status. Failed and InProgress stop it; None lets it go on.

        A held InSync is a lie that AWS can tell: the copy still follows only after the lag.
        """
        self._state.replication.force(self._state.secret(secret, region), copy_region, status)

    def forget_deprecated(self, secret: str, region: str | None = None) -> None:
        """AWS deletes versions without labels in the background: now."""
        stored = self._state.secret(secret, region)
        stored.versions = {
            version_id: version
            for version_id, version in stored.versions.items()
            if version["version_stages"]
        }

    def organisation_trail(
        self, arn: str, *, logging: bool = True, multi_region: bool = True
    ) -> None:
        """A trail of an organisation that this account is a member of, visible here by its ARN."""
        self._state.trails[arn] = StoredTrail(
            arn=arn, of_organisation=True, logging=logging, multi_region=multi_region
        )

    def managed(
        self,
        secret: str,
        *,
        owning_service: str | None = None,
        external_type: str | None = None,
        rotation_enabled: bool = False,
        region: str | None = None,
    ) -> None:
        """Who else manages this secret; without arguments, nobody."""
        stored = self._state.secret(secret, region)
        stored.owner, stored.external_type = owning_service, external_type
        stored.rotation_enabled = rotation_enabled
