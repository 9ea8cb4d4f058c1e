"""Since when it is not known whether a change happened."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rotation.journal.entries import Entry, Kind, RowKey

DOUBT_MAX = timedelta(minutes=15)
"""A look or two answers most doubts; one that is older is in somebody's way."""

_ANSWERS = frozenset({Kind.DONE, Kind.RETRY, Kind.FAILED})


def doubted_at(entries: Iterable[Entry]) -> datetime | None:
    """By the first intent that nothing answered, however often it was looked at since."""
    since: dict[RowKey, datetime] = {}
    for entry in entries:
        if entry.row is not None and entry.kind is Kind.BEGAN:
            since.setdefault(entry.row, entry.at)
        elif entry.row is not None and entry.kind in _ANSWERS:
            since.pop(entry.row, None)
    return min(since.values(), default=None)
