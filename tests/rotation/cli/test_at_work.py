"""Who goes on is said truly while another command is alive and at it."""

from rotation.journal.liveness import RunnerLock, runners_of
from rotation.machine.replay import replay
from tests.support.shell import STREAM, Shell, draining


def test_a_living_command_that_works_on_it_is_named(shell: Shell) -> None:
    other = replay(draining(shell).journal.entries(STREAM)).last.runner
    directory = runners_of(shell.configuration.journal)
    (directory / other).unlink()
    with RunnerLock(directory, other):
        for words in (("status",), ("run",)):
            reply = shell.run(*words).stdout
            assert f"{other} is alive and goes on by itself" in reply
            assert "nobody goes on with it" not in reply
        goes_on = shell.json("status")["secrets"][0]["goes_on"]
        assert (goes_on["who"], goes_on["command"]) == (other, None)
    assert "nobody goes on with it; `rotation run` does" in shell.run("status").stdout
