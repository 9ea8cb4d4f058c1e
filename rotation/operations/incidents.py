"""Incidents: every emergency is one. Its steps are filled in by the journal, and a person says when it
is over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from rotation.errors import PolicyRefusal, UnknownName
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.facts import Opened, Saved
from rotation.journal.installation_facts import Incident as Said
from rotation.machine.replay import Outcome, Rotation, replay
from rotation.operations.approvals import words_about
from rotation.operations.installation import Installation
from rotation.plan import Step, rules_of
from rotation.report.describe import death, destroyed, what_works
from rotation.report.timeline import Moment, timeline
from rotation.types import Death, Facts

EVER = datetime(1970, 1, 1, tzinfo=UTC)


class State(StrEnum):
    OPEN = "open"  # its emergency is not over
    TO_CLOSE = "to close"  # it is over, and nobody has said that the incident is
    CLOSED = "closed"
    CANCELLED = "cancelled"  # it was a mistake, and what was off is on again
    SUPERSEDED = "superseded"  # another emergency of the same secret goes on with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of the guide. done: None where it is a person's to say."""

    step: str
    done: bool | None
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An emergency and what was said of it. unproven: what may still be alive."""

    id: str
    secret: str
    owner: str | None
    state: State
    reason: str | None
    by: str | None
    opened_at: datetime
    ended_at: datetime | None
    scope: tuple[str, ...]
    checks: tuple[Check, ...]
    unproven: tuple[str, ...]
    works: str
    evidence: Facts
    timeline: tuple[Moment, ...]
    stream: str
    rotation: int


def incidents(here: Installation, since: datetime = EVER) -> list[Incident]:
    """Those that were opened from then on, the latest first."""
    said = _said(here)
    found = {
        (entry.stream, entry.rotation)
        for entry in here.records.by_people(since)
        if entry.kind is Kind.OPENED and rules_of(Opened.of(entry.facts).plan).contains
    }
    made = [_made(here, stream, number, said) for stream, number in found]
    return sorted(made, key=lambda incident: incident.opened_at, reverse=True)


def the_incident(here: Installation, id_: str) -> Incident:
    """By its id, or the latest of a secret by its name. Raises UnknownName."""
    found = incidents(here)
    wanted = [each for each in found if id_ in (each.id, each.secret)]
    if not wanted:
        raise UnknownName(
            "incident.unknown", f"there is no incident {id_}", "`rotation incident` lists them"
        )
    return wanted[0]


def note(here: Installation, id_: str, text: str | None) -> Incident:
    incident = the_incident(here, id_)
    _record(here, incident, Said(note=text))
    return the_incident(here, incident.id)


def close(here: Installation, id_: str, text: str | None, seen_dead: str | None = None) -> Incident:
    """Says that it is over. Raises PolicyRefusal while its emergency is open, or where something of
    its scope is not proven dead and nobody says how it was seen."""
    incident = the_incident(here, id_)
    if incident.state is State.OPEN:
        raise PolicyRefusal(
            "incident.open",
            f"the emergency of {incident.secret} is not over; nothing was written",
            f"`rotation status {incident.secret}` shows what it waits for",
        )
    if incident.unproven and seen_dead is None:
        raise PolicyRefusal(
            "incident.unproven",
            f"not proven dead: {'; '.join(incident.unproven)}; nothing was written",
            f'look at the service itself, then `rotation incident close {incident.id} --seen-dead "HOW"`',
        )
    _record(here, incident, Said(note=text, closed=True, seen_dead=seen_dead))
    return the_incident(here, incident.id)


def _record(here: Installation, incident: Incident, said: Said) -> None:
    of = Said(stream=incident.stream, rotation=incident.rotation)
    draft = Draft(kind=Kind.INCIDENT, who=here.who, facts=(of | said).facts)
    here.journal.record(draft, here.runner.id, here.clock.now())


def _said(here: Installation) -> dict[tuple[str, int], list[Entry]]:
    found: dict[tuple[str, int], list[Entry]] = {}
    for entry in here.records.installation_entries(Kind.INCIDENT):
        of = Said.of(entry.facts)
        found.setdefault((of.stream or "", of.rotation or 0), []).append(entry)
    return found


def _made(
    here: Installation, stream: str, number: int, said: dict[tuple[str, int], list[Entry]]
) -> Incident:
    entries = [entry for entry in here.records.history(stream) if entry.rotation == number]
    rotation, words = replay(tuple(entries)), said.get((stream, number), [])
    opened = Opened.of(rotation.opened.facts)
    entry = here.configuration.secret(opened.secret)
    closed = next((e for e in reversed(words) if Said.of(e.facts).closed), None)
    unproven = () if closed is not None else tuple(_unproven(rotation))
    agreed = (Moment(each.at, each.who, str(each)) for each in words_about(here, rotation))
    moments = [*timeline(entries), *_words(words), *agreed]
    return Incident(
        id=f"{opened.secret}@{number}",
        secret=opened.secret,
        owner=None if entry is None else entry.owner,
        state=_state(rotation, closed),
        reason=opened.reason,
        by=rotation.opened.who,
        opened_at=rotation.opened.at,
        ended_at=rotation.last.at if rotation.outcome else None,
        scope=tuple(rotation.scope),
        checks=tuple(_checks(rotation, words, closed)),
        unproven=unproven,
        works=what_works(rotation),
        evidence=Saved.only(rotation.state(Step.EVIDENCE).facts).facts,
        timeline=tuple(sorted(moments, key=lambda moment: moment.at)),
        stream=stream,
        rotation=number,
    )


def _state(rotation: Rotation, closed: Entry | None) -> State:
    if closed is not None:
        return State.CLOSED
    if rotation.outcome is None:
        return State.OPEN
    return _ENDED.get(rotation.outcome, State.TO_CLOSE)


_ENDED: dict[str, State] = {
    Outcome.ROLLED_BACK: State.CANCELLED,
    Outcome.SUPERSEDED: State.SUPERSEDED,
}


def _unproven(rotation: Rotation) -> Iterator[str]:
    """What may still be alive of an emergency that ended. One that was cancelled or superseded says
    nothing of its scope."""
    if rotation.outcome in (None, Outcome.ROLLED_BACK, Outcome.SUPERSEDED):
        return
    grade = death(rotation)
    for handle in rotation.scope:
        if grade is None:
            yield f"{handle}: nothing shows its end"
        elif grade == Death.SENT:
            yield f"{handle}: its end was sent, and nobody saw it"
        elif rotation.done(Step.DESTROY) and handle not in destroyed(rotation):
            yield f"{handle}: switched off, and not destroyed"


def _words(words: Sequence[Entry]) -> Iterator[Moment]:
    for entry in words:
        said = Said.of(entry.facts)
        if said.closed:
            seen = f"; seen dead: {said.seen_dead}" if said.seen_dead else ""
            yield Moment(entry.at, entry.who, f"incident closed: {said.note}{seen}")
        else:
            yield Moment(entry.at, entry.who, f"note: {said.note}")


# ------------------------------------------------------------------------------- the guide's steps


def _checks(rotation: Rotation, words: Sequence[Entry], closed: Entry | None) -> Iterator[Check]:
    off, issue, grade = rotation.state(Step.CONTAIN), rotation.state(Step.ISSUE), death(rotation)
    replaced = not any(row.step is Step.CONTAIN for row in rotation.rows)
    revoked = rotation.state(Step.VERIFY_LIVE).done if replaced else off.done
    at = off.done_at or rotation.state(Step.PROMOTE).done_at
    when = f"{at:%Y-%m-%d %H:%M:%S}Z" if revoked and at else "not yet"
    yield Check(step="Immediately revoke", done=revoked, found=when + _proof(grade))
    needs_new = any(row.step is Step.ISSUE for row in rotation.rows)
    if needs_new:
        made = rotation.done(Step.PROMOTE)
        yield Check(
            step="Create a new key with the same scopes", done=made,
            found=f"{rotation.new}, of the same identity" if issue.done else "not yet",
        )  # fmt: skip
        yield _updated(rotation)
    else:
        none = "not needed: it is not what readers get"
        yield Check(step="Create a new key with the same scopes", done=True, found=none)
        yield Check(step="Update applications", done=True, found=none)
    evidence = rotation.state(Step.EVIDENCE)
    saved = "saved: listing, last use, labels" if evidence.done else "nothing was saved"
    noted = [Said.of(e.facts).note for e in words if not Said.of(e.facts).closed]
    investigated = f"{saved}; {len(noted)} notes" if noted else f"{saved}; no note yet"
    yield Check(
        step="Investigate how it was compromised", done=bool(noted) or None, found=investigated
    )
    yield Check(
        step="Document incident and remediation", done=closed is not None,
        found=f"closed by {closed.who}" if closed else "not closed",
    )  # fmt: skip


def _proof(grade: str | None) -> str:
    return f"; dead: {grade}" if grade else ""


def _updated(rotation: Rotation) -> Check:
    rows = [row for row in rotation.rows if row.step in (Step.DELIVER, Step.CONFIRM)]
    left = [
        row.subject.removeprefix("consumer:")
        for row in rows
        if not rotation.states[row.position].done
    ]
    found = f"waits for {', '.join(dict.fromkeys(left))}" if left else "every consumer has it"
    return Check(
        step="Update applications", done=not left and rotation.done(Step.PROMOTE), found=found
    )
