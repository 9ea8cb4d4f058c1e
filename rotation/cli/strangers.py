"""Live instances that a look found beside what is known: written down, so that `status` shows them."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from rotation.cli.board import Health, Rank
from rotation.cli.say import note
from rotation.cli.session import Session, open_session
from rotation.entries import Draft, Kind
from rotation.errors import RotationError
from rotation.fold import fold
from rotation.strangers import Seen, as_facts, seen_of, unaccounted


def remember(session: Session, stream: str, instances: Collection[str]) -> None:
    """Only what is news. Whoever may look and not write is told that nobody else will see it."""
    seen = seen_of(session.records.installation_entries()).get(stream)
    if set(instances) == set(seen.instances if seen else ()):
        return
    try:
        with open_session(effectful=True) as writing:
            draft = Draft(kind=Kind.SEEN, who=writing.who, facts=as_facts(stream, instances))
            writing.journal.record(draft, writing.runner.id, writing.clock.now())
    except RotationError as error:
        note(f"not written down, so `rotation status` does not show it: {error.message}")


def with_strangers(
    session: Session, health: Health, stream: str, seen: Mapping[str, Seen]
) -> Health:
    """As it stands where a look found more than the journal knows."""
    told = seen.get(stream)
    if told is None or not told.instances or not (entries := session.records.entries(stream)):
        return health
    left = unaccounted(fold(entries), told)
    rank = min(health.rank, Rank.UNACCOUNTED) if left else health.rank
    return replace(health, rank=rank, strangers=left, strangers_at=told.at)
