"""Looks, before a step, whether those who have to agree did: by the configuration as it is now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from rotation.approvals import rules
from rotation.approvals.rules import Asks, Surroundings
from rotation.config.approving import Approver, Demands
from rotation.errors import RotationError
from rotation.journal.approving import Approval, Request
from rotation.journal.entries import Draft, Entry, Kind
from rotation.journal.facts import Opened
from rotation.machine.replay import Rotation
from rotation.plan import Gate, RowInstance

if TYPE_CHECKING:
    from rotation.config import Configuration
    from rotation.interfaces import Clock
    from rotation.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the approval of one step stands. asked: the request that holds, or None. given: those who
    agreed and count; not_counted: by the others why they do not; refused: who said no. without: the
    word of a person that it must not wait."""

    around: Surroundings
    needs: int
    asked: Entry | None = None
    given: tuple[str, ...] = ()
    not_counted: dict[str, str] = field(default_factory=dict)
    refused: Entry | None = None
    without: Entry | None = None

    @property
    def enough(self) -> bool:
        agreed = self.refused is None and len(self.given) >= self.needs
        return self.without is not None or agreed


@dataclass(frozen=True, kw_only=True)
class Approvals:
    """The approvals of one installation. runner: the operating system's user of the process that would
    take the step; None: this process takes none."""

    configuration: "Callable[[], Configuration]"
    journal: "Callable[[], Journal]"
    clock: "Clock"
    runner: str | None
    #: When the secret's next window begins; None: it is open, or nobody knows.
    opens_at: Callable[[str, datetime], datetime | None] = lambda secret, now: None

    def wait(self, rotation: Rotation, row: RowInstance) -> Asks | None:
        """What the row waits for; None where it may be begun."""
        if not rules.demanded(rotation, row):
            return None
        try:
            found = self.standing(rotation, row)
        except RotationError as error:
            return Asks(None, f"waits for approval: {error.message}", row)
        if found is None or found.enough:
            return None
        return Asks(None, _why(found), row, refused=found.refused is not None)

    def ask(self, rotation: Rotation, row: RowInstance, runner_id: str) -> None:
        """Asks for what the row waits for, once."""
        if not rules.demanded(rotation, row):
            return
        try:
            found = self.standing(rotation, row)
        except RotationError:
            return  # it was asked for, and the wait says what is wrong with an answer
        if found is None or found.enough or found.asked is not None:
            return
        now = self.clock.now()
        opens = self.opens_at(found.around.secret, now) if Gate.WINDOW in row.gates else None
        begins = max(now, opens or now)
        facts = rules.request_for(rotation, row, found.around, begins) | Approval(said=rules.ASKED)
        draft = Draft(kind=Kind.APPROVAL, who=self.runner, facts=facts.facts)
        self.journal().record(draft, runner_id, now)

    def standing(self, rotation: Rotation, row: RowInstance) -> Standing | None:
        """None: nobody has to agree. Raises RotationError where that cannot be told."""
        around, kinds = self._around(rotation), rules.demanded(rotation, row)
        if around is None or not (needs := rules.needed(around.demands, kinds)):
            return None
        entries = self.journal().installation_entries(Kind.APPROVAL)
        without = rules.without(entries, rotation) if "emergency" in kinds else None
        wanted, now = rules.digest(rotation, row, around), self.clock.now()
        asked = rules.latest(entries, rotation, row, wanted, now)
        if asked is None:
            return Standing(around=around, needs=needs, without=without)
        given, not_counted = self._counted(entries, asked, around)
        return Standing(
            around=around, needs=needs, asked=asked, given=given, not_counted=not_counted,
            refused=next(rules.said_of(entries, asked, rules.REFUSED), None), without=without,
        )  # fmt: skip

    def _around(self, rotation: Rotation) -> Surroundings | None:
        configuration, secret = self.configuration(), Opened.of(rotation.opened.facts).secret
        if configuration.approvals is None:
            return None
        entry = configuration.secret(secret)
        if entry is None:
            # Taking it out of the configuration must not be the way around its approvers.
            may = tuple(each.id for each in configuration.approvals.approvers)
            everybody = Demands(destroy=1, promote=1, emergency=1)
            return Surroundings(
                installation=configuration.installation, secret=secret, environment="?", policy="?",
                demands=everybody, may=may,
            )  # fmt: skip
        demands = configuration.demands(entry)
        if demands is None:
            return None
        known = (each.id for each in configuration.approvals.approvers)
        return Surroundings(
            installation=configuration.installation, secret=entry.id, environment=entry.environment,
            policy=entry.class_name, demands=demands,
            may=demands.allowed(known),
        )  # fmt: skip

    # ---------------------------------------------------------------------- whose word counts

    def _counted(
        self, entries: Sequence[Entry], asked: Entry, around: Surroundings
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        given: dict[str, None] = {}
        not_counted = dict[str, str]()
        for entry in rules.said_of(entries, asked, rules.GIVEN):
            name = Approval.of(entry.facts).approver or "?"
            why = self.why_not(entry, asked, around)
            if why is None:
                given[name] = None
            else:
                not_counted[name] = why
        return tuple(given), not_counted

    def why_not(self, given: Entry | Draft, asked: Entry, around: Surroundings) -> str | None:
        """Why an agreement does not count now; None where it does."""
        said, approvals = Approval.of(given.facts), self.configuration().approvals
        person = approvals.find(said.approver) if approvals is not None else None
        if person is None or person.id not in around.may:
            return "may not approve this"
        if (own := self._own(person, asked)) is not None:
            return own
        if said.by_os_user:
            if around.demands.os_users != "accepted":
                return "has not signed it"
            return None if given.who == person.user else "is another user of this host"
        from rotation.approvals.signatures import is_signed, read_signers  # noqa: PLC0415

        text = rules.text_of(asked, around.installation)
        signers = read_signers(self.configuration().allowed_signers)
        signed = is_signed(signers, person.id, text, said.signature or "")
        return None if signed else "has no signature that is right for it"

    def _own(self, person: Approver, asked: Entry) -> str | None:
        """Nobody agrees to what they asked for themselves, or carry out."""
        if person.user == Request.of(asked.facts).requester:
            return "asked for it"
        if person.user in (asked.who, self.runner):
            return "is the user that carries it out"
        return None


def _why(found: Standing) -> str:
    if found.refused is not None:
        by, why = found.refused.who, Approval.of(found.refused.facts).reason
        return f"waits for approval: refused by {by}: {why}"
    have = f" ({', '.join(found.given)})" if found.given else ""
    less = "".join(f"; {name} {why}" for name, why in found.not_counted.items())
    return f"waits for approval: {len(found.given)} of {found.needs}{have}{less}"
