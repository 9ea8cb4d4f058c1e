"""Everything that is looked at, as findings that a page could show."""

import pytest

from rotation.errors import PolicyRefusal, UnknownName
from rotation.operations.diagnose import names_of, to_repair
from tests.support.shell import Shell, at_work


def test_each_secret_is_named_once(shell: Shell) -> None:
    with at_work(shell.adopted(), effectful=False) as here:
        assert names_of(here, []) == ["app"]
        assert names_of(here, ["app", "app"]) == ["app"]
        with pytest.raises(UnknownName):
            names_of(here, ["apq"])


def test_where_nothing_is_wrong_there_is_no_repair(shell: Shell) -> None:
    with at_work(shell.adopted(), effectful=False) as here:
        with pytest.raises(PolicyRefusal) as caught:
            to_repair(here, "app", login=False)
        assert caught.value.code == "doctor.no-repair"
