from tests.rotation.cli.conftest import Shell


def test_rotate_waits_to_the_end_where_told_to(shell: Shell) -> None:
    done = shell.adopted().run("rotate", "app", "--wait")
    assert done.exit_code == 0, done.output
    assert "KEY1 is dead (proved)" in done.stdout
    assert set(shell.world.instances) == {"KEY2"}
    assert shell.world.outages == []
