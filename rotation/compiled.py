"""The compiled rows of a rotation as OPENED keeps them: to JSON, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from rotation.entries import Entry
from rotation.plan import (
    ACCEPT,
    OnFailure,
    Phase,
    Plan,
    RowInstance,
    Step,
    compile_rollback,
    compile_rows,
    plan_for,
)
from rotation.specification import spec_digest, spec_to_json
from rotation.types import Facts, Json, Specification, Traits


def opened_facts(plan: Plan, spec: Specification, traits: Traits) -> Facts:
    """What a rotation finishes on, whatever the configuration says later."""
    plan = plan_for(plan, traits)
    rows = compile_rows(plan.rows, spec, traits)
    undo = compile_rollback(plan, spec, traits, start=len(rows))
    accept = compile_rows(ACCEPT, spec, traits, start=len(rows) + len(undo))
    return {
        "plan": plan.name,
        "plan_version": plan.version,
        "secret": spec.secret,
        "spec_identity": spec.identity,
        "spec": spec_to_json(spec),
        "spec_sha256": spec_digest(spec),
        "rows": [row_to_json(row) for row in rows],
        "undo": [row_to_json(row) for row in undo],
        "accept": [row_to_json(row) for row in accept],
    }


def row_to_json(row: RowInstance) -> Json:
    """A row as OPENED keeps it, in the order of its fields."""
    return [
        row.position, row.phase, row.step, row.subject, row.on_failure, list(row.after),
        row.effect, row.looks, row.windowed, row.successes, row.of,
    ]  # fmt: skip


def _row(values: Sequence[Any]) -> RowInstance:
    position, phase, step, subject, on_failure, after, effect, looks, windowed, wins, of = values
    return RowInstance(
        position, Phase(phase), Step(step), subject, OnFailure(on_failure), tuple(after),
        effect, looks, windowed, wins, None if of is None else Step(of),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """The rows of one rotation. unknown: some were left out, for this version does not know them."""

    rows: tuple[RowInstance, ...]
    undo: tuple[RowInstance, ...]
    accept: tuple[RowInstance, ...]
    unknown: bool


_compiled: dict[str, Compiled] = {}
_COMPILED_MAX = 4096


def rows_of(opened: Entry) -> Compiled:
    """Parsed once for each OPENED: a rotation is folded at every step."""
    found = _compiled.get(opened.hash)
    if found is not None:
        return found
    rows, undo, accept = (_known_rows(opened.facts[name]) for name in ("rows", "undo", "accept"))
    unknown = None in (*rows, *undo, *accept)
    if len(_compiled) >= _COMPILED_MAX:
        _compiled.clear()
    compiled = Compiled(_without_none(rows), _without_none(undo), _without_none(accept), unknown)
    return _compiled.setdefault(opened.hash, compiled)


def _known_rows(rows: Json) -> list[RowInstance | None]:
    """None for a row that this version of the program does not know."""
    return [_row_or_none(row) for row in cast("list[Any]", rows)]


def _row_or_none(values: Sequence[Any]) -> RowInstance | None:
    try:
        return _row(values)
    except ValueError:
        return None


def _without_none(rows: Sequence[RowInstance | None]) -> tuple[RowInstance, ...]:
    return tuple(row for row in rows if row is not None)
