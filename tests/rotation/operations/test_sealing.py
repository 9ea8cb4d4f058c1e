"""How far a seal reaches."""

from datetime import UTC, datetime

from rotation.journal.entries import Draft, Kind
from rotation.journal.installation_facts import Sealed
from rotation.operations.sealing import latest_seal, reach
from tests.support.shell import Shell, at_work


def test_without_a_seal_it_says_what_that_means(shell: Shell) -> None:
    with at_work(shell.adopted(), effectful=False) as here:
        assert latest_seal(here) is None
        assert reach(here).startswith("not sealed")


def test_the_latest_says_since_when_and_by_whom(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        for entries in (3, 7):
            facts = Sealed(entries=entries).facts
            draft = Draft(kind=Kind.SEALED, who="kim", facts=facts)
            here.journal.record(draft, "runner", datetime(2026, 6, 1, tzinfo=UTC))
        assert reach(here) == (
            "sealed since 2026-06-01 00:00Z by kim; 7 entries before that are only chained"
        )
