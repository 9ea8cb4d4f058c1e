"""What a person has to end by hand, whatever cannot be read: journal or configuration."""

import re
from pathlib import Path

from rotation.errors import JournalError, RotationError
from rotation.machine.replay import replay
from rotation.operations.installation import Installation
from rotation.operations.survey import Past
from rotation.operations.target import past_of, row_of
from rotation.plan.specification import spec_from_json
from rotation.types import Specification

_JOURNAL = re.compile(r"^journal:[ \t]*[\"']?([^\"'#\n]+)", re.MULTILINE)
_INSTALLATION = re.compile(r"^installation:[ \t]*[\"']?([0-9a-f]{12})\b", re.MULTILINE)


def known(
    here: Installation, name: str | None, key_id: str | None
) -> tuple[Specification | None, list[str]]:
    """Whose it is and its instances, as much as the configuration, or the journal alone, still knows."""
    try:
        past, spec = past_of(here)[0], here.live_specification(name) if name else None
    except RotationError:
        past, spec = _salvaged(here.configuration_path), None
    try:
        row = None if past is None else row_of(past, name, key_id)
        rotation = None if past is None or row is None else replay(past.entries(row.stream))
        if rotation is not None:
            spec = spec or spec_from_json(rotation.spec)
    except JournalError:
        rotation = None
    if rotation is None:
        return spec, []
    live = (rotation.result or rotation.baseline).live
    found = {*live, rotation.old, rotation.new} - {None}
    return spec, sorted(str(handle) for handle in found)


def _salvaged(configuration: Path) -> Past | None:
    """The journal of a broken configuration: two lines of the file are enough."""
    try:
        text = configuration.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    journal, installation = _JOURNAL.search(text), _INSTALLATION.search(text)
    if journal is None or installation is None:
        return None
    from rotation.journal.sql import journal_for_looks  # noqa: PLC0415

    try:
        return journal_for_looks(configuration.parent / journal[1].strip(), installation[1])
    except JournalError:
        return None
