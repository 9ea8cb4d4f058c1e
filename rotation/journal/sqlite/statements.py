"""The SQL of this database: its queries by name, and how its tables are made."""

import re
from collections.abc import Sequence
from pathlib import Path

from rotation.journal.rows import DERIVED_NAMES, ENTRY_NAMES, IDENTITY_NAMES


def _text(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def named(text: str) -> dict[str, str]:
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _listed(names: Sequence[str], mark: str = "") -> str:
    return ", ".join(f"{mark}{name}" for name in names)


QUERIES = named(
    _text("queries.sql").format(
        entry=_listed(ENTRY_NAMES),
        entry_values=_listed(ENTRY_NAMES, ":"),
        identity=_listed(IDENTITY_NAMES),
        identity_values=_listed(IDENTITY_NAMES, ":"),
        derived=_listed(DERIVED_NAMES),
    )
)


def schema() -> list[str]:
    return _each(_text("schema.sql"))


def upgrades() -> dict[int, list[str]]:
    """The statements that lead from each older schema to the next one."""
    return {int(older): _each(text) for older, text in named(_text("upgrades.sql")).items()}


def _each(text: str) -> list[str]:
    """One by one, because the driver ends the transaction before it runs several at once."""
    return [statement for statement in text.split(";") if statement.strip()]
