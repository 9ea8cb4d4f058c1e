"""What the operations of one process work on."""

import os

import pytest

from rotation.errors import UnknownName
from rotation.operations.installation import who
from tests.support.shell import STREAM, Shell, at_work


def test_who_acts_is_the_systems_word_and_not_the_environments(monkeypatch) -> None:
    honest = who()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert who() == honest
    monkeypatch.setattr(os, "getuid", lambda: 2**30)
    assert who() == f"uid-{2**30}"


def test_a_secret_is_known_by_its_name(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        assert here.entry("app").stream == STREAM
        with pytest.raises(UnknownName):
            here.entry("apq")
        assert list(here.open_streams_of("app")) == []
