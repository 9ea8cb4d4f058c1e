"""The state of a rotation: what was intended, what is done, what a person asked for."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from rotation.journal.entries import Entry
from rotation.journal.facts import Baseline, FoundDead, Issued, Opened, Written
from rotation.journal.record import Record
from rotation.machine.leftover import Leftover
from rotation.plan import PlanRules, RowInstance, Step, rules_of
from rotation.types import Facts

Kept = TypeVar("Kept", bound=Record)


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled-back"
    ACCEPTED = "accepted"  # the operator accepted what the store has as the new baseline
    ABANDONED = "abandoned"
    SUPERSEDED = "superseded"


class Mode(StrEnum):
    FORWARD = "forward"
    UNDO = "undo"
    ACCEPT = "accept"


@dataclass(slots=True)
class RowState:
    """The state of one row in its present round. `intended` and the facts of an attempt outlive a
    round, because what happened in the world cannot be undone by counting again. Times are the
    provider's where it reported one."""

    round: int = 0
    done: bool = False
    done_at: datetime | None = None
    intended: bool = False
    intended_before: bool = False  # by an earlier attempt
    in_doubt: bool = False
    happened: bool = False
    began_at: datetime | None = None
    attempt: str | None = None
    until: datetime | None = None  # while `retrying`: the end of the pause after a failed try
    opens_at: datetime | None = None  # its window, as last reported; it may open earlier
    why: str | None = None
    tries: int = 0
    retrying: bool = False
    failed: str | None = None
    message: str | None = None
    complaint: bool = False
    facts: Facts = field(default_factory=dict)

    def record(self, kind: type[Kept]) -> Kept:
        """What the row's entries say; a later entry overrides an earlier one."""
        return kind.of(self.facts)

    def is_news(self, until: datetime | None) -> bool:
        return until not in (self.until, self.opens_at)


@dataclass(slots=True)
class Rotation:
    """One rotation, folded from its entries."""

    stream: str
    opened: Entry
    plan: str
    rows: tuple[RowInstance, ...]
    undo: tuple[RowInstance, ...]
    accept: tuple[RowInstance, ...]
    states: dict[int, RowState]
    last: Entry
    baseline: Baseline
    mode: Mode = Mode.FORWARD
    on_hold: str | None = None
    on_hold_by: str | None = None
    held: str | None = None
    held_at: datetime | None = None
    asked: Entry | None = None
    # The next `issue` removes these first.
    leftovers: dict[str, Leftover] = field(default_factory=dict)
    attempts: frozenset[str] = frozenset()  # each may have staged a version, or may still do so
    foreign: frozenset[str] = frozenset()
    given_up: frozenset[str] = frozenset()  # instances that a person said nobody needs
    abandoned: bool = False
    destroy_released: bool = False
    # A person allowed the new credential to be promoted without a login: the old one is gone.
    unverified: bool = False
    change_accepted: bool = False
    outcome: str | None = None
    result: Baseline = field(default_factory=Baseline)
    readable: bool = True
    complained: bool = False
    found_off: frozenset[str] = frozenset()  # seen switched off by a later look
    found_off_at: datetime | None = None

    @property
    def rules(self) -> PlanRules:
        return rules_of(self.plan)

    @property
    def spec(self) -> Facts:
        return Opened.of(self.opened.facts).spec

    @property
    def paused(self) -> str:
        """Who paused it, and why."""
        by = f" by {self.on_hold_by}" if self.on_hold_by else ""
        return f"paused{by}: {self.on_hold}"

    @property
    def active_rows(self) -> tuple[RowInstance, ...]:
        if self.mode is Mode.FORWARD:
            return self.rows
        if self.mode is Mode.ACCEPT:
            return self.accept
        return tuple(row for row in self.undo if self.intended(row.of) and self._reached(row))

    def intended(self, step: Step | None) -> bool:
        return any(self.states[row.position].intended for row in self.rows if row.step == step)

    def _reached(self, undo: RowInstance) -> bool:
        """A consumer that got no delivery still has the old value."""
        if undo.of is not Step.DELIVER:
            return True
        delivered = self.state(Step.DELIVER, undo.subject)
        return delivered.happened or delivered.in_doubt

    def state(self, step: Step, subject: str = "-") -> RowState:
        """The state of the row with that step; an empty one where this rotation has no such row."""
        accepted = self.accept if self.mode is Mode.ACCEPT else ()
        for row in (*accepted, *self.rows, *self.undo, *self.accept):
            if row.step == step and row.subject == subject:
                return self.states[row.position]
        return RowState()

    @property
    def ours(self) -> frozenset[str]:
        """Instances to remove: recorded as left behind, or named as ours by a person."""
        return frozenset(self.leftovers)

    @property
    def scope(self) -> list[str]:
        """In an emergency: the instances that the operator named or confirmed."""
        return Opened.of(self.opened.facts).scope

    @property
    def old(self) -> str | None:
        """The handle that this rotation replaces or retires. For a secret that was never adopted it
        is the one that the replacement found."""
        return self.baseline.handle or self.state(Step.FIND_DEAD).record(FoundDead).handle

    @property
    def old_version(self) -> str | None:
        """What readers get before the promotion. edited: somebody wrote other keys of the secret
        since the journal recorded it, and `issue` found our own keys unchanged."""
        placed = self.state(Step.PLACE).record(Written).version
        found = placed or self.state(Step.FIND_DEAD).record(FoundDead).version
        return found or self.state(Step.ISSUE).record(Issued).edited or self.baseline.version

    @property
    def value_of_old(self) -> str | None:
        """The version with the bytes of `old`. A replacement may have found another value written
        over it."""
        replaced = self.state(Step.FIND_DEAD).record(FoundDead).version is not None
        return self.baseline.version if replaced else self.old_version

    @property
    def new(self) -> str | None:
        return self.state(Step.ISSUE).record(Issued).new

    @property
    def new_version(self) -> str | None:
        return self.state(Step.ISSUE).record(Issued).new_version

    def done(self, step: Step) -> bool:
        """Whether there are rows of that step and all of them are done."""
        rows = [row for row in self.rows if row.step == step]
        return bool(rows) and all(self.states[row.position].done for row in rows)
