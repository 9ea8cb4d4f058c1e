"""`rotation.yaml`: strict, checked as a whole, and never holding a secret."""

from typing import Any

from rotation.config.configuration import Configuration, ConfiguredSecret
from rotation.config.findings import ConfigInvalid, Finding, Level
from rotation.config.loading import load
from rotation.types import stream_of

__all__ = [
    "ConfigInvalid", "Configuration", "ConfiguredSecret", "Finding", "Level", "load", "schema", "stream_of",
]  # fmt: skip


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, with the options of every installed plugin."""
    from rotation.config.json_schema import of_document  # noqa: PLC0415 -- for editors only

    return of_document()
