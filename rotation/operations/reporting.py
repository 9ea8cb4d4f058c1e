"""The report for reviewers and auditors: from configuration and journal, and where asked, the
services."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotation.approvals.rules import ASKED
from rotation.errors import UnknownName
from rotation.journal.approving import Approval, Request
from rotation.journal.entries import INSTALLATION, Entry, Kind
from rotation.journal.facts import Opened, Requested
from rotation.operations.access import Access, as_found, granted
from rotation.operations.controls import CONTROLS, Evidence, Seen, evidence
from rotation.operations.findings import Finding
from rotation.operations.fleet import spilled
from rotation.operations.installation import Installation
from rotation.operations.inventory import Allowance, Line, exceptions, lines
from rotation.operations.reviews import Review, reviews
from rotation.types import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that a person did."""

    at: datetime
    who: str
    what: str
    secret: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """since: the begin of the period that deeds and use are about. found: None where no service was
    asked."""

    installation: str
    at: datetime
    since: datetime
    lines: tuple[Line, ...]
    access: tuple[Access, ...]
    found: tuple[Finding, ...] | None
    deeds: tuple[Deed, ...]
    exceptions: tuple[Allowance, ...]
    reviews: tuple[Review, ...]
    evidence: tuple[Evidence, ...]

    @property
    def overdue(self) -> list[Line]:
        return [line for line in self.lines if line.is_too_old or self._is_due(line)]

    def _is_due(self, line: Line) -> bool:
        return line.due is not None and line.due < self.at and line.open_plan is None


def report(here: Installation, days: int, *, owner: str | None = None, ask: bool = False) -> Report:
    """owner: of that owner's secrets alone. Raises UnknownName where nobody of that name owns one."""
    now = here.clock.now()
    since = now - timedelta(days=days)
    found = [line for line in lines(here, now, list(spilled(here))) if owner in (None, line.owner)]
    if owner is not None and not found:
        raise UnknownName(
            "report.owner",
            f"{owner} owns no secret of this configuration",
            "`rotation review` lists owners",
        )
    names = {line.secret for line in found}
    access = [
        each for each in granted(here, found, since) if owner is None or names & set(each.secrets)
    ]
    return Report(
        installation=here.configuration.installation,
        at=now,
        since=since,
        lines=tuple(found),
        access=tuple(access),
        found=tuple(as_found(here, names)) if ask else None,
        deeds=tuple(each for each in deeds(here, since) if owner is None or each.secret in names),
        exceptions=tuple(each for each in exceptions(here, now) if each.secret in names),
        reviews=tuple(each for each in reviews(here, now) if owner in (None, each.owner)),
        evidence=tuple(evidence(Seen(found, access))),
    )


def of_control(made: Report, id_: str) -> Evidence:
    """Raises UnknownName."""
    for each in made.evidence:
        if each.control.id == id_:
            return each
    known = ", ".join(control.id for control in CONTROLS)
    raise UnknownName("report.control", f"there is no control {id_}", f"one of {known}")


def deeds(here: Installation, since: datetime) -> Iterator[Deed]:
    """What people did, as it happened."""
    names = {row.stream: row.secret for row in here.records.identities()}
    for entry in here.records.by_people(since):
        assert entry.who is not None
        if entry.kind is Kind.APPROVAL and Approval.of(entry.facts).said == ASKED:
            continue  # of the runner, in whoever's account it runs
        secret = (
            _secret(entry)
            if entry.stream == INSTALLATION
            else names.get(entry.stream, entry.stream)
        )
        yield Deed(
            at=entry.at, who=entry.who, what=_what(entry), secret=secret, reason=_reason(entry.facts)
        )  # fmt: skip


def _secret(entry: Entry) -> str | None:
    return Request.of(entry.facts).secret if entry.kind is Kind.APPROVAL else None


def _what(entry: Entry) -> str:
    if entry.kind is Kind.APPROVAL:
        said = Approval.of(entry.facts)
        return f"approval {said.said}" + (f" by {said.approver}" if said.approver else "")
    if entry.kind is Kind.OPENED:
        return f"opened {Opened.of(entry.facts).plan}"
    if entry.kind is Kind.REQUESTED:
        return Requested.of(entry.facts).verb or str(entry.kind)
    return str(entry.kind)


def _reason(facts: Facts) -> str | None:
    return Requested.of(facts).reason
