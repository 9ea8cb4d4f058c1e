"""What each connection logs in with."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from rotation.errors import RotationError, Transient
from rotation.operations.logins import ask
from tests.support.shell import Shell, at_work


@dataclass
class Connected:
    """A connection that says what it is logged in as, or why it does not know."""

    answer: Any

    def connection(self, name: str) -> "Connected":
        return self

    def close(self) -> None:
        """There is nothing to close."""

    def own_credential(self) -> Any:
        if isinstance(self.answer, RotationError):
            raise self.answer
        return self.answer


def asked(shell: Shell, answer: Any) -> Any:
    options = SimpleNamespace(owner="team")
    shell.configuration.connections["main"] = SimpleNamespace(type="aws", options=options)
    with at_work(shell) as here:
        here.registry = Connected(answer)
        return ask(here, "main")


def test_it_is_asked_at_its_own_service(shell: Shell) -> None:
    own = object()
    found = asked(shell, own)
    assert (found.name, found.type, found.owner, found.own) == ("main", "aws", "team", own)


def test_where_nothing_answers_the_reason_is_kept(shell: Shell) -> None:
    away = Transient("x.away", "no answer")
    found = asked(shell, away)
    assert (found.own, found.error) == (None, away)
