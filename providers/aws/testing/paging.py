"""Pages of a listing: AWS may return fewer entries than were asked for."""

from __future__ import annotations

from typing import Any

from providers.aws.testing.refusals import invalid

Entries = list[dict[str, Any]]


def page(
    service: str, entries: Entries, token: str | None, asked: int | str | None, most: int
) -> tuple[Entries, str | None]:
    """The page that a token stands for, and the token of the next one."""
    if token is not None and not token.isdecimal():
        raise invalid(service, "This token is not one of ours.")
    start = int(token or 0)
    end = start + min(int(asked or most), most)
    return entries[start:end], str(end) if end < len(entries) else None
