"""Opening the replacement of a credential that is dead: looked at first, refused where it works."""

from typing import TYPE_CHECKING

from rotation.cli.say import note
from rotation.cli.session import Session
from rotation.describe import DEAD
from rotation.errors import PolicyRefusal
from rotation.fold import fold, text
from rotation.summary import left_by

if TYPE_CHECKING:
    from rotation.config import Entry


def open_replacement(session: Session, entry: "Entry", reason: str | None = None) -> None:
    """Of what was just seen to be dead; a rotation that is open is superseded. A replacement that
    is open goes on, unless it is Held."""
    from rotation.dead import look  # noqa: PLC0415 -- only here

    refuse_inactive(entry)
    entries = session.journal.entries(entry.stream)
    before = fold(entries) if entries else None
    is_open = before is not None and before.outcome is None
    if before is not None and is_open and before.plan == "replace" and before.held is None:
        note(f"the replacement of {entry.id} is open; it goes on")
        return
    spec = session.configuration.specification(entry)
    bound, baseline = session.bind(spec), left_by(before)
    known = text(baseline.get("version")), text(baseline.get("handle"))
    found = look(bound, known, bound.store.state(), bound.issuer.listing(), session.clock.now())
    if found.dead is None:
        raise PolicyRefusal(
            "replace.not-dead",
            f"nothing shows that {found.handle or 'what readers get'} is dead: it was just looked "
            "at; nothing was done",
            f"`rotation rotate {entry.id}` replaces what works",
        )
    note(f"{entry.id}: {found.handle or 'the current credential'} {DEAD[found.dead]}")
    session.runner.open_replacement(
        entry.stream, spec, trigger="person", who=session.who, reason=reason
    )


def refuse_inactive(entry: "Entry") -> None:
    if entry.state != "active":
        raise PolicyRefusal(
            "run.not-active",
            f"{entry.id} is {entry.state}; nothing was done",
            "change its `state` in the configuration",
        )
