"""`run` and `rotate`: what is due, as far as it goes, safe at any frequency."""

import json
import os
import signal
import threading
from datetime import timedelta

import pytest

from rotation.errors import JournalError, NeedsPerson, Refused, Transient
from rotation.execution.runner import Runner
from rotation.journal.entries import Kind
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action
from rotation.machine.replay import replay
from rotation.types import CURRENT, Gates
from tests.support.shell import APP, STREAM, Shell
from tests.support.world import INSTALLATION


def test_rotate_waits_to_the_end_where_told_to(shell: Shell) -> None:
    done = shell.adopted().run("rotate", "app", "--wait")
    assert done.exit_code == 0, done.output
    assert "KEY1 is dead (proved)" in done.stdout
    assert set(shell.world.instances) == {"KEY2"}
    assert shell.world.outages == []


def test_a_long_wait_is_left_to_the_next_run(shell: Shell) -> None:
    reply = shell.adopted().json("rotate", "app")["rotations"][0]
    assert (reply["state"], reply["exit_code"]) == ("waiting", 0)
    assert reply["waits_until"] is not None
    assert reply["old_dies_not_before"] is not None


def test_run_does_what_is_due_and_then_has_nothing_to_do(shell: Shell) -> None:
    done = shell.adopted().run("run", "--wait")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}
    calls = len(shell.world.calls)
    done = shell.run("run")
    assert done.exit_code == 0
    assert "nothing is due" in done.stderr
    assert len(shell.world.calls) == calls


def test_run_at_any_frequency_rotates_once(shell: Shell) -> None:
    shell.adopted()
    for _ in range(100):
        assert shell.run("run").exit_code == 0
        shell.world.advance(shell.world.now + timedelta(minutes=5))
    assert set(shell.world.instances) == {"KEY2"}
    opened = [e for e in shell.journal.history(STREAM) if e.kind is Kind.OPENED]
    assert [e.facts["plan"] for e in opened] == ["adopt", "routine"]
    assert shell.world.outages == []


def test_run_is_no_success_where_the_journal_does_not_know_a_secret(shell: Shell) -> None:
    done = shell.run("run")
    assert done.exit_code == 11
    assert "the journal does not know app" in done.stderr
    assert shell.run("run", "--only", "app").exit_code == 11
    assert shell.json("run", code=11)["rotations"] == []


def test_an_empty_journal_in_the_place_of_the_true_one_is_noticed(shell: Shell) -> None:
    """Whoever put it there would stop every rotation in silence."""
    shell.adopted().run("rotate", "app", "--wait")
    shell.journal = MemoryJournal(INSTALLATION)
    assert shell.run("run").exit_code == 11
    checks = shell.json("doctor", code=11)["checks"]
    assert "held.journal-behind" in [check["code"] for check in checks]


def test_run_says_whose_age_nobody_knows(shell: Shell) -> None:
    shell.world.dated = False
    done = shell.adopted().run("run")
    assert done.exit_code == 0
    assert "app: its age is unknown: adopt it with --created" in done.stderr
    made = f"{shell.world.now - timedelta(days=1):%Y-%m-%d}"
    assert shell.run("adopt", "app", "--created", made, "--yes", "--wait").exit_code == 0
    assert "its age" not in shell.run("run").stderr
    shell.world.advance(shell.world.now + timedelta(days=80))
    assert shell.run("run", "--wait").exit_code == 0
    assert set(shell.world.instances) == {"KEY2"}
    assert "its age" not in shell.run("run").stderr


def test_what_rests_or_is_retired_need_not_be_known(shell: Shell) -> None:
    shell.configuration.entry = APP._replace(state="retired")
    assert shell.run("run").exit_code == 0


def test_run_reports_what_it_finds_held(shell: Shell) -> None:
    shell.adopted().world.mint(by_person=True)
    assert shell.run("run").exit_code == 11
    assert shell.run("run").exit_code == 11


def test_what_is_held_is_not_said_to_go_on(shell: Shell) -> None:
    shell.adopted().world.mint(by_person=True)
    assert "it goes on" not in shell.run("rotate", "app").stderr
    again = shell.run("rotate", "app")
    assert (again.exit_code, "app has an open rotation; it is Held" in again.stderr) == (11, True)


def test_nobody_is_said_to_have_used_it_before_that_was_asked(shell: Shell) -> None:
    reply = shell.adopted().run("rotate", "app").stderr
    assert "confirm[api]: done (its refresh time is over)" in reply
    assert "usage" not in reply + shell.run("show", "app").stdout


def test_only_keeps_to_what_is_named(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("run", "--only", "other").exit_code == 6
    assert shell.run("run", "--only", "app", "--max", "1").exit_code == 0
    assert "KEY2" in shell.world.instances


def test_a_refused_login_rolls_back_and_is_exit_4(shell: Shell) -> None:
    def refuse(number: int, name: str) -> None:
        if name == "store.stage":
            shell.world.instances["KEY2"].secret = "canary-of-somebody-else"

    shell.adopted().world.after = refuse
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 4, done.output
    assert "the old credential is current, as before" in done.stdout
    assert (
        "why: verify: the new credential does not log in; nothing was promoted [verify.refused]"
        in done.stdout
    )
    assert "verify was refused" in shell.run("history", "app").stdout
    [past, _] = shell.json("history", "app")["rotations"]
    assert past["met"]["code"] == "verify.refused"
    assert set(shell.world.instances) == {"KEY1"}
    assert shell.world.labels[CURRENT] == "v0"


def test_an_old_one_that_nobody_tried_is_not_said_to_work(shell: Shell) -> None:
    def refuse(number: int, name: str) -> None:
        if name == "issuer.issue":
            raise Refused("sim.refused", "the service makes none", "")

    shell.adopted().world.before = refuse
    shell.world.versions["v0"] = ("KEY1", "not-the-secret-any-more")
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 4, done.output
    assert "works" not in done.output and "logged in" not in done.output


def test_one_that_readers_were_sent_back_to_logged_in(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    done = shell.run("rollback", "app", "--yes", "--wait")
    assert "current, as before; KEY1 is the current credential; it logged in" in done.stdout
    assert "  why: rollback by " in done.stdout


def test_what_readers_get_does_not_log_in_is_exit_12(shell: Shell) -> None:
    def break_it(number: int, name: str) -> None:
        if name == "store.promote":
            instance = shell.world.instances["KEY2"]
            instance.secret = "canary-of-somebody-else"

    shell.adopted().world.after = break_it
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 12, done.output
    assert "readers get KEY2, which does not log in; KEY1 works too" in done.stdout
    assert "rotation rollback app" in done.stdout


def test_a_denied_call_is_held_and_the_message_says_what_works(shell: Shell) -> None:
    shell.adopted().world.denied.add("store.promote")
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 11, done.output
    assert "met: store.promote is denied [sim.denied]" in done.stdout
    assert "next: grant it" in done.stdout
    assert (
        "KEY1 works, and readers get it; KEY2 is new, works, and nobody has it yet" in done.stdout
    )


def test_a_mint_that_is_denied_says_what_to_grant(shell: Shell) -> None:
    shell.adopted().world.denied.add("issuer.issue")
    done = shell.run("rotate", "app", "--wait")
    assert "met: issuer.issue is denied [sim.denied]" in done.stdout
    assert "next: grant it" in done.stdout


def test_who_gave_up_says_what_it_met_all_the_time(shell: Shell) -> None:
    def outage(number: int, name: str) -> None:
        if name == "store.state":
            raise Transient("sim.sealed", "the store is sealed", "unseal it")

    shell.adopted().world.before = outage
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 11, done.output
    assert "met: the store is sealed [sim.sealed]" in done.stdout
    assert "next: unseal it" in done.stdout
    met = shell.json("run", code=11)["rotations"][0]["met"]
    assert met == {"code": "sim.sealed", "message": "the store is sealed", "hint": "unseal it"}


def test_a_value_that_somebody_deleted_is_not_called_working(shell: Shell) -> None:
    def deleted(number: int, name: str) -> None:
        if name == "store.state":
            raise NeedsPerson("store.deleted", "the newest version is deleted", "undelete it")

    shell.adopted().world.before = deleted
    done = shell.run("rotate", "app")
    assert done.exit_code == 12, done.output
    assert "works now: no credential is current" in done.stdout


def test_of_a_paused_one_the_way_out_is_said(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    shell.run("pause", "app", "--reason", "migration")
    assert "way out: rotation unpause app" in shell.run("run").stdout


def test_a_paused_secret_is_refused(shell: Shell) -> None:
    until = shell.world.now + timedelta(days=1)
    shell.adopted().configuration.entry = APP._replace(state="paused", until=until, reason="x")
    assert shell.run("rotate", "app").exit_code == 5


def test_a_secret_that_nobody_adopted_is_not_rotated(shell: Shell) -> None:
    done = shell.run("rotate", "app")
    assert done.exit_code == 2
    assert "rotation adopt app" in done.stderr
    assert shell.world.calls == []


def test_a_closed_window_is_waited_for(shell: Shell) -> None:
    shell.adopted().gates = lambda now: Gates(open=False, opens_at=now + timedelta(hours=3))
    reply = shell.json("rotate", "app")["rotations"][0]
    assert reply["waits_for"] == "waits for its window"
    assert shell.world.labels[CURRENT] == "v0"


def test_a_freeze_is_in_the_journal_and_can_be_lifted(shell: Shell) -> None:
    shell.adopted()
    assert shell.run("freeze", "--reason", "incident 4711").exit_code == 0
    done = shell.run("run")
    assert done.exit_code == 5
    assert "frozen: incident 4711" in done.stderr
    assert "KEY2" not in shell.world.instances
    assert shell.run("status").stdout.startswith("FROZEN: incident 4711")
    assert shell.run("freeze", "--lift").exit_code == 0
    assert shell.run("run").exit_code == 0
    assert "KEY2" in shell.world.instances
    assert shell.run("freeze").exit_code == 2


def test_a_stop_leaves_a_resumable_rotation_and_exit_8(shell: Shell) -> None:
    def stop() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(0.2)  # its handler runs in the main thread, this is another one

    shell.adopted().on_pause = stop
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 8, done.output
    assert replay(shell.journal.entries(STREAM)).outcome is None
    shell.on_pause = lambda: None
    assert shell.run("run", "--wait").exit_code == 0
    assert set(shell.world.instances) == {"KEY2"}


def test_a_live_serve_takes_a_replacement_while_the_command_watches(shell: Shell) -> None:
    shell.adopted().living = "serve-elsewhere"
    shell.world.emergency = True
    shell.world.instances.pop("KEY1")
    other, asked = shell.elsewhere(), shell.world.now

    def elsewhere() -> None:
        other.advance(STREAM)
        shell.world.advance(shell.world.now + timedelta(seconds=1))

    shell.on_pause = elsewhere
    done = shell.run("rotate", "app", "--replace")
    assert "issue: done (KEY2)" in done.stderr
    minted = next(e.at for e in shell.journal.entries(STREAM) if e.row and e.row.step == "issue")
    assert minted - asked < timedelta(seconds=30), "nobody waits for a lease"


def test_a_live_serve_does_the_work_and_the_command_watches(shell: Shell) -> None:
    shell.adopted().living = "serve-elsewhere"
    other = shell.elsewhere()

    def elsewhere() -> None:
        other.advance(STREAM)
        shell.world.advance(shell.world.now + timedelta(minutes=1))

    shell.on_pause = elsewhere
    done = shell.run("rotate", "app", "--wait")
    assert done.exit_code == 0, done.output
    runners = {e.runner for e in shell.journal.entries(STREAM) if e.kind is not Kind.OPENED}
    assert runners == {"serve-elsewhere"}
    assert "promote: done" in done.stderr


def test_here_does_it_in_this_process(shell: Shell) -> None:
    shell.adopted().living = "serve-elsewhere"
    assert shell.run("rotate", "app", "--wait", "--here").exit_code == 0
    assert set(shell.world.instances) == {"KEY2"}


def test_a_secret_that_cannot_be_advanced_is_told_with_its_own_exit_code(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(runner: Runner, stream: str) -> Action:
        raise JournalError("journal.busy", "another process holds the journal", "try again")

    shell.adopted()
    monkeypatch.setattr(Runner, "advance", broken)
    done = shell.run("rotate", "app", "-o", "json")
    assert done.exit_code == 9
    assert "journal.busy" in done.stderr
    assert json.loads(done.stdout)["rotations"] == []


@pytest.mark.parametrize("words", [("rotate", "app"), ("run",)])
def test_stdout_is_json_alone_where_a_program_reads(shell: Shell, words: tuple[str, ...]) -> None:
    reply = shell.adopted().json(*words)
    assert list(reply) == ["schema_version", "kind", "rotations"]
    assert list(reply["rotations"][0]) == [
        "secret", "plan", "rotation", "state", "outcome", "held", "met", "waits_until", "waits_for",
        "old", "new", "destroyed", "left_alive", "death", "old_dies_not_before", "what_works", "seen_at",
        "exits", "goes_on", "on_hold", "on_hold_by", "exit_code",
    ]  # fmt: skip


def test_what_somebody_else_wrote_is_not_called_working(shell: Shell) -> None:
    shell.adopted()
    shell.world.versions["by-hand"] = ("KEY1", "canary-secret-by-hand")
    shell.world.labels[CURRENT] = "by-hand"
    done = shell.run("rotate", "app")
    assert "held.world-changed" in done.stdout
    assert "works now: not known" in done.stdout
    assert "readers get it" not in done.stdout
