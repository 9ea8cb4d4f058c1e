"""`was: OLD`: the old name is answered with the new one, and what was begun under it goes on."""

from dataclasses import dataclass, replace

import pytest

from rotation.config import ConfiguredSecret
from tests.support.shell import STREAM, FakeConfiguration, Shell


@dataclass
class Renamed(FakeConfiguration):
    """`app` is called `shop` now."""

    def secret(self, name: str) -> ConfiguredSecret | None:
        return self.entry if name in ("app", "shop") else None


@pytest.fixture
def renamed(shell: Shell) -> Shell:
    """In the middle of a rotation that began as `app`."""
    shell.adopted()
    assert shell.run("rotate", "app").exit_code == 0
    old = shell.configuration
    shell.configuration = Renamed(
        spec=replace(old.spec, secret="shop"), journal=old.journal,
        entry=old.entry._replace(id="shop"),
    )  # fmt: skip
    return shell


def test_a_rotation_that_is_open_goes_on_under_the_new_name(renamed: Shell) -> None:
    done = renamed.run("run", "--wait")
    assert done.exit_code == 0, done.output
    assert "shop  done" in done.stdout
    assert {entry.stream for entry in renamed.journal.entries(STREAM)} == {STREAM}


@pytest.mark.parametrize("verb", ["status", "plan", "reconcile"])
def test_who_says_the_old_name_is_told_the_new_one(renamed: Shell, verb: str) -> None:
    done = renamed.run(verb, "app")
    assert done.exit_code == 0, done.output
    assert done.stderr.count("app is called shop now") == 1
    assert "shop" in done.stdout
    assert "shop now" not in renamed.run(verb, "shop").stderr


def test_what_is_done_by_the_old_name_is_told_by_the_new_one(renamed: Shell) -> None:
    for words in (["hold", "app", "--reason", "x"], ["release", "app"]):
        assert "app is called shop now" in renamed.run(*words).stderr
    [reply] = renamed.json("run", "--wait")["rotations"]
    assert reply["secret"] == "shop"
