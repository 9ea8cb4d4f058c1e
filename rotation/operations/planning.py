"""What is due and when, and plans that are saved today and carried out later."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotation.errors import PolicyRefusal, UsageError
from rotation.interfaces import Call
from rotation.journal.entries import Identity
from rotation.operations.approvals import People, people
from rotation.operations.installation import Installation
from rotation.plan import ROUTINE, Plan, RowInstance, plan_for
from rotation.plan.compiled import compile_rows
from rotation.plan.specification import spec_digest
from rotation.runtime.ownership import ordinary
from rotation.schedule.due import Due, due
from rotation.types import PermissionSet, Specification

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret
    from rotation.operations.reconcile import Difference

MAKE_ONE = "`rotation plan --out FILE` makes one"


@dataclass(frozen=True, slots=True)
class Planned:
    entry: "ConfiguredSecret"
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


Calls = Sequence[tuple[str, Call]]
"""Each with the family that it is called in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """The rotation that comes next: its rows, what they call, and what it would be Held for."""

    spec: Specification
    plan: Plan
    rows: tuple[RowInstance, ...]
    calls: Calls
    differences: Sequence["Difference"]
    people: People


def ahead(here: Installation, entry: "ConfiguredSecret", *, refresh: bool) -> Ahead:
    """refresh: the store and the issuer are asked as well."""
    spec = here.configuration.specification(entry)
    traits = here.traits(spec)
    plan = plan_for(ROUTINE, traits)
    return Ahead(
        spec=spec,
        plan=plan,
        rows=compile_rows(plan.rows, spec, traits),
        calls=_calls(here, entry),
        differences=_differences(here, entry) if refresh else (),
        people=people(here, entry, plan, {row.step for row in plan.rows}),
    )


def _calls(here: Installation, entry: "ConfiguredSecret") -> Calls:
    from rotation.permissions import calls  # noqa: PLC0415 -- every provider's policies: for one secret

    order = list(PermissionSet)
    found = dict.fromkeys(calls(here.configuration, entry))
    return sorted(found, key=lambda each: (each[1].on, order.index(each[1].under)))


def _differences(here: Installation, entry: "ConfiguredSecret") -> Sequence["Difference"]:
    from rotation.operations.reconcile import look  # noqa: PLC0415 -- loads the effects

    return look(here, entry.id).differences


def as_saved(here: Installation, work: Sequence[Planned]) -> dict[str, Any]:
    """What is due, and the journal's position: `load_plan` refuses if either has changed."""
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


def load_plan(here: Installation, saved: Path) -> list["ConfiguredSecret"]:
    """The entries of a saved plan. Raises where the journal or a specification has changed
    since."""
    content = _read(saved)
    if content.get("installation") != here.configuration.installation:
        raise UsageError(
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


def write_plan(document: Mapping[str, Any], out: Path) -> None:
    """Overwrites an earlier plan and nothing else: a mistyped name may be the journal's."""
    if os.path.lexists(out) and not _is_plan(_content(out)):
        raise UsageError(
            "plan.in-the-way",
            f"{out} is there and is no saved plan; it was left as it is",
            "save the plan under another name",
        )
    unborn = out.with_name(f".{out.name}.unborn")
    unborn.unlink(missing_ok=True)
    unborn.touch(0o600, exist_ok=False)
    unborn.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    unborn.replace(out)  # replaces a link, not the file that it leads to


def _read(saved: Path) -> dict[str, Any]:
    content = _content(saved)
    if not _is_plan(content):
        raise UsageError("plan.unreadable", f"{saved} is no plan; nothing was done", MAKE_ONE)
    return dict(content)


def _content(saved: Path) -> Any:
    """None where the file is no JSON, or no ordinary file."""
    try:
        with ordinary(saved) as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None


_OF_A_SECRET = {"secret": str, "stream": str, "seq": int, "hash": str, "spec_sha256": str}


def _is_plan(content: Any) -> bool:
    named = isinstance(content, dict) and content.get("kind") == "saved-plan"
    secrets = content.get("secrets") if named else None
    return isinstance(secrets, list) and all(
        isinstance(each, dict)
        and all(type(each.get(name)) is kind for name, kind in _OF_A_SECRET.items())
        for each in secrets
    )
