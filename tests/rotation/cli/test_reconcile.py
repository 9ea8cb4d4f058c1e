"""`reconcile`: the world against the journal, and nothing is changed."""

from collections.abc import Callable

import pytest

from rotation.journal.entries import Draft, Kind, Lease
from rotation.journal.facts import Opened
from rotation.machine.replay import replay
from rotation.types import CURRENT, PENDING, Facts
from tests.support.full_disk import full_disk
from tests.support.shell import STREAM, Shell
from tests.support.world import World


def test_an_equal_world(shell: Shell) -> None:
    before = dict(shell.adopted().world.labels)
    reply = shell.json("reconcile")
    assert reply["secrets"] == [{"secret": "app", "equal": True, "differences": []}]
    assert shell.world.labels == before


def test_an_open_rotation_is_no_difference(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert shell.json("reconcile", "app")["secrets"][0]["equal"]


def _moved(world: World) -> None:
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels[CURRENT] = "other"


def _staged(world: World) -> None:
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels[PENDING] = "other"


def _labelled(world: World) -> None:
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels["previous"] = "other"


def _deleted(world: World) -> None:
    del world.instances["KEY1"]


def _claimed(world: World) -> None:
    world.claim = "ffffffffffff"


@pytest.mark.parametrize(
    ("happen", "code"),
    [
        (_moved, "held.world-changed"),
        (_staged, "held.pending-foreign"),
        (_labelled, "held.unknown-pointer"),
        (_deleted, "held.instance-missing"),
        (_claimed, "held.claim-foreign"),
        (lambda world: world.mint(by_person=True), "held.unknown-instance"),
    ],
)
def test_each_difference_is_named(
    shell: Shell, happen: Callable[[World], object], code: str
) -> None:
    happen(shell.adopted().world)
    reply = shell.json("reconcile", "app", code=12 if happen is _deleted else 11)
    hints = {each["code"]: each["hint"] for each in reply["secrets"][0]["differences"]}
    # What to do next is said with the name, so that it can be typed.
    assert " app" in hints[code]


def test_all_differences_are_told_at_once(shell: Shell) -> None:
    _staged(shell.adopted().world)
    _claimed(shell.world)
    reply = shell.json("reconcile", "app", code=11)
    assert len(reply["secrets"][0]["differences"]) == 2


def test_what_the_journal_does_not_know_is_to_be_adopted(shell: Shell) -> None:
    done = shell.run("reconcile")
    assert done.exit_code == 1
    assert "rotation adopt app" in done.stdout


def stop(shell: Shell) -> None:
    facts: Facts = {"read_only": True, "reason": "3 secrets of aws carry unknown versions"}
    shell.journal.record(Draft(kind=Kind.FROZEN, facts=facts), "r", shell.world.now)


def test_a_read_only_installation_changes_nothing_until_somebody_reconciled(shell: Shell) -> None:
    shell.adopted()
    stop(shell)
    instances, calls = len(shell.world.instances), len(shell.world.calls)
    for words in (("rotate", "app"), ("run",)):
        done = shell.run(*words, "--here")
        assert done.exit_code == 5
        assert "read-only: 3 secrets" in done.stderr
        assert "rotation reconcile" in done.stderr
    assert replay(shell.journal.entries(STREAM)).plan == "adopt"
    assert len(shell.world.calls) == calls
    assert shell.run("status").stdout.startswith("READ-ONLY: 3 secrets")
    assert "no longer read-only" in shell.run("reconcile").output
    assert "READ-ONLY" not in shell.run("status").stdout
    shell.run("rotate", "app", "--here")
    assert len(shell.world.instances) == instances + 1


def test_a_read_only_installation_still_contains(shell: Shell) -> None:
    shell.adopted()
    stop(shell)
    shell.run("emergency", "app", "--yes", "--reason", "leaked", "--here")
    assert not shell.world.instances["KEY1"].active


def test_an_interrupted_containment_goes_on_where_everything_is_read_only(shell: Shell) -> None:
    shell.adopted()
    said = Opened(scope=["KEY1"], reason="leaked")
    baseline = replay(shell.journal.entries(STREAM)).result
    spec = shell.configuration.spec
    shell.elsewhere().open_emergency(STREAM, spec, baseline, who="alice", said=said)
    shell.journal.release(Lease(stream=STREAM, runner="serve-elsewhere", epoch=epoch(shell)))
    stop(shell)
    shell.run("run", "--here")
    assert not shell.world.instances["KEY1"].active
    assert set(shell.world.instances) == {"KEY1"}


def epoch(shell: Shell) -> int:
    row = shell.journal.identity(STREAM)
    assert row is not None
    return row.epoch


def test_a_freeze_of_all_needs_no_journal(shell: Shell) -> None:
    file = shell.configuration.journal.with_name("journal.db.frozen")
    del shell.journal
    assert shell.run("freeze", "--all", "--reason", "disk").exit_code == 0
    assert file.read_text() == "disk\n"
    assert shell.run("freeze", "--all", "--lift").exit_code == 0
    assert not file.exists()
    shell.configuration.journal = file.with_name("no-such-place") / "journal.db"
    done = shell.run("freeze", "--all", "--reason", "disk")
    assert done.exit_code == 9
    assert "installation.freeze-file" in done.stderr


def test_on_a_full_disk_nothing_is_frozen_where_it_says_so(shell: Shell) -> None:
    file = shell.configuration.journal.with_name("journal.db.frozen")
    before = sorted(file.parent.iterdir())
    with full_disk():
        done = shell.run("freeze", "--all", "--reason", "disk")
    assert (done.exit_code, "nothing was changed" in done.stderr) == (9, True)
    assert sorted(file.parent.iterdir()) == before, "nor is half a file left"
    assert shell.json("status")["stops"] == []
    shell.run("freeze", "--all", "--reason", "first")
    with full_disk():
        assert shell.run("freeze", "--all", "--reason", "second").exit_code == 9
    assert file.read_text() == "first\n"
    assert file.stat().st_mode & 0o444 == 0o444, "runners of other users read why"
    assert "an empty file of that name freezes as well" in " ".join(done.stderr.split())
    file.write_text("")
    assert shell.json("status")["stops"][0]["message"].startswith("frozen: freeze --all")


def test_a_freeze_file_adds_no_line_to_a_report(shell: Shell) -> None:
    file = shell.configuration.journal.with_name("journal.db.frozen")
    file.write_text("disk\n\nFORGED: all is well\n\tmore\n")
    lines = shell.run("status").stdout.splitlines()
    assert lines[0].startswith("FROZEN: disk FORGED: all is well more;")
    assert not [line for line in lines if line.startswith("FORGED")]


def test_while_the_file_is_there_nothing_is_opened_and_everybody_is_told(shell: Shell) -> None:
    shell.adopted()
    saved = str(shell.configuration.journal.with_name("saved.json"))
    assert shell.run("plan", "--out", saved).exit_code == 0
    assert shell.run("freeze", "--all", "--reason", "the disk fails").exit_code == 0
    for words in (("run",), ("run", "--plan", saved)):
        done = shell.run(*words)
        assert done.exit_code == 5
        assert "frozen: the disk fails" in done.stderr
        assert "rotation freeze --all --lift" in done.stderr
    assert replay(shell.journal.entries(STREAM)).plan == "adopt"
    for words in (("status",), ("plan",), ("plan", "app")):
        assert shell.run(*words).stdout.startswith("FROZEN: the disk fails")
    for verb in ("status", "plan"):
        assert [reply["code"] for reply in shell.json(verb)["stops"]] == ["installation.frozen"]
    shell.run("freeze", "--all", "--lift")
    assert shell.run("run").exit_code == 0
    assert replay(shell.journal.entries(STREAM)).plan == "routine"
    assert shell.json("status")["stops"] == []


@pytest.mark.parametrize("of", ["KEY1", "KEY2"])
def test_what_is_missing_in_the_middle_of_a_rotation_is_told(shell: Shell, of: str) -> None:
    """Also where readers get the other one."""
    shell.adopted().run("rotate", "app", "--here")
    del shell.world.instances[of]
    reply = shell.json("reconcile", "app", code=12 if of == "KEY2" else 11)
    [difference] = reply["secrets"][0]["differences"]
    assert difference["code"] == "held.instance-missing"
    assert of in difference["message"]


def held_at_suspend(shell: Shell) -> Shell:
    """Readers have KEY2; KEY1 could not be switched off, and works."""
    shell.adopted().world.denied.add("issuer.suspend")
    done = shell.run("rotate", "app", "--here", "--wait")
    assert done.exit_code == 11, done.output
    assert "KEY1 works too" in done.stdout
    shell.world.denied.clear()
    return shell


@pytest.mark.parametrize("of", ["KEY1", "KEY2"])
def test_what_is_off_and_was_not_switched_off_here_is_told(shell: Shell, of: str) -> None:
    """As after the restore of a backup that was taken before the old one was switched off."""
    held_at_suspend(shell).world.instances[of].active = False
    reply = shell.json("reconcile", "app", code=12 if of == "KEY2" else 11)
    [difference] = reply["secrets"][0]["differences"]
    assert difference["code"] == "held.found-suspended"
    assert of in difference["message"]


def test_what_is_off_by_our_own_doing_is_no_difference(shell: Shell) -> None:
    held_at_suspend(shell).run("resume", "app", "--yes", "--here")
    assert not shell.world.instances["KEY1"].active
    assert shell.json("reconcile", "app")["secrets"][0]["equal"]


def test_what_a_look_found_off_is_not_said_to_work(shell: Shell) -> None:
    held_at_suspend(shell).world.instances["KEY1"].active = False
    shell.run("reconcile")
    for words in (("status", "app"), ("show", "app"), ("run",)):
        reply = shell.run(*words).stdout
        assert "KEY1 works too" not in reply, words
        assert "KEY1 is off, reversibly (seen" in reply, words
    [one] = shell.json("status", "app")["secrets"]
    assert one["what_works"] == "KEY2 works, and readers get it; KEY1 is off, reversibly"
    shell.world.instances["KEY1"].active = True
    shell.run("reconcile")
    assert "KEY1 works too" in shell.run("status", "app").stdout


def test_what_readers_get_and_a_look_found_off_leaves_them_down(shell: Shell) -> None:
    held_at_suspend(shell).world.instances["KEY2"].active = False
    assert shell.run("status", "--check").exit_code == 11
    shell.run("reconcile")
    assert shell.run("status", "--check").exit_code == 12
    assert shell.run("run").exit_code == 12


def test_a_look_writes_only_news(shell: Shell) -> None:
    held_at_suspend(shell).world.instances["KEY1"].active = False
    shell.run("reconcile")
    written = len(shell.journal.installation_entries())
    shell.run("reconcile")
    assert len(shell.journal.installation_entries()) == written


def test_a_row_that_came_after_the_look_knows_better(shell: Shell) -> None:
    held_at_suspend(shell).world.instances["KEY1"].active = False
    shell.run("reconcile")
    shell.world.instances["KEY1"].active = True
    shell.world.denied.add("issuer.suspend")
    assert shell.run("resume", "app", "--yes", "--here").exit_code == 11
    assert "KEY1 works too" in shell.run("show", "app").stdout


def test_what_is_off_is_switched_on_before_it_is_resumed(shell: Shell) -> None:
    """To resume alone leads to the same Held."""
    held_at_suspend(shell).world.instances["KEY1"].active = False
    done = shell.run("resume", "app", "--yes", "--here")
    assert done.exit_code == 11
    assert "else switch it on at the service, then `rotation resume`" in done.stdout
    assert "way out: rotation resume app, once it is switched on again" in done.stdout
    assert "rotation resume app" in shell.json("status", "app")["secrets"][0]["exits"]
