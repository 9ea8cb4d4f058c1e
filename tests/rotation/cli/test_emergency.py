"""`emergency`: the scope before the question, containment at once, every printed line true."""

import re
from dataclasses import replace

import click
import pytest

from rotation.cli import prompts
from rotation.cli.continuation import goes_on_lines
from rotation.cli.session import Session
from rotation.errors import Transient
from rotation.journal.entries import Draft, Kind
from rotation.journal.facts import Opened, Requested
from rotation.machine.replay import replay
from rotation.operations.survey import survey
from tests.support.shell import STREAM, Shell
from tests.support.simulator import SimulatedIssuer, bound


def test_an_emergency_contains_replaces_and_destroys(shell: Shell) -> None:
    shell.adopted()
    shell.world.emergency = True
    done = shell.run("emergency", "app", "--yes", "--reason", "KEY1 was pasted in a chat")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}
    assert "the issuer accepted the switch-off of KEY1" in done.stderr
    assert "KEY1 is dead (proved)" in done.stdout
    assert "what it may not end: sessions that were obtained with it earlier" in done.stderr
    opened = shell.journal.entries(STREAM)[0]
    assert (opened.who, opened.facts["reason"]) == ("alice", "KEY1 was pasted in a chat")


def test_at_its_end_it_says_how_to_see_what_the_leaked_one_did(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "audit_command", lambda self, spec, handle: f"look-up {handle}")
    shell.adopted().world.emergency = True
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert "what KEY1 did, by region: look-up KEY1" in done.stderr


def test_it_goes_on_where_nobody_reads_its_progress_any_more(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = click.echo

    def broken(*words: object, err: bool = False, color: bool | None = None) -> None:
        if err:
            raise BrokenPipeError
        echo(*words, color=color)

    shell.adopted().world.emergency = True
    monkeypatch.setattr(click, "echo", broken)
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}


def test_one_that_was_never_adopted_is_contained_and_the_printed_commands_lead_out(
    shell: Shell,
) -> None:
    shell.world.emergency = True
    done = shell.run(
        "emergency", "app", "--all-instances", "--destroy-foreign", "--yes", "--reason", "leak"
    )
    assert done.exit_code == 11, done.output
    assert not shell.world.instances["KEY1"].active
    assert "works now: not known: the journal does not know what readers get" in done.stdout
    commands = re.findall(r"`rotation ([^`]+)`", done.stdout.split("next: ")[1].splitlines()[0])
    assert commands == ["abandon app", "adopt app", "rotate app --replace"]
    shell.run("abandon", "app", "--yes")
    assert "not known" in shell.run("show", "app").stdout
    adopted = shell.run("adopt", "app", "--yes", "--wait")
    assert adopted.exit_code == 12, adopted.output  # found off
    done = shell.run("rotate", "app", "--replace", "--wait")
    assert "KEY1 is dead (proved); KEY2 is the current credential" in done.stdout, done.output


@pytest.mark.parametrize(("verb", "code"), [("cancel", 4), ("abandon", 12)])
def test_one_that_somebody_ends_before_it_contained_says_so(
    shell: Shell, verb: str, code: int
) -> None:
    def away(number: int, name: str) -> None:
        if name == "issuer.suspend":
            raise Transient("sim.away", "the service does not answer")

    def ended() -> None:
        shell.on_pause, shell.world.before = lambda: None, None
        draft = Draft(kind=Kind.REQUESTED, who="bob", facts=Requested(verb=verb).facts)
        shell.journal.request(STREAM, draft, "elsewhere", shell.world.now)

    shell.adopted().world.emergency = True
    shell.world.before, shell.on_pause = away, ended
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == code, done.output
    assert "NOT CONTAINED" in done.stderr
    assert shell.world.instances["KEY1"].active


def test_who_else_is_thrown_out_is_said_before_the_question(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    traits = replace(bound(shell.world).issuer.traits, ends="every token of the role")
    monkeypatch.setattr(SimulatedIssuer, "traits", traits)
    done = shell.adopted().run("emergency", "app", "--reason", "leak")
    assert "what it ends as well: every token of the role" in done.stderr


def test_a_name_that_is_mistyped_does_nothing_and_says_so(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "is_terminal", lambda: True)
    done = shell.adopted().run("emergency", "app", answers="ap\n")
    assert done.exit_code == 2, done.output
    assert "cli.not-confirmed" in done.stderr
    assert shell.world.instances["KEY1"].active
    assert replay(shell.journal.entries(STREAM)).plan == "adopt"


def test_an_issuer_that_does_not_answer_contains_nothing_and_that_is_said(shell: Shell) -> None:
    shell.adopted().world.denied.add("issuer.listing")
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == 3, done.output
    assert "NOT CONTAINED" in done.stderr
    assert "nothing was switched off" in done.stderr
    assert shell.world.instances["KEY1"].active


def test_nothing_is_asked_without_a_terminal(shell: Shell) -> None:
    shell.adopted()
    done = shell.run("emergency", "app", "--reason", "leak")
    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert replay(shell.journal.entries(STREAM)).plan == "adopt"
    assert shell.world.instances["KEY1"].active


def test_yes_alone_is_not_enough(shell: Shell) -> None:
    assert shell.adopted().run("emergency", "app", "--yes").exit_code == 2


def test_a_reason_with_a_key_in_it_is_refused(shell: Shell) -> None:
    leaked = "hvs." + "CAESIJ4nQ9zzz123"
    done = shell.adopted().run("emergency", "app", "--yes", "--reason", f"found {leaked}")
    assert done.exit_code == 2
    assert leaked not in done.output


def test_a_key_id_alone_names_the_secret_and_only_that_key_is_contained(shell: Shell) -> None:
    shell.adopted()
    stranger = shell.world.mint(by_person=True)
    done = shell.run("emergency", "app", "--key-id", stranger.id, "--yes", "--reason", "leak")
    assert done.exit_code == 0, done.output
    assert shell.world.instances["KEY1"].active
    assert not shell.world.instances[stranger.id].active


def test_an_unknown_key_changes_nothing(shell: Shell) -> None:
    done = shell.adopted().run("emergency", "--key-id", "NOKEY", "--yes", "--reason", "leak")
    assert done.exit_code == 6
    done = shell.run("emergency", "app", "--key-id", "NOKEY", "--yes", "--reason", "leak")
    assert done.exit_code == 6
    assert "KEY1" in done.stderr


def test_a_hold_has_to_be_overridden(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert shell.run("hold", "app", "--reason", "look first").exit_code == 0
    words = ("emergency", "app", "--yes", "--reason", "leak")
    assert shell.run(*words).exit_code == 5
    shell.world.emergency = True
    assert shell.run(*words, "--override-hold").exit_code == 0


def test_what_containment_destroyed_cannot_be_switched_on_again(shell: Shell) -> None:
    shell.adopted().world.can_suspend = False
    shell.world.emergency = True
    shell.world.denied.add("issuer.issue")
    assert shell.run("emergency", "app", "--yes", "--reason", "leak").exit_code == 12
    done = shell.run("emergency", "cancel", "app", "--yes")
    assert done.exit_code == 5, done.output
    assert "emergency.too-late" in done.stderr


def test_a_store_that_cannot_be_marked_is_told(shell: Shell) -> None:
    shell.adopted().world.denied.add("store.mark")
    shell.world.emergency = True
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert "the issuer accepted the switch-off of KEY1" in done.stderr
    assert "only runners on this journal know" in done.stderr


def test_cancel_switches_it_on_again_while_nothing_is_replaced(shell: Shell) -> None:
    shell.adopted()
    shell.world.emergency = True
    shell.world.denied.add("issuer.issue")
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == 12, done.output
    assert "without a working credential" in done.stdout
    assert not shell.world.instances["KEY1"].active
    done = shell.run("emergency", "cancel", "app", "--yes")
    assert done.exit_code == 0, done.output
    assert shell.world.instances["KEY1"].active
    assert shell.run("emergency", "cancel", "app", "--yes").exit_code == 5


# ----------------------------------------------------------------------------- what is told


def test_who_paused_it_and_why_is_said(shell: Shell) -> None:
    shell.adopted().run("hold", "app", "--reason", "look first")
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == 5, done.output
    assert "by alice: look first" in done.stderr


def test_one_number_says_how_long_readers_will_be_without_it(shell: Shell) -> None:
    shell.adopted()
    spec = shell.configuration.spec
    shell.configuration.spec = replace(
        spec, settle_s=30, consumers=tuple(replace(c, refresh_s=60) for c in spec.consumers)
    )
    done = shell.run("emergency", "app", "--reason", "leak")
    assert "expected outage: about 1 min 35 s" in done.stderr


def test_during_a_rotation_it_is_said_what_the_old_one_alone_costs(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert set(shell.world.instances) == {"KEY1", "KEY2"}
    done = shell.run("emergency", "app", "--reason", "leak")
    assert "if KEY1 alone leaked: `rotation emergency app --key-id KEY1`" in done.stderr
    assert "readers get KEY2, and it costs nobody anything" in done.stderr
    done = shell.run("emergency", "app", "--key-id", "KEY1", "--yes", "--reason", "leak")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}
    assert shell.world.outages == []


def test_why_who_what_and_the_evidence_are_in_show_and_history(shell: Shell) -> None:
    shell.adopted().world.emergency = True
    shell.run("emergency", "app", "--yes", "--reason", "pasted in a chat")
    shown = shell.run("show", "app").stdout
    assert "by alice" in shown
    assert "reason: pasted in a chat" in shown
    assert "scope: KEY1" in shown
    assert "evidence: KEY1 was active" in shown
    assert "pasted in a chat" in shell.run("history", "app").stdout
    reply = shell.json("show", "app")
    assert (reply["reason"], reply["scope"]) == ("pasted in a chat", ["KEY1"])
    assert reply["evidence"]["instances"][0][0] == "KEY1"
    assert shell.json("history", "app")["rotations"][0]["reason"] == "pasted in a chat"


def test_an_instance_that_the_journal_took_for_gone_is_ours_all_the_same(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    assert set(shell.world.instances) == {"KEY2"}
    shell.run("rotate", "app", "--wait")
    assert set(shell.world.instances) == {"KEY3"}
    revived = shell.world.instances["KEY3"]
    shell.world.instances["KEY1"] = replace(revived, id="KEY1")
    shell.world.emergency = True
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY4"}


def test_where_the_issuer_refuses_the_command_is_told(shell: Shell) -> None:
    shell.adopted().world.denied.add("issuer.suspend")
    done = shell.run("emergency", "app", "--yes", "--reason", "leak")
    assert "NOT CONTAINED" in done.stderr
    assert "by hand: simulated switch-off KEY1" in done.stderr


def test_after_a_stop_it_is_said_who_goes_on(shell: Shell) -> None:
    shell.adopted()
    runner = shell.elsewhere()
    seen = survey(shell.journal, bound(shell.world), STREAM, shell.configuration.spec)
    runner.open_emergency(
        STREAM, shell.configuration.spec, seen.baseline,
        who="alice", said=Opened(scope=["KEY1"], reason="leak"),
    )  # fmt: skip
    rotation, now = replay(shell.journal.entries(STREAM)), shell.world.now
    (stopped,) = goes_on_lines(rotation, None, now, stopped=True)
    assert stopped == "stopped by you: nobody goes on with it; `rotation run` does"
    (served,) = goes_on_lines(rotation, "serve-here", now, stopped=False)
    assert served == "serve-here is alive and goes on by itself"
