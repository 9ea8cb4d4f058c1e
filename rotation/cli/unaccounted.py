"""Unknown instances that a look found: recorded, so that `status` shows them."""

from typing import TYPE_CHECKING

from rotation.cli.output import note
from rotation.cli.session import Session, open_session
from rotation.errors import RotationError

if TYPE_CHECKING:
    from rotation.operations.reconcile import Found


def remember(session: Session, stream: str, found: "Found") -> None:
    """Records only what is new. An operator who may only read learns that nobody else will see
    it."""
    from rotation.operations import reconcile  # noqa: PLC0415 -- loads the effects; `status` does without

    if not reconcile.is_news(session, stream, found):
        return
    try:
        with open_session(effectful=True) as writing:
            reconcile.remember(writing, stream, found)
    except RotationError as error:
        note(f"not written down, so `rotation status` does not show it: {error.message}")
