"""A secret is brought under rotation, and taken out again."""

from datetime import timedelta

import pytest

from rotation.errors import PolicyRefusal, UsageError
from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.operations.lifecycle import adopt, create, refuse_future, retire
from tests.support.shell import APP, STREAM, Shell, at_work


def test_a_secret_with_a_value_is_not_created(shell: Shell) -> None:
    with at_work(shell) as here:
        with pytest.raises(PolicyRefusal) as caught:
            create(here, APP)
        assert caught.value.code == "create.not-empty"
        assert here.journal.entries(STREAM) == ()


def test_an_adoption_that_is_open_is_begun_anew(shell: Shell) -> None:
    with at_work(shell) as here:
        adopt(here, APP, Opened())
        first = replay(here.journal.entries(STREAM)).opened.seq
        adopt(here, APP, Opened())
        assert replay(here.journal.entries(STREAM)).opened.seq > first


def test_nothing_was_made_in_the_future(shell: Shell) -> None:
    with at_work(shell) as here:
        refuse_future(here, Opened(created=shell.world.now))
        with pytest.raises(UsageError):
            refuse_future(here, Opened(created=shell.world.now + timedelta(days=1)))


def test_readers_that_are_declared_stop_a_retirement(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        with pytest.raises(PolicyRefusal) as caught:
            retire(here, APP, None)
        assert caught.value.code == "retire.consumers-declared"
        retire(here, APP, "both moved last year")
        assert replay(here.journal.entries(STREAM)).plan == "retire"
