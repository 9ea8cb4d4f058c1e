"""A person's verbs: entries, refused with what works instead where they cannot help."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from rotation.journal.entries import Kind
from rotation.types import CURRENT
from tests.support.shell import STREAM, Shell, draining, held_for_an_unknown_instance


def test_nothing_open_is_refused_with_what_works(shell: Shell) -> None:
    for words in (("resume", "app"), ("rollback", "app"), ("abandon", "app")):
        done = (
            shell.adopted().run(*words) if not shell.journal.entries(STREAM) else shell.run(*words)
        )
        assert done.exit_code == 5
        assert "rotation rotate app" in done.stderr


def test_an_exit_that_the_reason_does_not_have_is_refused(shell: Shell) -> None:
    done = held_for_an_unknown_instance(shell).run("resolve", "app", "--accept-current", "--yes")
    assert done.exit_code == 5
    assert "rotation resolve app --foreign KEY2" in done.stderr
    assert not [e for e in shell.journal.entries(STREAM) if e.kind is Kind.REQUESTED]


def test_only_the_instance_in_question_can_be_resolved(shell: Shell) -> None:
    done = held_for_an_unknown_instance(shell).run("resolve", "app", "--ours", "KEY1", "--yes")
    assert done.exit_code == 6
    assert "KEY2" in done.stderr


def test_a_foreign_instance_fills_the_slot_and_an_abandoned_rotation_touches_nothing(
    shell: Shell,
) -> None:
    done = held_for_an_unknown_instance(shell).run("resolve", "app", "--foreign", "KEY2", "--yes")
    assert done.exit_code == 11
    assert "held.slot-full" in done.stdout
    done = shell.run("abandon", "app", "--yes")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY1", "KEY2"}
    assert all(instance.active for instance in shell.world.instances.values())


def test_what_readers_get_is_not_called_destroyed(shell: Shell) -> None:
    world = draining(shell).world
    world.versions["edited"] = world.versions[world.labels[CURRENT]]
    world.labels[CURRENT] = "edited"
    assert shell.run("run", "--wait").exit_code == 11
    done = shell.run("resolve", "app", "--accept-current", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert "destroy-new: done (nothing to do)" in done.stderr
    assert "nothing to do" in shell.run("show", "app").stdout
    assert world.instances["KEY2"].active


def test_rollback_before_destroy_brings_the_old_one_back(shell: Shell) -> None:
    done = draining(shell).run("rollback", "app", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY1"}
    assert shell.world.labels[CURRENT] == "v0"
    assert shell.world.outages == []


def test_on_the_way_back_nobody_is_said_not_to_have_it_yet(shell: Shell) -> None:
    spec = shell.configuration.spec
    slow = tuple(replace(each, refresh_s=600) for each in spec.consumers)
    shell.configuration.spec = replace(spec, consumers=slow)
    shell.adopted().run("rotate", "app")
    shell.run("rollback", "app", "--yes")
    reply = shell.run("status", "app").stdout
    assert "KEY2 is new, works, and some may still have it" in reply


def test_what_is_not_held_is_ended_by_going_back(shell: Shell) -> None:
    done = draining(shell).run("abandon", "app", "--yes")
    assert (done.exit_code, "`rotation rollback app`" in done.stderr) == (5, True)
    shell.run("rollback", "app", "--yes")
    assert "rollback" not in shell.run("abandon", "app", "--yes").stderr


def test_a_question_without_a_terminal_names_the_flag(shell: Shell) -> None:
    done = draining(shell).run("rollback", "app")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert shell.world.labels[CURRENT] != "v0"


def test_a_paused_rotation_stands_still_until_it_is_let_go_on(shell: Shell) -> None:
    assert draining(shell).run("pause", "app", "--reason", "wait for Monday").exit_code == 0
    done = shell.run("rotate", "app", "--wait")
    assert "paused by alice: wait for Monday" in done.stdout
    assert shell.world.instances["KEY1"].active
    done = shell.run("unpause", "app", "--wait")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}
    assert shell.run("unpause", "app").exit_code == 5


def test_a_paused_secret_is_not_opened_until_it_goes_on(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("pause", "app", "--reason", "audit").exit_code == 0
    assert shell.run("rotate", "app").exit_code == 5
    assert "nothing is due" in shell.run("run").stderr
    assert shell.json("status")["secrets"][0]["state"] in ("paused", "past-max-age")
    assert shell.run("unpause", "app").exit_code == 0
    assert shell.run("rotate", "app").exit_code == 0
    assert "KEY2" in shell.world.instances


def test_a_destruction_by_hand_waits_for_its_own_confirmation(shell: Shell) -> None:
    shell.configuration.spec = replace(shell.configuration.spec, destroy_by_hand=True)
    done = shell.adopted().run("rotate", "app", "--wait")
    assert done.exit_code == 11, done.output
    assert "rotation resume app --destroy" in done.stdout
    assert shell.run("resume", "app", "--yes").exit_code == 5
    done = shell.run("resume", "app", "--destroy", "--yes", "--wait")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}


def test_an_unknown_name_is_exit_6_and_names_the_nearest(shell: Shell) -> None:
    done = shell.run("resume", "ap")
    assert done.exit_code == 6
    assert "did you mean app?" in done.stderr


def test_an_error_is_json_where_a_program_reads(shell: Shell) -> None:
    done = shell.run("resume", "nothing-like-it", "-o", "json")
    assert done.exit_code == 6
    assert '"code": "cli.unknown-secret"' in done.stderr
    assert done.stdout == ""


def test_the_former_names_are_understood_and_listed_nowhere(shell: Shell) -> None:
    assert shell.adopted().run("hold", "app", "--reason", "audit").exit_code == 0
    assert "app is paused" in shell.run("rotate", "app").stderr
    assert shell.run("release", "app").exit_code == 0
    text = shell.run("--help").stdout
    assert "  pause " in text and "  hold " not in text


def test_a_pause_with_an_end_ends_by_itself(shell: Shell) -> None:
    shell.adopted()
    until = (shell.world.now + timedelta(days=9)).date()
    done = shell.run("pause", "app", "--reason", "audit", "--until", f"{until}")
    assert f"app is paused until {until}" in done.stdout
    assert shell.run("run", "--wait").exit_code == 0
    text = shell.run("status", "app").stdout
    assert "paused by alice: audit" in text
    assert f"the pause ends {until}" in text
    assert shell.json("status")["secrets"][0]["on_hold_until"].startswith(f"{until}T00:00:00")
    assert set(shell.world.instances) == {"KEY1"}
    shell.world.advance(shell.world.now + timedelta(days=9))
    done = shell.run("run", "--wait")
    assert "app: its pause has ended" in done.stderr
    assert "paused" not in shell.run("status", "app").stdout
    assert shell.json("status")["secrets"][0]["on_hold_until"] is None


def test_an_open_rotation_goes_on_when_its_pause_has_ended(shell: Shell) -> None:
    draining(shell).run("pause", "app", "--reason", "wait", "--until", "36h")
    done = shell.run("run", "--wait")
    assert "paused by alice: wait" in done.stdout
    shell.world.advance(shell.world.now + timedelta(hours=36))
    shell.run("run", "--wait")
    assert set(shell.world.instances) == {"KEY2"}


@pytest.mark.parametrize("until", ["2020-01-01", "tomorrow", "0s", "2026-13-01", "", "999999d999"])
def test_an_end_that_is_none_pauses_nothing(shell: Shell, until: str) -> None:
    done = shell.adopted().run("pause", "app", "--reason", "x", "--until", until)
    assert done.exit_code == 2
    assert "cli.pause-end" in done.stderr
    assert shell.json("status")["secrets"][0]["on_hold"] is None


def test_a_paused_secret_that_is_not_open_says_who_and_why(shell: Shell) -> None:
    shell.adopted().run("pause", "app", "--reason", "audit")
    text = shell.run("status").stdout
    assert "paused by alice: audit" in text
    assert "way out: rotation unpause app" in text


def test_pausing_and_freezing_are_told_to_a_program(shell: Shell) -> None:
    shell.adopted()
    reply = shell.json("pause", "app", "--reason", "audit")
    assert (reply["kind"], reply["secret"], reply["paused"]) == ("pause", "app", True)
    assert shell.json("unpause", "app")["paused"] is False
    assert shell.json("freeze", "--reason", "incident")["frozen"] is True
    assert shell.json("freeze", "--lift")["frozen"] is False
    beside = shell.json("freeze", "--all", "--reason", "incident")
    assert beside["file"].endswith(".frozen")
    assert shell.json("freeze", "--all", "--lift")["frozen"] is False


def test_an_error_is_one_document_of_its_own_kind(shell: Shell) -> None:
    done = shell.adopted().run("unpause", "app", "-o", "json")
    reply = json.loads(done.stderr)
    assert (done.stdout, reply["kind"], reply["schema_version"]) == ("", "error", 1)
    assert reply["error"]["code"] == "request.not-on-hold"
    assert reply["error"]["hint"]


def test_a_mistyped_instance_is_refused_before_anything_is_written(shell: Shell) -> None:
    """Also where the Held row names none."""
    shell.adopted()
    shell.world.mint(by_person=True)
    shell.run("rotate", "app")
    shell.run("resolve", "app", "--foreign", "KEY2", "--yes")  # the slot is full now
    before = len(shell.journal.entries(STREAM))
    done = shell.run("resolve", "app", "--ours", "KEY9", "--yes")
    assert done.exit_code == 6, done.output
    assert len(shell.journal.entries(STREAM)) == before


def somebody_wrote(shell: Shell, handle: str, secret: str = "wrong") -> Shell:
    """readers get this now, which the journal did not record; a person accepts it."""
    world = shell.adopted().world
    world.versions["theirs"] = (handle, secret)
    world.labels[CURRENT] = "theirs"
    assert shell.run("rotate", "app").exit_code == 11
    return shell


@pytest.mark.parametrize("wrote", [("KEY9", "unlisted"), ("KEY1", "wrong")])
def test_what_is_accepted_and_dead_is_not_said_to_work(
    shell: Shell, wrote: tuple[str, str]
) -> None:
    done = somebody_wrote(shell, *wrote).run(
        "resolve", "app", "--accept-current", "--yes", "--wait"
    )
    assert done.exit_code == 12, done.output
    assert "they are without a working credential" in done.stdout
    assert f"readers get {wrote[0]}," in done.stdout
    assert "rotation rollback app" not in done.stdout  # nothing of ours was promoted
    assert "way out: rotation rotate app --replace" in done.stdout


def test_what_is_replaced_is_what_readers_get(shell: Shell) -> None:
    somebody_wrote(shell, "KEY9").run("resolve", "app", "--accept-current", "--yes", "--wait")
    shell.world.mint(by_person=True)  # and so nothing can be made
    done = shell.run("rotate", "app", "--replace")
    assert done.exit_code == 12, done.output
    assert "readers get KEY9, which is gone" in done.stdout
    assert "KEY1, which is gone" not in done.stdout
    assert shell.world.instances["KEY1"].active


def test_a_held_one_that_is_paused_says_so_and_how_it_goes_on(shell: Shell) -> None:
    """To resume it would only make it wait."""
    held_for_an_unknown_instance(shell).run("pause", "app", "--reason", "audit")
    for words in (("status", "app"), ("show", "app"), ("run",)):
        reply = shell.run(*words).stdout
        assert reply.count("paused by alice: audit") == 1, words
        assert reply.index("way out: rotation unpause app") < reply.index(
            "way out: rotation resolve"
        )
    [status], [arrived] = shell.json("status")["secrets"], shell.json("run", code=11)["rotations"]
    for document in (status, arrived, shell.json("show", "app")):
        assert (document["on_hold"], document["on_hold_by"]) == ("audit", "alice")
        assert document["exits"][0] == "rotation unpause app"
    shell.run("unpause", "app")
    assert shell.json("status")["secrets"][0]["on_hold"] is None
    assert "unpause" not in shell.run("status", "app").stdout
