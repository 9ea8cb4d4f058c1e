from tests.rotation.cli.conftest import STREAM, Shell


def test_adopt_writes_down_what_is_there_and_changes_only_the_claim(shell: Shell) -> None:
    before = dict(shell.world.labels), set(shell.world.instances)
    done = shell.run("adopt", "app")
    assert done.exit_code == 0, done.output
    assert "KEY1 is the current credential" in done.stdout
    assert (dict(shell.world.labels), set(shell.world.instances)) == before
    assert shell.journal.entries(STREAM)[0].who == "alice"
