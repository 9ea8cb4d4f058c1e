"""What `run` begins, and what is under way."""

from datetime import timedelta

from rotation.errors import RotationError
from rotation.operations.begin import due_now, open_all, under_way, unknown
from tests.support.shell import APP, DAY, STREAM, Shell, at_work


def test_a_secret_that_the_journal_does_not_know_needs_a_person(shell: Shell) -> None:
    with at_work(shell) as here:
        assert unknown(here, ["app"]) is not None
    with at_work(shell.adopted()) as here:
        assert unknown(here, ["app"]) is None


def test_only_what_is_due_is_begun_and_once(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        shell.world.now += timedelta(seconds=81 * DAY)
        due = list(due_now(here))
        assert [entry.id for entry in due] == ["app"]
        assert list(open_all(here, due)) == []
        assert list(open_all(here, [APP])) == []  # it is open already
        assert under_way(here, []) == {STREAM: "app"}
        assert under_way(here, ["other"]) == {}


def test_one_that_cannot_be_opened_is_told(shell: Shell) -> None:
    with at_work(shell) as here:
        [error] = open_all(here, [APP])
        assert isinstance(error, RotationError)
        assert error.code == "rotation.unknown-credential"
