"""Opens the replacement of a dead credential, and says why it counts as dead."""

from typing import TYPE_CHECKING

from rotation.cli.output import note
from rotation.cli.session import Session
from rotation.operations import replacing
from rotation.report.describe import DEAD

if TYPE_CHECKING:
    from rotation.config import ConfiguredSecret


def open_replacement(
    session: Session, entry: "ConfiguredSecret", reason: str | None = None
) -> None:
    """Opens one, unless one is open already."""
    found = replacing.to_replace(session, entry)
    if found is None:
        note(f"the replacement of {entry.id} is open; it goes on")
        return
    assert found.dead is not None
    note(f"{entry.id}: {found.handle or 'the current credential'} {DEAD[found.dead]}")
    replacing.open_replacement(session, entry, reason)
