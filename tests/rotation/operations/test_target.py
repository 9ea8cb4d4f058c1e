"""Which secret an emergency is about."""

import pytest

from rotation.errors import UnknownName, UsageError
from rotation.operations.target import past_of, row_of, target_of
from tests.support.shell import STREAM, Shell, at_work


def test_a_secret_is_found_by_its_name_and_by_a_key_of_it(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        past, failure = past_of(here)
        assert failure is None
        by_name = target_of(here, past, ["app"], None)
        assert (by_name.name, by_name.stream) == ("app", STREAM)
        assert target_of(here, past, [], "KEY1") == by_name


def test_what_nobody_knows_is_not_guessed(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        past, _ = past_of(here)
        assert past is not None
        assert row_of(past, "other", None) is None
        with pytest.raises(UnknownName):
            target_of(here, past, [], "KEY9")
        with pytest.raises(UnknownName):
            target_of(here, None, [], "KEY1")
        with pytest.raises(UsageError):
            target_of(here, past, [], None)
