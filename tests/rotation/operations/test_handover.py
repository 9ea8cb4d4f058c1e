"""When the tool's old login counts as dead."""

import pytest

from rotation.errors import LoginRefused, RotationError, Transient, UnknownName
from rotation.operations.handover import is_proved_dead, login_of, refuse_unfit
from rotation.operations.logins import Login
from tests.support.shell import Shell, at_work


def login(error: RotationError | None = None) -> Login:
    return Login(name="old", type="aws", owner=None, error=error)


def test_only_a_refusal_of_its_service_proves_it() -> None:
    assert is_proved_dead(login(LoginRefused("x.refused", "no")))
    with pytest.raises(Transient):
        is_proved_dead(login(Transient("x.away", "no answer")))
    with pytest.raises(RotationError) as caught:
        is_proved_dead(login())
    assert caught.value.code == "handover.still-alive"


def test_a_connection_that_nobody_declared_is_told_before_any_login(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        with pytest.raises(UnknownName):
            login_of(here, "old")
        with pytest.raises(UnknownName) as caught:
            refuse_unfit(here, "old", "new", "app")
        assert caught.value.hint == "the configuration has none"
