"""What a look found beside what is known: written down, so that `status` shows it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.cli.output import note
from rotation.cli.session import Session, open_session
from rotation.cli.status_table import Health, Rank
from rotation.errors import RotationError
from rotation.machine.replay import replay
from rotation.machine.unaccounted import Seen, unaccounted

if TYPE_CHECKING:
    from rotation.operations.reconcile import Found


def remember(session: Session, stream: str, found: "Found") -> None:
    """Only what is news. An operator who may only read learns that nobody else will see it."""
    from rotation.operations import reconcile  # noqa: PLC0415 -- loads the effects; `status` does without

    if not reconcile.is_news(session, stream, found):
        return
    try:
        with open_session(effectful=True) as writing:
            reconcile.remember(writing, stream, found)
    except RotationError as error:
        note(f"not written down, so `rotation status` does not show it: {error.message}")


def with_strangers(
    session: Session, health: Health, stream: str, seen: Mapping[str, Seen]
) -> Health:
    """As it stands where a look found more than the journal knows."""
    told = seen.get(stream)
    if told is None or not told.instances or not (entries := session.records.entries(stream)):
        return health
    left = unaccounted(replay(entries), told)
    rank = min(health.rank, Rank.UNACCOUNTED) if left else health.rank
    return replace(health, rank=rank, strangers=left, strangers_at=told.at)
