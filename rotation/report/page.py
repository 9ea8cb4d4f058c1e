"""A report or an incident as one HTML file that needs nothing else: no script, no font, no request."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rotation.errors import UsageError

try:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
except ModuleNotFoundError:
    raise UsageError(
        "report.extra",
        "a page needs the extra `report`; nothing was written",
        "`pip install 'rotation[report]'`; the other kinds of file need nothing more",
    ) from None

DAY_S = 86_400
NAMED_MAX = 12
CALM = frozenset({"fine", "due", "open", "paused", "retired"})
"""The states that need nobody."""


def page(content: Mapping[str, Any]) -> str:
    """The report."""
    return _rendered("page.html", {**content, "calm": CALM})


def incident_page(content: Mapping[str, Any]) -> str:
    return _rendered("incident.html", content)


def _rendered(name: str, content: Mapping[str, Any]) -> str:
    """Every text is escaped: owners, reasons and names come from files and people."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(day=_day, minute=_minute, second=_second, days=_days, named=_named)
    text, style = (_beside(each) for each in (name, "style.css"))
    return environment.from_string(text).render(content, style=Markup(style))  # noqa: S704 -- our own


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _days(seconds: int | None) -> str:
    return "unknown" if seconds is None else f"{seconds // DAY_S} d"


def _named(names: Sequence[str]) -> str:
    """A line per permission set would name every secret of a fleet otherwise."""
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
