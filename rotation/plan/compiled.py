"""The rows of one identity, compiled from a plan and as OPENED stores them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from rotation.errors import JournalError
from rotation.journal.decided import Decided, Deciding
from rotation.journal.entries import NONSENSE, Entry
from rotation.journal.facts import Opened
from rotation.journal.keyed import keyed, record
from rotation.plan import (
    ACCEPT,
    PLANS,
    Gate,
    Needs,
    OnFailure,
    Per,
    Phase,
    Plan,
    Row,
    RowInstance,
    Step,
    plan_for,
)
from rotation.plan.specification import spec_digest, spec_from_json, spec_to_json
from rotation.plan.waves import Wave, in_waves
from rotation.types import Facts, Json, Specification, Traits

PlanGates: TypeAlias = Mapping[str, tuple[Gate, ...]]


def compile_rows(
    rows: Iterable[Row],
    spec: Specification,
    traits: Traits,
    start: int = 0,
    *,
    waves: bool = False,
) -> tuple[RowInstance, ...]:
    """The rows of this identity, numbered from `start`. waves: consumers may wait for each other,
    because what they have works meanwhile."""
    compiled: list[RowInstance] = []
    groups: dict[Step, tuple[int, ...]] = {}
    before: tuple[int, ...] = ()
    for row, wave in in_waves(rows, spec) if waves else ((row, None) for row in rows):
        after = before if row.after is None else _positions(row.after, groups)
        instances = [
            _instance(row, start + len(compiled) + n, subject, after)
            for n, subject in enumerate(_subjects(row, spec, traits, wave))
        ]
        compiled += instances
        groups[row.step] = tuple(instance.position for instance in instances) or after
        before = groups[row.step]
    return tuple(compiled)


def compile_rollback(
    plan: Plan, spec: Specification, traits: Traits, start: int
) -> tuple[RowInstance, ...]:
    """The rows of the rollback, in order, each with the step that it undoes."""
    compiled: list[RowInstance] = []
    for undo in plan.rollback:
        for subject in _subjects(undo.row, spec, traits):
            compiled.append(
                replace(_instance(undo.row, start + len(compiled), subject, ()), of=undo.of)
            )
    return tuple(compiled)


def _positions(steps: Sequence[Step], groups: dict[Step, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({position for step in steps for position in groups[step]}))


def _instance(row: Row, position: int, subject: str, after: tuple[int, ...]) -> RowInstance:
    return RowInstance(
        position=position,
        phase=row.phase,
        step=row.step,
        subject=subject,
        on_failure=row.on_failure,
        after=after,
        effect=row.effect,
        looks=row.looks,
        gates=row.gates,
        successes=row.successes,
    )


def _subjects(
    row: Row, spec: Specification, traits: Traits, wave: Wave | None = None
) -> tuple[str, ...]:
    has = {
        Needs.PROBE: spec.probe is not None,
        Needs.CHOSEN: traits.origin == "chosen",
        Needs.OVERLAP: traits.overlap,
        Needs.SUSPEND: traits.can_suspend,
        Needs.LIMIT: traits.live_max is not None,
    }
    if not all(has[need] for need in row.needs):
        return ()
    if row.per is Per.REGION:
        return ("-", *(f"region:{name}" for name in spec.regions))
    if row.per is Per.SECRET:
        return ("-",)
    readers = [c for c in spec.consumers if c.role == "reader" and not c.gone]
    readers = [c for c in readers if wave is None or wave.has(c)]
    pushed_only = row.per is Per.PUSHED_CONSUMER
    return tuple(f"consumer:{c.id}" for c in readers if c.pushed or not pushed_only)


def opening(plan: Plan, spec: Specification, traits: Traits) -> Opened:
    """What OPENED stores. The rotation finishes on it, whatever the configuration says later."""
    plan = plan_for(plan, traits)
    rows = compile_rows(plan.rows, spec, traits, waves=plan.rules.overlaps)
    undo = compile_rollback(plan, spec, traits, start=len(rows))
    accept = compile_rows(ACCEPT, spec, traits, start=len(rows) + len(undo))
    first = Decided(phase=str(rows[0].phase), row=rows[0].name)
    said = Opened(
        plan=plan.name,
        plan_version=plan.version,
        secret=spec.secret,
        spec_identity=spec.identity,
        spec=spec_to_json(spec),
        spec_sha256=spec_digest(spec),
        rows=[row_to_json(row) for row in rows],
        undo=[row_to_json(row) for row in undo],
        accept=[row_to_json(row) for row in accept],
    )
    return said | Deciding(next=first.facts)


def row_to_json(row: RowInstance) -> Json:
    """A row as OPENED stores it. Of its gates only the window is stored."""
    kept = keyed(row)
    if Gate.WINDOW in kept.pop("gates", ()):
        kept["windowed"] = True
    return {**kept, "after": list(row.after)} if row.after else kept


def _row(content: Mapping[str, Any], gates: PlanGates) -> RowInstance:
    """Raises an error of NONSENSE for a row that this version does not know."""
    of = content.get("of")
    window = (Gate.WINDOW,) if content.get("windowed") else ()
    return record(
        RowInstance,
        {
            **content,
            "phase": Phase(content["phase"]),
            "step": Step(content["step"]),
            "on_failure": OnFailure(content["on_failure"]),
            "gates": (*window, *gates.get(content["step"], ())),
            "after": tuple(content.get("after", ())),
            "of": None if of is None else Step(of),
        },
    )


@dataclass(frozen=True, slots=True)
class Compiled:
    """The rows of one rotation."""

    rows: tuple[RowInstance, ...]
    undo: tuple[RowInstance, ...]
    accept: tuple[RowInstance, ...]
    # Rows were left out because this version does not know them, or it does not know the plan or
    # cannot read the specification.
    unknown: bool


_compiled: dict[str, Compiled] = {}
_COMPILED_MAX = 4096


def rows_of(opened: Entry) -> Compiled:
    """Parsed once for each OPENED, because a rotation is folded at every step."""
    found = _compiled.get(opened.hash)
    if found is not None:
        return found
    said = Opened.of(opened.facts)
    plan = PLANS.get(said.plan)
    gates = _gates(plan) if plan is not None else {}
    rows, undo, accept = (_known_rows(kept, gates) for kept in (said.rows, said.undo, said.accept))
    known = plan is not None and _says_all(said) and _is_read(said.spec)
    unknown = not known or None in (*rows, *undo, *accept)
    if len(_compiled) >= _COMPILED_MAX:
        _compiled.clear()
    compiled = Compiled(_without_none(rows), _without_none(undo), _without_none(accept), unknown)
    return _compiled.setdefault(opened.hash, compiled)


def _gates(plan: Plan) -> PlanGates:
    """Gates that are not stored. They follow the plan's present definition, as its rules do."""
    return {
        row.step: tuple(gate for gate in row.gates if gate is not Gate.WINDOW) for row in plan.rows
    }


# A rotation whose OPENED lacks one of them is not understood; of the others each has a default.
_NEEDED = (
    Opened.plan, Opened.secret, Opened.spec_identity, Opened.baseline,
    Opened.rows, Opened.undo, Opened.accept,
)  # fmt: skip


def _says_all(said: Opened) -> bool:
    return all(said.facts.get(fact.name) is not None for fact in _NEEDED)


def _known_rows(rows: Json, gates: PlanGates) -> list[RowInstance | None]:
    """None for a row that this version of the program does not know."""
    return [_row_or_none(row, gates) for row in rows] if isinstance(rows, list) else [None]


# The order of a row's values before schema 3, which stored no names.
_BEFORE_3 = (
    "position", "phase", "step", "subject", "on_failure", "after", "effect", "looks", "windowed",
    "successes", "of",
)  # fmt: skip


def _row_or_none(kept: Any, gates: PlanGates) -> RowInstance | None:
    try:
        named = dict(zip(_BEFORE_3, kept, strict=True)) if isinstance(kept, list) else kept
        return _row(named, gates)
    except NONSENSE:
        return None


def _is_read(spec: Facts) -> bool:
    try:
        spec_from_json(spec)
    except JournalError:
        return False
    return True


def _without_none(rows: Sequence[RowInstance | None]) -> tuple[RowInstance, ...]:
    return tuple(row for row in rows if row is not None)
