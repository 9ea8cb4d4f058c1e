"""Entries that log in as one user, from the view of each of them."""

from rotation.config import ConfiguredSecret
from rotation.journal.memory import MemoryJournal
from rotation.operations.sharing import Sharing
from tests.support.shell import APP, Shell


class Two:
    """A configuration with another entry that reaches the same login."""

    def __init__(self, *entries: ConfiguredSecret) -> None:
        self.entries = entries

    def secret(self, name: str) -> ConfiguredSecret | None:
        return next((entry for entry in self.entries if entry.id == name), None)

    def secrets(self) -> tuple[ConfiguredSecret, ...]:
        return self.entries


def test_another_entry_of_that_login_is_named_and_never_itself(shell: Shell) -> None:
    own = APP._replace(turns=("app_login",))
    other = APP._replace(id="other", identity="other", turns=("app_login",))
    spec, past = shell.configuration.spec, MemoryJournal("0123456789ab")
    both = Sharing(lambda: Two(own, other), past)  # type: ignore[arg-type, return-value]
    assert both(spec, []) == ["other"]
    alone = Sharing(lambda: Two(own), past)  # type: ignore[arg-type, return-value]
    assert alone(spec, ["app_login"]) == []
    assert Sharing(lambda: Two(APP), past)(spec, []) == []  # type: ignore[arg-type, return-value]
