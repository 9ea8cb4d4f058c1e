"""When an old login counts as dead."""

import pytest

from rotation.errors import Denied, LoginRefused, Transient
from rotation.operations import handover
from rotation.operations.logins import Login
from tests.support.shell import Shell


@pytest.mark.parametrize(
    ("kind", "code", "reply"),
    [
        (LoginRefused, 0, "the login of old is dead (proved)\n"),
        (Denied, 3, ""),
        (Transient, 9, ""),
    ],
)
def test_only_a_refusal_of_the_login_itself_is_a_proof(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: type, code: int, reply: str
) -> None:
    error = kind("vault.said", "it said no", "look")
    monkeypatch.setattr(shell.configuration, "connections", {"old": None}, raising=False)
    monkeypatch.setattr(
        handover,
        "ask",
        lambda session, name: Login(name=name, type="vault", owner=None, error=error),
    )
    done = shell.run("handover", "old", "--dead")
    assert (done.exit_code, done.stdout) == (code, reply)
