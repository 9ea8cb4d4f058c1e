"""Watching a runner ends no rotation, whatever goes wrong with it."""

from collections.abc import Sequence

import pytest

from rotation.cli.watching import Watching
from rotation.config.watching import Health
from rotation.errors import JournalError
from rotation.journal.entries import Entry
from tests.support.shell import Shell, at_work


def test_a_journal_that_fails_while_a_step_is_counted_undoes_nothing(
    shell: Shell, caplog: pytest.LogCaptureFixture
) -> None:
    """The step is durable; its runner must go on as if nobody watched."""
    shell.adopted()
    with at_work(shell) as here:
        watch = Watching(session=here)
        watch._metrics = watch._new_metrics()
        assert watch._metrics is not None
        [row] = here.journal.identities()
        entries = here.journal.entries(row.stream)

        def fail(stream: str) -> Sequence[Entry]:
            raise JournalError("journal.busy", "locked by another process")

        watch._metrics.observed.entries_of = fail
        with pytest.raises(JournalError):
            watch._metrics.observed.follow(entries[2:])
        watch.follow(entries[2:])
        watch.follow(entries)
        sample = watch._metrics.observed.registry.get_sample_value
        assert (sample("rotation_journal_commits_total") or 0) >= 1


def test_without_health_nothing_is_listened_on_asked_or_measured(shell: Shell) -> None:
    with at_work(shell) as here:
        watch = Watching(session=here)
        watch.listen()
        watch.beat()
        assert watch._listener is None and watch._metrics is None
        assert watch.pulse.silent == ("nobody was asked yet",)


def test_a_listener_ends_with_its_key(shell: Shell) -> None:
    with at_work(shell) as here:
        watch = Watching(session=here)
        here.configuration.health = Health(listen="127.0.0.1:29464")
        watch.listen()
        taken = watch._listener
        here.configuration.health = None
        watch.listen()
        assert watch._listener is None
        if taken is not None:  # unless somebody else has the port
            assert taken.fileno() == -1
