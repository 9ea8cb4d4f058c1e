"""Of a secret beside a spill that nobody merged: what its emergency means for its readers."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from rotation.cli.session import Session
from rotation.cli.status_table import Health, Rank
from rotation.journal.spill import SpillRecord, unmerged
from rotation.machine.replay import replay
from rotation.report.health import given

Unmerged: TypeAlias = Mapping[str, list[SpillRecord]]
"""By stream."""


def unmerged_json(session: Session) -> Iterator[tuple[SpillRecord, dict[str, str]]]:
    """What an emergency did without the journal, and nobody brought in since."""
    configuration = session.configuration
    for path, told in unmerged(configuration.journal, configuration.installation, session.records):
        yield (
            told,
            {
                "code": "emergency.unmerged",
                "message": told.unknown,
                "hint": f"`rotation emergency merge {path}`",
            },
        )


def by_stream(spills: list[SpillRecord]) -> Unmerged:
    found = defaultdict(list)
    for told in spills:
        found[told.stream].append(told)
    return found


def with_spills(session: Session, health: Health, stream: str, spills: Unmerged) -> Health:
    """As it stands where the journal is not all there is to know."""
    if not (told := spills.get(stream)):
        return health
    off = {instance for each in told for instance in each.scope}
    entries = session.records.entries(stream)
    down = bool(entries and given(replay(entries)) & off)
    why = f"{', '.join(sorted(off))} switched off without the journal"
    rank = min(health.rank, Rank.DOWN if down else Rank.HELD)
    return replace(health, rank=rank, why=why, unmerged=True)
