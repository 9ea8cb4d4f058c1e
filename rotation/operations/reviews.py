"""Owners look at what they own, from time to time, and say so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from rotation.errors import UnknownName
from rotation.journal.entries import Draft, Kind
from rotation.journal.installation_facts import Reviewed
from rotation.operations.installation import Installation


class State(StrEnum):
    NEVER = "never"  # nobody asked for one
    OPEN = "open"
    OVERDUE = "overdue"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The latest one of an owner. signed: when the latest one was, which may be the one before."""

    owner: str
    state: State = State.NEVER
    begun: datetime | None = None
    due: datetime | None = None
    signed: datetime | None = None
    by: str | None = None
    note: str | None = None


def reviews(here: Installation, now: datetime) -> list[Review]:
    """Of each owner of a secret that is not retired, by name."""
    streams: dict[str, list[str]] = {}
    for secret in here.configuration.secrets():
        if secret.state != "retired":
            streams.setdefault(secret.owner, []).append(secret.stream)
    found = {owner: Review(owner=owner) for owner in sorted(streams)}
    for entry in here.records.installation_entries(Kind.REVIEW):
        said = Reviewed.of(entry.facts)
        if said.owner not in found:
            continue
        before = found[said.owner]
        if said.due is not None:
            found[said.owner] = replace(before, state=State.OPEN, begun=entry.at, due=said.due)
        else:
            found[said.owner] = replace(
                before, state=State.SIGNED, signed=entry.at, by=entry.who, note=said.note
            )
    return [_at(here, each, streams[each.owner], now) for each in found.values()]


def _at(here: Installation, review: Review, streams: Sequence[str], now: datetime) -> Review:
    """By the period of the configuration the next one begins by itself."""
    period = here.configuration.reviews
    since = None if period is None else review.signed or _known_since(here, streams)
    if period is not None and review.state is not State.OPEN and since is not None:
        begins = since + timedelta(seconds=period.every_s - period.within_s)
        if begins <= now:
            due = begins + timedelta(seconds=period.within_s)
            review = replace(review, state=State.OPEN, begun=begins, due=due)
    late = review.state is State.OPEN and review.due is not None and review.due < now
    return replace(review, state=State.OVERDUE) if late else review


def _known_since(here: Installation, streams: Sequence[str]) -> datetime | None:
    """When the journal first heard of the first of them that it knows."""
    firsts = (entry.at for stream in streams for entry in here.records.history(stream))
    return next(firsts, None)


def overdue(here: Installation, now: datetime) -> Iterator[Review]:
    return (each for each in reviews(here, now) if each.state is State.OVERDUE)


def start(here: Installation, owners: Sequence[str], due: datetime) -> list[str]:
    """Asks these owners for a review, or all of them. One that is open already is due then instead.
    Returns the owners."""
    now = here.clock.now()
    known = [each.owner for each in reviews(here, now)]
    for owner in owners:
        _refuse_unknown(owner, known)
    for owner in owners or known:
        _record(here, Reviewed(owner=owner, due=due), now)
    return list(owners or known)


def sign(here: Installation, owner: str, note: str | None) -> list[str]:
    """Says that what this owner owns was looked at; the next one is due a period later. Returns what
    was looked at: the secrets as they are configured now."""
    now = here.clock.now()
    _refuse_unknown(owner, [each.owner for each in reviews(here, now)])
    secrets = sorted(
        entry.id
        for entry in here.configuration.secrets()
        if entry.owner == owner and entry.state != "retired"
    )
    _record(here, Reviewed(owner=owner, secrets=secrets, note=note), now)
    return secrets


def _record(here: Installation, said: Reviewed, now: datetime) -> None:
    draft = Draft(kind=Kind.REVIEW, who=here.who, facts=said.facts)
    here.journal.record(draft, here.runner.id, now)


def _refuse_unknown(owner: str, known: Sequence[str]) -> None:
    if owner not in known:
        raise UnknownName(
            "report.owner",
            f"{owner} owns no secret of this configuration; nothing was written",
            f"one of {', '.join(known) or 'none'}",
        )
