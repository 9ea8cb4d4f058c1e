"""What waits for people to agree, and their words, as entries of the journal."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from rotation.alerts.alert import Found
from rotation.approvals import rules
from rotation.approvals.gate import Standing
from rotation.approvals.rules import Asks, number_of
from rotation.errors import JournalError, PolicyRefusal, RotationError, UsageError
from rotation.journal.approving import Approval, Request
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.facts import Opened
from rotation.machine.decide import Do, next_action
from rotation.machine.replay import Rotation, replay
from rotation.operations.findings import Finding, Grade, failed
from rotation.operations.installation import Installation
from rotation.operations.live import approvals_of
from rotation.operations.requests import open_rotation_of
from rotation.plan import Plan, RowInstance, Step
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret

LOOK = "`rotation approvals` lists what waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A step of an open rotation that waits for people to agree."""

    secret: str
    rotation: Rotation
    row: RowInstance
    standing: Standing

    @property
    def asked(self) -> Entry:
        if self.standing.asked is None:
            raise PolicyRefusal(
                "approval.not-asked",
                f"what {self.secret} waits for is not asked for yet, or no longer; nothing was done",
                "the runner asks when it comes to the step: `rotation run`",
            )
        return self.standing.asked

    @property
    def text(self) -> str:
        return rules.text_of(self.asked, self.standing.around.installation)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How many of whom have to agree, by step."""

    needed: Mapping[Step, int] = field(default_factory=dict)
    may: tuple[str, ...] = ()


def approval_wait(here: Installation, rotation: Rotation, now: datetime) -> Asks | None:
    """The wait for people that its next step causes now."""
    if here.configuration.approvals is None:
        return None
    action = next_action(rotation, now)
    if not isinstance(action, Do) or action.in_doubt:
        return None
    return approvals_of(here).wait(rotation, action.row)


def waiting(here: Installation) -> Iterator[Waiting]:
    """Everything that waits for approval."""
    if here.configuration.approvals is None:
        return
    for row in list(here.records.identities()):
        if row.plan is not None and row.held is None:
            found = _waiting(here, replay(here.records.entries(row.stream)))
            if found is not None and not found.standing.enough:
                yield found


def waiting_of(here: Installation, name: str) -> Waiting:
    found = _waiting(here, open_rotation_of(here, name))
    if found is None or found.standing.enough:
        raise PolicyRefusal(
            "approval.nothing-waits",
            f"nothing of {name} waits for approval; nothing was done",
            LOOK,
        )
    return found


def _waiting(here: Installation, rotation: Rotation) -> Waiting | None:
    action = next_action(rotation, here.clock.now())
    if not isinstance(action, Do) or action.in_doubt:
        return None
    standing = approvals_of(here).standing(rotation, action.row)
    if standing is None:
        return None
    secret = here.called(Opened.of(rotation.opened.facts).secret)
    return Waiting(secret=secret, rotation=rotation, row=action.row, standing=standing)


def people(
    here: Installation, entry: "ConfiguredSecret", plan: Plan, steps: Collection[Step]
) -> People:
    """Who is asked before which of these steps."""
    configuration, demands = here.configuration, here.configuration.demands(entry)
    if configuration.approvals is None or demands is None:
        return People()
    known = (each.id for each in configuration.approvals.approvers)
    counted = {step: rules.needed(demands, rules.kinds(plan.rules, steps, step)) for step in steps}
    return People(
        needed={step: count for step, count in counted.items() if count},
        may=demands.allowed(known),
    )


# ------------------------------------------------------------------------------- what is said


def agree(here: Installation, name: str, approver: str, signature: str | None) -> Waiting:
    """Records that this person agrees to what waits. signature: None: this process's user is the
    proof. Raises PolicyRefusal where the word would not count."""
    found = waiting_of(here, name)
    if approver in found.standing.given:
        raise PolicyRefusal(
            "approval.twice", f"{approver} has agreed to this already; nothing was done", LOOK
        )
    said = Approval(
        said=rules.GIVEN, request=number_of(found.asked), approver=approver, signature=signature,
        by_os_user=signature is None,
    )  # fmt: skip
    draft = _draft(here, said, found.secret)
    why = approvals_of(here).why_not(draft, found.asked, found.standing.around)
    if why is not None:
        raise PolicyRefusal(
            "approval.does-not-count",
            f"{approver} {why}; nothing was recorded",
            f"`rotation approve {name} --print` prints what has to be signed, and by whom",
        )
    _record(here, draft)
    agreed = _waiting(here, found.rotation)
    assert agreed is not None, "it is demanded still"
    return agreed


def refuse(here: Installation, name: str, reason: str) -> Waiting:
    """Records that somebody says no: this request cannot be agreed to any more."""
    found = waiting_of(here, name)
    said = Approval(said=rules.REFUSED, request=number_of(found.asked), reason=reason)
    _record(here, _draft(here, said, found.secret))
    return found


def _draft(here: Installation, said: Approval, secret: str) -> Draft:
    facts = (said | Request(secret=secret)).facts
    given: Facts = {name: value for name, value in facts.items() if value is not None}
    return Draft(kind=Kind.APPROVAL, who=here.who, facts=given)


def _record(here: Installation, draft: Draft) -> None:
    here.journal.record(draft, here.runner.id, here.clock.now())


# ---------------------------------------------------------------------- without, and its review


def go_without(here: Installation, stream: str, reason: str, who: str | None = None) -> bool:
    """Lets an open emergency go on without the approval that it waits for, and begins a review. Returns
    whether anybody had to agree."""
    rotation = replay(here.journal.entries(stream))
    rows = (row for row in rotation.rows if rules.demanded(rotation, row))
    row = next(rows, None) if rotation.rules.contains else None
    standing = None if row is None else approvals_of(here).standing(rotation, row)
    if standing is None or standing.enough:
        return False
    secret = here.called(Opened.of(rotation.opened.facts).secret)
    about = Request(secret=secret, stream=stream, rotation=number_of(rotation.opened))
    said = Approval(said=rules.WITHOUT, reason=reason) | about
    draft = Draft(kind=Kind.APPROVAL, who=who or here.who, facts=said.facts)
    _record(here, draft)
    return True


def needs_approval(here: Installation, name: str) -> bool:
    """Whether people have to agree before an emergency of that secret switches anything off."""
    configuration = here.configuration
    if configuration.approvals is None:
        return False
    entry = configuration.secret(name)
    demands = None if entry is None else configuration.demands(entry)
    return entry is None or (demands is not None and demands.emergency > 0)


def refuse_unapproved(here: Installation, name: str, said: Opened, error: Exception) -> None:
    """Without the journal nobody can see who agreed."""
    if said.without_approval or not needs_approval(here, name):
        return
    raise JournalError(
        "approval.needs-journal",
        f"an emergency of {name} needs approval, and the journal cannot be used; nothing was switched "
        "off",
        f'`rotation emergency {name} --break-glass --reason "..."` does not wait for anybody',
    ) from error


def checks(here: Installation) -> Iterator[Finding]:
    """What would keep a signature from being believed."""
    configuration = here.configuration
    if configuration.approvals is None:
        return
    from rotation.approvals.signatures import names, program, read_signers  # noqa: PLC0415

    try:
        program()
        known = names(read_signers(configuration.allowed_signers))
    except RotationError as error:
        yield failed("approvals", error)
        return
    keyless = [each.id for each in configuration.approvals.approvers if each.id not in known]
    if not keyless:
        yield Finding(
            "approvals", f"{len(configuration.approvals.approvers)} people, each with a key"
        )
        return
    yield Finding(
        "approvals", f"{', '.join(keyless)} may approve and have no key", Grade.WRONG, "approval.keyless",
        f"add their lines to {configuration.allowed_signers}",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What somebody said about a step of a rotation, in `said`: given, refused, without or reviewed."""

    step: str
    said: str
    who: str
    at: datetime
    reason: str | None

    def __str__(self) -> str:
        done = "not waited for" if self.said == rules.WITHOUT else self.said
        return f"approval of {self.step} {done}" + (f": {self.reason}" if self.reason else "")


def words_about(here: Installation, rotation: Rotation) -> list[Word]:
    """Everything that people said about its steps. It is not looked at whether it counts."""
    entries, asked = here.records.installation_entries(Kind.APPROVAL), dict[str | None, str]()
    found = []
    for entry in entries:
        said, about = Approval.of(entry.facts), Request.of(entry.facts)
        if about.rotation == number_of(rotation.opened):
            asked[number_of(entry)] = about.step or "emergency"
        step = asked.get(number_of(entry)) or asked.get(said.request)
        if step is not None and said.said not in (None, rules.ASKED):
            who = said.approver or entry.who or "?"
            found.append(
                Word(step=step, said=str(said.said), who=who, at=entry.at, reason=said.reason)
            )
    return found


# ------------------------------------------------------------------------------ who hears of it


def asked_of(
    here: Installation, rotation: Rotation | None, name: str, now: datetime
) -> Iterator[tuple[Found, str]]:
    """What a team hears of an open rotation that waits, with the command that helps."""
    wait = approval_wait(here, rotation, now) if rotation is not None else None
    if wait is None or wait.row is None or rotation is None:
        return
    event = "approval-refused" if wait.refused else "approval"
    episode = f"{number_of(rotation.opened)[:32]} {wait.row.name}"
    next_ = f"rotation rollback {name}" if wait.refused else f"rotation approve {name}"
    yield Found(event=event, episode=episode, why=wait.why), next_


def reviews_of_approvals(here: Installation) -> Iterator[tuple[str, Found, str]]:
    """The same of the open reviews, with the secret's name."""
    for entry in open_reviews(here):
        name, why = str(Request.of(entry.facts).secret), Approval.of(entry.facts).reason
        found = Found(
            event="break-glass", episode=number_of(entry)[:32], since=entry.at,
            why=f"{entry.who} did not wait for approval: {why}",
        )  # fmt: skip
        yield name, found, f"rotation approvals review {name} --note ..."


def open_reviews(here: Installation) -> list[Entry]:
    """The words of those who did not wait for approval, where nobody else has looked at it since."""
    if here.configuration.approvals is None:
        return []
    entries = here.records.installation_entries(Kind.APPROVAL)
    said = [Approval.of(entry.facts) for entry in entries]
    closed = {each.request for each in said if each.said == rules.REVIEWED}
    return [
        entry
        for entry in entries
        if Approval.of(entry.facts).said == rules.WITHOUT and number_of(entry) not in closed
    ]


def close_review(here: Installation, name: str, note: str) -> list[Entry]:
    """Ends the reviews of that secret. Raises PolicyRefusal for whoever did not wait."""
    found = [each for each in open_reviews(here) if Request.of(each.facts).secret == name]
    if not found:
        raise UsageError(
            "approval.no-review", f"no review of {name} is open; nothing was done", LOOK
        )
    if any(each.who == here.who for each in found):
        raise PolicyRefusal(
            "approval.own-review",
            f"{here.who} did not wait for approval, so somebody else has to look at it",
            f"as another user: `rotation approvals review {name} --note ...`",
        )
    for each in found:
        said = Approval(said=rules.REVIEWED, request=number_of(each), reason=note)
        _record(here, _draft(here, said, name))
    return found
