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
