"""Opening rotations, and taking what was opened as far as it goes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rotation.cli.advance import advance_all, exit_code
from rotation.cli.failures import FAILED, OK
from rotation.cli.outcome import tell
from rotation.cli.progress import progress
from rotation.cli.session import Session
from rotation.fold import fold
from rotation.types import Facts

if TYPE_CHECKING:
    from rotation.config import Entry


def open_rotation(
    session: Session, entry: "Entry", plan: str, *, trigger: str, facts: Facts | None = None
) -> None:
    """Raises AlreadyOpen where one is open."""
    from rotation.plan import PLANS  # noqa: PLC0415

    spec = session.configuration.specification(entry)
    runner = session.runner
    runner.open(entry.stream, PLANS[plan], spec, trigger=trigger, who=session.who, facts=facts)


def is_open(session: Session, stream: str) -> bool:
    entries = session.journal.entries(stream)
    return bool(entries) and fold(entries).outcome is None


def carry_out(
    session: Session, streams: Mapping[str, str], *, wait: bool, here: bool, width: int = 1
) -> int:
    """streams: stream -> the secret's id. Advances or follows them, tells how they stand, and
    returns the exit code of all together."""
    with progress(session, streams) as show:
        arrivals = advance_all(session, list(streams), show, wait=wait, here=here, width=width)
    tell(session, {streams[stream]: arrival for stream, arrival in arrivals.items()})
    return exit_code(session, arrivals)


def went_back(code: int) -> int:
    """Of a rotation that a person sent back: being rolled back is what was asked for."""
    return OK if code == FAILED else code
