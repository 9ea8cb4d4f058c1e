"""What is due and when, and a plan that is saved today and carried out another day."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotation.due import Due, due
from rotation.entries import Identity
from rotation.errors import PolicyRefusal, Usage
from rotation.operations.installation import Installation
from rotation.specification import spec_digest

if TYPE_CHECKING:
    from rotation.config import Entry

MAKE_ONE = "`rotation plan --out FILE` makes one"


@dataclass(frozen=True, slots=True)
class Planned:
    entry: "Entry"
    row: Identity | None
    due: Due


def planned(here: Installation, name: str | None, now: datetime) -> Iterator[Planned]:
    if name is not None:
        entry = here.entry(name)
        row = here.records.identity(entry.stream)
        yield Planned(entry, row, due(entry, row, now, here.configuration.freezes))
        return
    rows = {row.stream: row for row in here.records.identities()}
    for entry in here.configuration.secrets():
        row = rows.get(entry.stream)
        yield Planned(entry, row, due(entry, row, now, here.configuration.freezes))


def as_saved(here: Installation, work: Sequence[Planned]) -> dict[str, Any]:
    """What is due, and where the journal stood: `load_plan` refuses if either moved."""
    return {
        "kind": "saved-plan",
        "installation": here.configuration.installation,
        "secrets": [
            {
                "secret": each.entry.id,
                "stream": each.entry.stream,
                "seq": each.row.seq if each.row else 0,
                "hash": each.row.hash if each.row else "",
                "spec_sha256": spec_digest(here.configuration.specification(each.entry)),
            }
            for each in work
        ],
    }


def load_plan(here: Installation, saved: Path) -> list["Entry"]:
    """The entries of a saved plan. Refused where the journal or a specification moved since."""
    content = _read(saved)
    if content.get("installation") != here.configuration.installation:
        raise Usage(
            "plan.unreadable",
            f"{saved} is no plan of this installation; nothing was done",
            MAKE_ONE,
        )
    entries = []
    for each in content["secrets"]:
        entry = here.entry(each["secret"])
        row = here.records.identity(entry.stream)
        stands = (row.seq, row.hash) if row is not None else (0, "")
        spec = here.configuration.specification(entry)
        if stands != (each["seq"], each["hash"]) or spec_digest(spec) != each["spec_sha256"]:
            raise PolicyRefusal(
                "plan.moved",
                f"{entry.id} is no longer as the plan saw it; nothing was done",
                f"make the plan again: `rotation plan --out {saved}`",
            )
        entries.append(entry)
    return entries


def _read(saved: Path) -> dict[str, Any]:
    try:
        content = json.loads(saved.read_text())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("kind") != "saved-plan":
        raise Usage("plan.unreadable", f"{saved} is no plan; nothing was done", MAKE_ONE)
    return content
