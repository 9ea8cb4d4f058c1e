"""Refuses to open a rotation where something forbids it, and carries over what outlives the
rotation before. before: the latest rotation of the identity."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.errors import PolicyRefusal, UsageError
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Baseline, Opened
from rotation.machine.baseline import closing
from rotation.machine.replay import Outcome, Rotation
from rotation.plan import Plan
from rotation.types import Specification

if TYPE_CHECKING:
    from rotation.journal import Journal


def refuse_doubtful(journal: "Journal", stream: str | None = None) -> None:
    """A rotation must start from facts that nobody has altered."""
    doubt = journal.doubt(stream)
    if doubt is not None:
        raise PolicyRefusal(
            "journal.seal-broken",
            f"the journal may have been changed from outside: {doubt}; nothing was begun",
            "`rotation journal seal` shows all that is not proved, and asks",
        )


def refuse_on_hold(before: Rotation | None, spec: Specification) -> None:
    if before is not None and before.outcome is not None and before.on_hold is not None:
        raise PolicyRefusal(
            "rotation.on-hold",
            f"{spec.secret} is {before.paused}; nothing was opened",
            f"`rotation unpause {spec.secret}` lifts it",
        )


def refuse_unknown_credential(plan: Plan, baseline: Baseline, spec: Specification) -> None:
    if plan.rules.ends_current and not baseline.handle:
        raise UsageError(
            "rotation.unknown-credential",
            f"the journal does not know the current credential of {spec.secret}; nothing was done",
            f"`rotation adopt {spec.secret}` for an existing one, `rotation create` for the first",
        )


def refuse_emergency(before: Rotation | None, spec: Specification) -> None:
    """An emergency has to contain first, and makes its own successor."""
    if before is not None and before.outcome is None and before.rules.contains:
        raise PolicyRefusal(
            "replace.emergency",
            f"{spec.secret} has an open emergency; nothing was done",
            f"`rotation status {spec.secret}` shows how far it is",
        )


def over(before: Rotation | None, opened: Draft) -> list[Draft]:
    """The opening, preceded by the close of an open rotation. A person's hold outlives the rotation
    that it was put on."""
    if before is None:
        return [opened]
    held = Opened(on_hold=before.on_hold, on_hold_by=before.on_hold_by)
    drafts = [replace(opened, facts={**opened.facts, **held.facts})]
    if before.outcome is None:
        closed = closing(before, Outcome.SUPERSEDED)
        drafts.insert(0, Draft(kind=Kind.CLOSED, who=opened.who, facts=closed.facts))
    return drafts
