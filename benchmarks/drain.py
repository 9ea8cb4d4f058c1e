"""A `serve` with as many due rotations as it has workers, in a process of its own: its memory.

python -m benchmarks.drain ENDPOINT DIRECTORY NAME...: all of them are adopted already.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fleet import INSTALLATION, fleet, specification, stream
from providers.aws.testing import StrictControl
from rotation.execution.runner import Runner
from rotation.journal.entries import Entry, Kind
from rotation.journal.sql import open_journal
from rotation.plan import ROUTINE
from rotation.runtime.process import Signals
from rotation.schedule.scheduler import Opening, Scheduler, Waking


def main(endpoint: str, directory: Path, names: Sequence[str]) -> None:
    left = set(map(stream, names))
    due = [Opening(stream=stream(n), plan=ROUTINE, spec=specification(n)) for n in names]

    def follow(entries: Sequence[Entry]) -> None:
        left.difference_update(entry.stream for entry in entries if entry.kind is Kind.CLOSED)
        if not left:
            signals.stopping = True
            signals.wake()

    with (
        fleet(StrictControl(endpoint), directory) as made,
        open_journal(directory / "journal" / "journal.db", INSTALLATION) as journal,
        Signals() as signals,
    ):
        runner = Runner(
            journal=journal,
            bind=made.registry.bind,
            clock=made.clock,
            id="serve",
            follow=follow,
            stopping=lambda: signals.stopping,
        )
        policy = Waking(due=lambda now: due, width=lambda: len(names))
        Scheduler(runner=runner, policy=policy, signals=signals).run()
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
