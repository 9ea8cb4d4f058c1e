"""The report as one HTML file that needs nothing else: no script, no font, no request."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

DAY_S = 86_400
NAMED_MAX = 12
CALM = frozenset({"fine", "due", "open", "paused", "retired"})
"""The states that need nobody."""


def page(content: Mapping[str, Any]) -> str:
    """Every text is escaped: owners, reasons and names come from files and people."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(day=_day, minute=_minute, days=_days, named=_named)
    text = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    return environment.from_string(text).render(content, calm=CALM)


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _days(seconds: int | None) -> str:
    return "unknown" if seconds is None else f"{seconds // DAY_S} d"


def _named(names: Sequence[str]) -> str:
    """A line per permission set would name every secret of a fleet otherwise."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
