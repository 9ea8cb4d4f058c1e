"""When a key was last used, as IAM reports it: coarse, late, and only the latest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Use:
    """A key signed a request for this service in this region."""

    at: datetime
    service: str
    region: str


class LastUsed:
    """The uses of every key.

    `grain_s`: a further use within this time is not recorded. `lag_s`: a recorded use is reported
    so much later. `failed_use_counts`: refused requests count as uses too.
    """

    def __init__(self) -> None:
        self.grain_s = 0.0
        self.lag_s = 0.0
        self.failed_use_counts = False
        self._recorded: dict[str, list[tuple[datetime, Use]]] = {}

    def note(self, access_key_id: str, use: Use, moment: datetime, *, succeeded: bool) -> None:
        """A request signed by this key came in."""
        if not (succeeded or self.failed_use_counts):
            return
        recorded = self._recorded.setdefault(access_key_id, [])
        if recorded and use.at - recorded[-1][1].at < timedelta(seconds=self.grain_s):
            return
        recorded.append((moment + timedelta(seconds=self.lag_s), use))
        while len(recorded) > 1 and recorded[1][0] <= moment:
            recorded.pop(0)

    def published(self, access_key_id: str, moment: datetime) -> Use | None:
        """The latest use that is published by then."""
        seen = [
            use
            for published_at, use in self._recorded.get(access_key_id, ())
            if published_at <= moment
        ]
        return seen[-1] if seen else None
