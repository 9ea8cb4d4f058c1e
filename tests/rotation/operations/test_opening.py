"""A rotation that somebody asked for is open once."""

import pytest

from rotation.errors import AlreadyOpen
from rotation.operations.opening import is_open, open_rotation
from tests.support.shell import APP, STREAM, Shell, at_work


def test_it_is_opened_by_name_and_not_twice(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        assert not is_open(here, STREAM)
        open_rotation(here, APP, "routine", trigger="person")
        assert is_open(here, STREAM)
        opened = here.journal.entries(STREAM)[0]
        assert (opened.who, opened.facts["plan"]) == ("alice", "routine")
        with pytest.raises(AlreadyOpen):
            open_rotation(here, APP, "routine", trigger="person")
