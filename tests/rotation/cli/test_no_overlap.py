"""Issuers without overlap, as a person meets them: what is said before, meanwhile and after."""

import pytest

from rotation.errors import Transient
from tests.support.shell import STREAM, Shell


@pytest.fixture(params=["in-place", "delegated"])
def alone(shell: Shell, request: pytest.FixtureRequest) -> Shell:
    """There is one credential at a time."""
    shell.world.overlap, shell.world.chosen = False, request.param == "in-place"
    return shell.adopted()


def test_a_plan_says_who_fails_and_for_how_long(alone: Shell) -> None:
    shown = " ".join(alone.run("plan", "app").stdout.split())
    assert "begun now, without overlap: from " in shown
    assert "consumers with the old value fail" in shown
    assert "suspend" not in shown
    reply = alone.json("plan", "app")
    assert reply["plan"] in ("in-place", "delegated")
    assert len(reply["without_access"]) == 2
    assert reply["destroy_not_before"] is None


def test_it_is_replaced_and_proved_dead(alone: Shell) -> None:
    old = next(iter(alone.world.instances))
    reply = alone.json("rotate", "app", "--wait")["rotations"][0]
    assert (reply["outcome"], reply["destroyed"], reply["death"]) == ("succeeded", [old], "proved")
    assert list(alone.world.instances) == [alone.world.versions[alone.world.labels["current"]][0]]


def test_an_emergency_replaces_what_leaked_at_once(alone: Shell) -> None:
    old = next(iter(alone.world.instances))
    done = alone.run("emergency", "app", "--yes", "--reason", "leaked")
    assert done.exit_code == 0, done.output
    assert f"{old} is replaced at the issuer" in done.stderr
    assert old in alone.world.graves


def test_there_is_no_way_back_once_it_may_be_dead(alone: Shell) -> None:
    def before(number: int, name: str) -> None:
        if name == "store.promote":
            raise Transient("sim.down", "the store is down")

    alone.world.before = before
    assert alone.run("rotate", "app").exit_code == 12
    refused = alone.run("rollback", "app", "--yes")
    assert refused.exit_code == 5
    assert "request.too-late" in refused.stderr
    assert "gone" in alone.run("status", "app").stdout + alone.run("show", "app").stdout
    alone.world.before = None
    assert alone.run("run", "--wait").exit_code == 0
    row = alone.journal.identity(STREAM)
    assert row is not None
    assert row.last_outcome == "succeeded"
