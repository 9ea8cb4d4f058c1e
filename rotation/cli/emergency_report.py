"""The lines that an emergency prints. Every one has to be true and clear at 3 a.m."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rotation.cli.output import plain
from rotation.journal.facts import Contained
from rotation.machine.replay import Rotation, replaced_by
from rotation.operations.survey import ExposedCredential, ExposureReport
from rotation.operations.under_way import UnderWay, is_open_since, shown_by
from rotation.plan import Step
from rotation.report.describe import duration, relative, what_works
from rotation.report.health import present_state
from rotation.types import KeyState, Specification, Traits


def scope_lines(
    name: str,
    spec: Specification,
    found: ExposureReport,
    scope: Sequence[str],
    now: datetime,
    *,
    traits: Traits,
) -> list[str]:
    """What the operator must know before agreeing."""
    lines = [f"EMERGENCY {name}: {spec.identity}", "  will be switched off:"]
    lines += [f"    {_suspect(s, now, found)}" for s in found.suspects if s.id in scope]
    left = [s for s in found.suspects if s.id not in scope]
    if left:
        lines += ["  listed, and left alone:", *(f"    {_suspect(s, now, found)}" for s in left)]
    if any(s.current and s.id in scope for s in found.suspects) or not found.known:
        lines += ["  who will notice, from that moment until the successor reaches them:"]
        lines += [f"    {c.id}: {_outage(c.refresh_s, pushed=c.pushed)}"
                  for c in spec.consumers if c.role == "reader" and not c.gone]  # fmt: skip
        expected = duration(timedelta(seconds=found.outage_s))
        lines.append(f"  expected outage: about {expected}, the making and proving of it included")
        lines += _cheaper(name, found, scope)
    if not found.known:
        meant = "" if left else ", all are meant"
        lines.append(f"  the journal cannot be read: whose they are is not known{meant}")
    if not found.store_reached:
        lines.append("  the store cannot be asked: what is current is the journal's word")
    if traits.ends:
        lines.append(f"  what it ends as well: {traits.ends}")
    lines.append(f"  what it may not end: {traits.survives}")
    return [plain(line) for line in lines]


_MAY_WORK = (KeyState.ACTIVE, KeyState.UNKNOWN)


def _cheaper(name: str, found: ExposureReport, scope: Sequence[str]) -> list[str]:
    """A cheaper choice where the scope has more than the current instance: perhaps only the others
    leaked. None where readers would be left with an instance that is off, or that an open emergency
    is about to switch off."""
    current = next((s.id for s in found.suspects if s.current and s.state in _MAY_WORK), None)
    if current is None or current in found.declared:
        return []
    cost = "it costs nobody anything" if found.moved else "it costs only who still holds it"
    return [
        f"  if {s.id} alone leaked: `rotation emergency {name} --key-id {s.id}`: readers get "
        f"{current}, and {cost}"
        for s in found.suspects
        if s.id in scope and s.ours and not s.current
    ]


def _suspect(suspect: ExposedCredential, now: datetime, found: ExposureReport) -> str:
    made = f"made {relative(suspect.created, now)}" if suspect.created else "age unknown"
    used = f"last used {relative(suspect.last_used, now)}" if suspect.last_used else "no known use"
    where = f" at {suspect.service}" if suspect.service else ""
    whose = ("current" if suspect.current else "ours") if suspect.ours else "NOT OURS"
    whose = whose if found.known else "whose is not known"
    return f"{suspect.id}  {whose}, {suspect.state}, {made}, {used}{where}"


def _outage(refresh_s: int, *, pushed: bool) -> str:
    if pushed:
        return "given the successor as soon as it is proven"
    return f"reads the store again within {duration(timedelta(seconds=refresh_s))}"


def other_lines(name: str, other: UnderWay) -> list[str]:
    """The lines about an emergency that somebody declared already."""
    rotation = other.rotation
    if other.stuck:
        return [plain(f"{rotation.last.runner} is alive and does not move: another one takes over")]
    goes_on = "nobody alive works on it, so this process goes on with it"
    return [
        plain(f"{is_open_since(rotation, name)}; {goes_on}"),
        plain(f"  {shown_by(rotation, name)}"),
    ]


def contained_lines(rotation: Rotation, found: ExposureReport) -> list[str]:
    """One line for each fact."""
    replacing = replaced_by(rotation)
    state = rotation.state(replacing or Step.CONTAIN)
    if not state.done or state.done_at is None:
        met = present_state(rotation)
        shown = met.message or met.why or "stopped before it was done"
        return [plain(f"NOT CONTAINED: {shown}; {what_works(rotation)}")]
    at = f"{state.done_at:%H:%M:%S}Z"
    if replacing is not None:
        shown = f"{at}  {rotation.old} is replaced at the issuer; the proof that it is dead follows"
        return [plain(shown)]
    contained = state.record(Contained)
    unmarked = f"{at}  the store could not be marked yet: only runners on this journal know"
    return [
        *(
            plain(f"{at}  the issuer accepted the switch-off of {handle}; the proof follows")
            for handle in contained.contained
        ),
        *([unmarked] if contained.has(Contained.marked) and not contained.marked else []),
        *(
            plain(f"{at}  {suspect.id} is not in scope and was left {suspect.state}")
            for suspect in found.suspects
            if suspect.id not in contained.contained
        ),
    ]
