"""`plan`: what would happen, and when. Changes nothing."""

import gc
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from rotation.cli.app import settings, verb
from rotation.cli.calls import call_lines, called_by
from rotation.cli.failures import DUE, OK
from rotation.cli.options import maybe_name_argument
from rotation.cli.outcome import local
from rotation.cli.output import SCHEMA_VERSION, Cell, as_json, plain, result, table
from rotation.cli.session import Session, open_session
from rotation.cli.status import print_stops, stops_json
from rotation.journal.entries import Identity, stamp
from rotation.operations.approvals import People
from rotation.operations.planning import Calls, Planned, ahead, as_saved, planned, write_plan
from rotation.plan import Gate, Plan, RowInstance, Step, rules_of
from rotation.report.describe import duration, forecast, outage_window, relative
from rotation.schedule.due import Due, DueState
from rotation.types import Specification

SHOWN = 20


@verb(
    "plan",
    "plan",
    "plan billing-iam",
    "plan billing-iam --refresh",
    "plan --out friday.plan.json && rotation run --plan friday.plan.json",
)
@maybe_name_argument
@click.option("--refresh", is_flag=True, help="Ask the store and the issuer as well.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save it for `run`.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 7 where something is due.")
@click.option("--all", "everything", is_flag=True, help="Every secret, not only the next ones.")
def plan(
    name: str | None, *, refresh: bool, out: Path | None, detailed_exitcode: bool, everything: bool
) -> int:
    """Show what would happen; changes nothing.

    Without a name: what is due, why, and when the others are. With one: every step that its
    rotation would take, the permission sets that each needs, the calls that these make, and what
    is destroyed when.
    """
    gc.disable()  # as in `status`
    with open_session(effectful=False) as session:
        now = session.clock.now()
        found = list(planned(session, name, now))
        work = [each for each in found if each.due.kind is DueState.DUE]
        if out is not None:
            write_plan({"schema_version": SCHEMA_VERSION, **as_saved(session, work)}, out)
        if settings().output != "json":
            print_stops(session)
        if name is not None:
            _print_one(session, found[0], now, refresh=refresh)
        else:
            _print_all(session, found, work, now, everything=everything)
        return DUE if detailed_exitcode and work else OK


# ------------------------------------------------------------------------------ what is due


def _print_all(
    session: Session, planned: list[Planned], work: list[Planned], now: datetime, *,
    everything: bool,
) -> None:  # fmt: skip
    if settings().output == "json":
        secrets = [_json(each) for each in planned]
        as_json("plan", {"stops": stops_json(session), "due": len(work), "secrets": secrets})
        return
    later = [each for each in planned if each.due.kind is not DueState.DUE]
    later.sort(key=lambda each: (each.due.at is None, each.due.at or now, each.entry.id))
    shown = [*work, *later] if everything else [*work[:SHOWN], *later[:SHOWN]]
    rows = [
        [
            Cell(plain(each.entry.id), {"bold": each.due.kind is DueState.DUE}),
            Cell(each.due.kind, {"fg": "cyan" if each.due.kind is DueState.DUE else "white"}),
            Cell(_when(each.due, now)),
            Cell(plain(each.due.reason)),
        ]
        for each in shown
    ]
    for line in table(("secret", "", "when", "why"), rows):
        result(line)
    if len(shown) < len(planned):
        result(f"… and {len(planned) - len(shown)} more: --all")
    result()
    does = "; `rotation run` does them" if work else ""
    result(f"{len(work)} of {len(planned)} due{does}; `plan NAME` shows the steps of one")


def _when(due: Due, now: datetime) -> str:
    if due.at is None:
        return "-"
    return "now" if due.at <= now else f"{due.at.astimezone():%Y-%m-%d} ({relative(due.at, now)})"


def _json(each: Planned) -> dict[str, Any]:
    return {
        "secret": each.entry.id,
        "state": each.due.kind,
        "why": each.due.reason,
        "at": stamp(each.due.at),
        "open": each.row.plan if each.row else None,
    }


# ------------------------------------------------------------------------------ one rotation


def _print_one(session: Session, each: Planned, now: datetime, *, refresh: bool) -> None:
    found = ahead(session, each.entry, refresh=refresh)
    spec, plan, rows, calls = found.spec, found.plan, found.rows, found.calls
    if settings().output == "json":
        as_json("plan", {**_json(each), **_one_json(spec, plan, rows, each.row, now, calls),
                         "approvals": found.people.needed, "approvers": list(found.people.may),
                         "differences": [asdict(d) for d in found.differences]})  # fmt: skip
        return
    for line in _stands(each, now):
        result(plain(line))
    result()
    head = ("", "step", "on", "calls under", "if refused")
    for line in table(head, _row_cells(plan, rows), indent="  ", spare=("if refused", "")):
        result(line)
    result()
    for line in call_lines(calls, {under for row in plan.rows for under in row.sets}):
        result(plain(line))
    suspends = any(row.step is Step.SUSPEND for row in rows)
    lines = (
        _destroyed(spec, each.row, now, suspends)
        if plan.rules.overlaps
        else _replaced(spec, each.row, now)
    )
    for line in (*lines, *_proved(spec)):
        result(plain(line))
    for line in _asked(found.people):
        result(plain(line))
    for difference in found.differences:
        result(plain(f"would be Held: {difference.message} [{difference.code}]"))


def _stands(each: Planned, now: datetime) -> Iterator[str]:
    name, kind, reason = each.entry.id, each.due.kind, each.due.reason
    yield f"{name}: {reason if reason.startswith(kind) else f'{kind}, {reason}'}"
    exempt = each.entry.exempt_at(now)
    if exempt is not None:
        yield str(exempt)
    if kind is DueState.NEVER:
        yield f"first: rotation adopt {name}, or rotation create {name} where it is empty"
    if kind is DueState.UNKNOWN:
        yield f"first: rotation adopt {name} --created DATE, the day on which it was made"
    if each.row is not None and each.row.plan is not None:
        adopting = rules_of(each.row.plan).adopts
        opened, below = (
            ("an adoption", "the first rotation") if adopting else ("a rotation", "the one")
        )
        yield f"{opened} is open: `rotation show {name}`; below is {below} after it"


def _row_cells(plan: Plan, rows: tuple[RowInstance, ...]) -> list[list[Cell]]:
    sets = {row.step: row.sets for row in plan.rows}
    return [
        [
            Cell(row.phase, {"dim": True}),
            Cell(row.step, {"bold": row.effect}),
            Cell("" if row.subject == "-" else row.subject.partition(":")[2]),
            Cell(", ".join(sets[row.step])),
            Cell(
                row.on_failure.replace("-", " ")
                + (", inside a window" if Gate.WINDOW in row.gates else "")
            ),
        ]
        for row in rows
    ]


def _destroyed(
    spec: Specification,
    row: Identity | None,
    now: datetime,
    suspends: bool,  # noqa: FBT001
) -> Iterator[str]:
    at = forecast(spec, now)
    handle = row.handle if row is not None and row.handle else "the current credential"
    hand = " by hand," if spec.destroy_by_hand else ""
    if suspends:
        yield f"begun now, {handle} is switched off no earlier than {local(at[Step.SUSPEND])}"
        yield f"and destroyed{hand} no earlier than {local(at[Step.DESTROY])}"
    else:
        yield f"begun now, {handle} is destroyed{hand} no earlier than {local(at[Step.DESTROY])}"
        yield "its issuer cannot switch it off first, so nothing brings it back after that"
    yield (
        f"grace {_span(spec.grace_s)}, quiet {_span(spec.quiet_s)}, soak {_span(spec.soak_s)}; "
        "windows, freezes and slow consumers come on top"
    )


def _replaced(spec: Specification, row: Identity | None, now: datetime) -> Iterator[str]:
    begins, ends = outage_window(spec, now)
    handle = row.handle if row is not None and row.handle else "the current credential"
    yield (
        f"begun now, without overlap: from {local(begins)} until {local(ends)} consumers with the old "
        "value fail"
    )
    yield f"{handle} is dead from then on, and there is no way back; a window only delays it"


def _proved(spec: Specification) -> Iterator[str]:
    if spec.probe is None:
        yield "no probe: nothing logs in, and the death of the old one is asserted, not proved"
    else:
        yield f"probe {spec.probe.type}: a login proves acceptance; permissions are not probed"


def _asked(people: People) -> Iterator[str]:
    for step, count in people.needed.items():
        yield f"before {step} it asks: {count} of {', '.join(people.may)} have to agree"


def _span(seconds: int) -> str:
    return duration(timedelta(seconds=seconds))


def _one_json(
    spec: Specification,
    plan: Plan,
    rows: tuple[RowInstance, ...],
    row: Identity | None,
    now: datetime,
    calls: Calls,
) -> dict[str, Any]:
    at, overlap = forecast(spec, now), plan.rules.overlaps
    suspends = any(each.step is Step.SUSPEND for each in rows)
    sets = {each.step: each.sets for each in plan.rows}
    without_access = None if overlap else [stamp(each) for each in outage_window(spec, now)]
    return {
        "rows": [
            {"step": each.step, "phase": each.phase, "subject": each.subject,
             "sets": list(sets[each.step]), "effect": each.effect, "windowed": Gate.WINDOW in each.gates,
             "on_failure": each.on_failure, "calls": called_by(calls, sets[each.step])}
            for each in rows
        ],
        "destroys": row.handle if row is not None else None,
        "by_hand": spec.destroy_by_hand,
        "suspend_not_before": stamp(at[Step.SUSPEND]) if suspends else None,
        "destroy_not_before": stamp(at[Step.DESTROY]) if overlap else None,
        "plan": plan.name,
        "without_access": without_access,
        "permissions_probed": False,
    }  # fmt: skip
