from dataclasses import replace

from rotation.types import CURRENT
from tests.rotation.cli.conftest import STREAM, Shell


def test_adopt_writes_down_what_is_there_and_changes_only_the_claim(shell: Shell) -> None:
    before = dict(shell.world.labels), set(shell.world.instances)
    done = shell.run("adopt", "app")
    assert done.exit_code == 0, done.output
    assert "KEY1 is the current credential" in done.stdout
    assert (dict(shell.world.labels), set(shell.world.instances)) == before
    assert shell.journal.entries(STREAM)[0].who == "alice"


def test_an_adoption_that_may_not_claim_does_not_call_the_secret_dead(shell: Shell) -> None:
    shell.world.claim = None
    shell.world.denied.add("store.claim")
    done = shell.run("adopt", "app")
    assert done.exit_code == 11, done.output
    assert "works now: whatever worked before: an adoption changes nothing" in done.stdout


# ------------------------------------------------------------------------------ typing mistakes


def test_create_of_a_secret_that_has_a_value_opens_nothing(shell: Shell) -> None:
    before = len(shell.adopted().journal.entries(STREAM))
    done = shell.run("create", "app")
    assert done.exit_code == 5
    assert "rotation adopt app" in done.stderr
    assert len(shell.journal.entries(STREAM)) == before


def test_create_with_a_template_of_keys_that_an_empty_secret_lacks_opens_nothing(
    shell: Shell,
) -> None:
    shell.world.labels.clear()
    spec = shell.configuration.spec
    url = "https://{id}:{secret}@{host}/{db}"
    shell.configuration.spec = replace(spec, composed={"url": url})
    done = shell.run("create", "app")
    assert done.exit_code == 5
    assert "db, host" in done.stderr
    assert not shell.journal.entries(STREAM)


def test_retire_with_consumers_still_declared_opens_nothing(shell: Shell) -> None:
    before = len(shell.adopted().journal.entries(STREAM))
    done = shell.run("retire", "app", "--yes")
    assert done.exit_code == 5
    assert "api, batch" in done.stderr
    assert len(shell.journal.entries(STREAM)) == before


def test_an_adoption_that_is_held_is_begun_anew_once_its_cause_is_mended(shell: Shell) -> None:
    version = shell.world.labels[CURRENT]
    right = shell.world.versions[version]
    shell.world.versions[version] = (right[0], "not-what-logs-in")
    assert shell.run("adopt", "app", "--wait").exit_code == 11
    shell.world.versions[version] = right
    done = shell.run("adopt", "app", "--wait")
    assert done.exit_code == 0, done.output
