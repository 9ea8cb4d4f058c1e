"""Reads headers that servers and proxies write: no content may make it fail."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A service that asks for a longer wait is asked again after this.
RETRY_AFTER_MAX_S = 3600

_DATE = re.compile(r"[A-Z][a-z]{2}, ?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} ?[^,]*")
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def header_time(text: str) -> datetime | None:
    """An aware time in UTC. None where the header has none, or two different ones: a proxy may add
    a date of its own."""
    found = {_moment(each.strip()) for each in _DATE.findall(text) or (text,)}
    return found.pop() if len(found) == 1 else None


def retry_after(text: str, now: str = "") -> int | None:
    """The header's value in seconds. A date is compared with `now`, which is the service's own
    time."""
    if _SECONDS.fullmatch(text.strip()):
        return min(int(text), RETRY_AFTER_MAX_S)
    until, at = header_time(text), header_time(now)
    if until is None or at is None:
        return None
    return max(0, min(int((until - at).total_seconds()), RETRY_AFTER_MAX_S))


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
        # `-0000` is UTC from a host that does not give its zone.
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (IndexError, OverflowError, TypeError, ValueError):
        return None
