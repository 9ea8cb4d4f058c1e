"""The vocabulary of the plans: phases, steps, and what a row of a plan says."""

from dataclasses import dataclass
from enum import StrEnum

from rotation.plan.rules import PlanRules
from rotation.types import PermissionSet


class Phase(StrEnum):
    CREATE = "create"
    PROPAGATE = "propagate"
    VERIFY = "verify"
    REVOKE = "revoke"
    UNDO = "undo"


class Step(StrEnum):
    PLACE = "place"  # an empty secret holds a marked placeholder
    ISSUE = "issue"  # a new instance exists and its bytes are staged as pending
    ACTIVATE = "activate"  # the service accepts it (values chosen by us)
    VERIFY = "verify"  # real logins with the staged version, and a wrong one that fails
    PROMOTE = "promote"  # pending is current, compare-and-set
    DELIVER = "deliver"  # a consumer that is pushed has it
    CONFIRM = "confirm"  # there is evidence that a consumer moved
    VERIFY_LIVE = "verify-live"  # the promoted version logs in, read as consumers read it
    DRAIN = "drain"  # grace is over and the old instance is quiet
    SUSPEND = "suspend"  # the old instance is off, reversibly
    PROVE_OFF = "prove-off"  # logins with the suspended one fail
    SOAK = "soak"  # it stays off and nobody complains
    DESTROY = "destroy"  # the old instance is gone: the only irreversible step
    PROVE_DEAD = "prove-dead"  # its death is proved or asserted
    TIDY = "tidy"  # no label of ours is left over, the listing is as recorded
    RESUME_OLD = "resume-old"
    VERIFY_OLD = "verify-old"
    DEMOTE = "demote"
    DELIVER_OLD = "deliver-old"
    CONFIRM_OLD = "confirm-old"
    SUSPEND_NEW = "suspend-new"
    DESTROY_NEW = "destroy-new"
    PROVE_NEW_DEAD = "prove-new-dead"
    DISCARD_NEW = "discard-new"
    INSPECT = "inspect"  # what is there is what we were told
    CLAIM = "claim"  # the world says that this installation owns it
    RELABEL = "relabel"  # leftover labels are gone
    FIND_DEAD = "find-dead"  # what readers get is of no use: gone, off, ended, refused or lost
    EVIDENCE = "evidence"  # what a containment erases is on record
    CONTAIN = "contain"  # every instance in scope is off
    MAKE_ROOM = "make-room"  # the issuer has a free slot
    SWEEP = "sweep"  # nothing came back, no copy of the old bytes is labelled


class OnFailure(StrEnum):
    """What a definite refusal of the row leads to. Whatever needs a person is Held in any row."""

    ROLL_BACK = "roll-back"
    WAIT = "wait"  # keep trying, both credentials stay alive, alert
    HOLD = "hold"
    KEEP_TRYING = "keep-trying"  # too late to go back: try for ever, alert


class Per(StrEnum):
    SECRET = "secret"
    PUSHED_CONSUMER = "pushed-consumer"
    CONSUMER = "consumer"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Row:
    """effect: it changes the world, so a durable intent comes first. looks: it reads the world
    before that intent, and the intent records what it saw. windowed: it starts only inside a
    window and outside a freeze. successes: how often a login must agree. after: the steps that
    it waits for; None: the row before it."""

    phase: Phase
    step: Step
    on_failure: OnFailure
    sets: tuple[PermissionSet, ...]
    effect: bool = False
    looks: bool = False
    windowed: bool = False
    per: Per = Per.SECRET
    successes: int = 1
    after: tuple[Step, ...] | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """A row of a rollback; it is left out where none of the steps in `of` was ever intended."""

    row: Row
    of: Step


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    rules: PlanRules
    rows: tuple[Row, ...]
    rollback: tuple[Undo, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True)
class RowInstance:
    """A row of one identity, as OPENED keeps it."""

    position: int
    phase: Phase
    step: Step
    on_failure: OnFailure
    subject: str = "-"
    # Positions of the rows that it waits for.
    after: tuple[int, ...] = ()
    effect: bool = False
    looks: bool = False
    windowed: bool = False
    successes: int = 1
    # In a rollback: the step that it undoes.
    of: Step | None = None

    @property
    def name(self) -> str:
        return self.step if self.subject == "-" else f"{self.step}[{self.subject}]"
