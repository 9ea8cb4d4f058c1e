"""Lists of access keys as IAM shows them: eventually consistent, so a list may be an older one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

Listing = list[dict[str, Any]]


class Listings:
    """Every list of keys that a user had, and since when it is shown."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self._shown_from: dict[str, list[tuple[datetime, Listing]]] = {}

    def changed(self, user: str, listing: Listing, now: datetime) -> None:
        """Take this as the list from now on; readers see it after the lag."""
        history = self._shown_from.setdefault(user, [])
        history.append((now + timedelta(seconds=self.lag_s), listing))

    def shown(self, user: str, now: datetime) -> Listing:
        """The list that a reader sees now."""
        seen = [listing for since, listing in self._shown_from.get(user, ()) if since <= now]
        return seen[-1] if seen else []
