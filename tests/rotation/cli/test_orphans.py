"""An entry that left the file while the journal still has something of it."""

from dataclasses import dataclass

import pytest

from rotation.config import ConfiguredSecret
from rotation.errors import UsageError
from tests.support.shell import APP, STREAM, FakeConfiguration, Shell, SimulatedSession


@dataclass
class Without(FakeConfiguration):
    """`app` is no longer in it."""

    def secret(self, name: str) -> ConfiguredSecret | None:
        return self.entry if name == "other" else None


@pytest.fixture
def orphaned(shell: Shell) -> Shell:
    """Held, and then its entry went."""
    shell.adopted().world.denied.add("probe.login")
    assert shell.run("rotate", "app").exit_code == 11
    before = shell.configuration
    other = APP._replace(id="other", identity="another/one")
    shell.configuration = Without(spec=before.spec, journal=before.journal, entry=other)
    return shell


def test_every_verb_that_looks_finds_it_by_its_name(orphaned: Shell) -> None:
    for verb in ("status", "doctor", "show", "history"):
        done = orphaned.run(verb, "app")
        assert done.exit_code in (0, 11), done.output
        assert "held" in done.stdout, verb
    [reply] = orphaned.json("status", "app")["secrets"]
    assert reply["held"] == "held.denied"
    assert "rotation resume app" in reply["exits"]
    for verb in ("status", "doctor"):
        assert orphaned.run(verb, "nobody").exit_code == 6


def test_what_is_refused_changes_nothing(orphaned: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def unbuilt(*_: object) -> None:
        raise UsageError("plugin.no-connection", "the connection is gone", "bring it back")

    monkeypatch.setattr(SimulatedSession, "bind", unbuilt)
    before = orphaned.journal.entries(STREAM)
    for words in (["resume", "app"], ["rollback", "app", "--yes"]):
        done = orphaned.run(*words)
        assert done.exit_code == 2, done.output
        assert "plugin.no-connection" in done.stderr
    assert orphaned.journal.entries(STREAM) == before
    assert "way out: rotation resume app" in orphaned.run("status", "app").stdout


def test_the_advice_leads_out(orphaned: Shell) -> None:
    orphaned.world.denied.clear()
    assert orphaned.run("rollback", "app", "--yes", "--wait").exit_code == 0
    assert "put app back into the configuration" in orphaned.run("status", "app").stdout
    here = orphaned.configuration
    orphaned.configuration = FakeConfiguration(spec=here.spec, journal=here.journal)
    done = orphaned.run("retire", "app", "--yes", "--gap", "shut down", "--wait")
    assert done.exit_code == 0, done.output
    assert orphaned.world.instances == {}
    orphaned.configuration = here
    assert "app" not in {each["secret"] for each in orphaned.json("status")["secrets"]}
