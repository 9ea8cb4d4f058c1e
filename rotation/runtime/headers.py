"""What servers, and proxies before them, write into headers: nothing there may stop us."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER_MAX_S = 3600
"""A service that asks for more is asked again after this."""

_DATE = re.compile(r"[A-Z][a-z]{2}, ?\d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} ?[^,]*")
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def header_time(text: str) -> datetime | None:
    """Aware, UTC. None where it says nothing, or two things: a proxy may add a date of its own."""
    told = {_moment(each.strip()) for each in _DATE.findall(text) or (text,)}
    return told.pop() if len(told) == 1 else None


def retry_after(text: str, now: str = "") -> int | None:
    """Seconds, or a date, which is compared with `now`, the service's own."""
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
