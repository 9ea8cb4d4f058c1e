"""Steps that wait for people: what counts as their word, and everything that does not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.config.approving import Demands
from rotation.journal.entries import Kind
from rotation.operations.reporting import deeds
from tests.support.approvers import People, approved, demanding, people, request
from tests.support.receiver import Receiver
from tests.support.shell import STREAM, Shell, at_work
from tests.support.watched import last, receiver, watched
from tests.support.world import INSTALLATION, START

__all__ = ["receiver", "watched"]  # the fixtures

DESTROY = Demands(destroy=1)
WAITS = "waits for approval"


@pytest.fixture
def made(tmp_path: Path) -> People:
    return people(tmp_path / "people")


def at_destroy(shell: Shell, made: People, asks: Demands = DESTROY) -> Shell:
    """alice asked for a rotation, `runner` carries it out, and the old key waits to be destroyed."""
    demanding(shell.adopted(), made, asks)
    done = shell.run("rotate", "app")
    assert done.exit_code == 0, done.output
    shell.who = "runner"
    done = shell.run("run", "--wait")
    assert done.exit_code == 11, done.output
    assert WAITS in done.output
    return shell


def goes_on(shell: Shell) -> str:
    return shell.run("run", "--wait").output


def lives(shell: Shell) -> bool:
    return "KEY1" in shell.world.instances


def refused(shell: Shell, *words: str) -> str:
    done = shell.run("approve", "app", *words)
    assert done.exit_code == 5, done.output
    assert WAITS in goes_on(shell)
    assert lives(shell)
    return done.output


def test_the_old_one_lives_until_somebody_else_agrees(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    assert lives(shell)
    listed = shell.run("approvals").output
    assert "app  destroy: 0 of 1" in listed
    assert "it ends KEY1 for good; then prove-dead, tidy" in listed
    assert "asked for by alice" in listed
    approved(shell, made, "bob")
    assert "nothing waits for approval" in shell.run("approvals").output
    goes_on(shell)
    assert not lives(shell)


def test_status_says_what_it_waits_for(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    said = shell.run("status", "app").output
    assert "waits for: approval: 0 of 1" in said
    assert "for who may agree: rotation approve app" in said


def test_it_is_asked_for_once(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    goes_on(shell)
    assert len(shell.journal.installation_entries(Kind.APPROVAL)) == 1


def test_readers_wait_for_it_as_well_where_the_class_says_so(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, Demands(promote=1))
    assert shell.run("rotate", "app").exit_code == 11
    assert shell.world.labels["current"] == "v0"
    assert "readers get KEY2 in the place of KEY1" in shell.run("approvals").output
    approved(shell, made, "bob")
    shell.who = "runner"
    goes_on(shell)
    assert shell.world.labels["current"] != "v0"


def test_a_key_in_a_file_signs_at_once(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    done = shell.run("approve", "app", "--as", "bob", "--key", str(made.key("bob")))
    assert done.exit_code == 0, done.output
    goes_on(shell)
    assert not lives(shell)


def test_two_of_three(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=2))
    approved(shell, made, "bob")
    assert "1 of 2 (bob)" in goes_on(shell)
    assert lives(shell)
    approved(shell, made, "dora")
    goes_on(shell)
    assert not lives(shell)


# --------------------------------------------------------------------------- whose word is none


def test_nobody_approves_what_they_asked_for(shell: Shell, made: People) -> None:
    made.allow("alice", "bob")
    at_destroy(shell, made)
    signature = made.sign("alice", request(shell))
    assert "alice asked for it" in refused(shell, "--as", "alice", "--signature", str(signature))


def test_nobody_approves_what_they_carry_out(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    signature = made.sign("bob", request(shell))
    assert shell.run("approve", "app", "--as", "bob", "--signature", str(signature)).exit_code == 0
    shell.who = "bob"
    assert "bob is the user that carries it out" in goes_on(shell)
    assert lives(shell)


def test_a_name_cannot_be_borrowed(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    signature = made.sign("carol", request(shell))
    refused(shell, "--as", "bob", "--signature", str(signature))


def test_a_user_of_the_system_is_no_proof_unless_the_class_accepts_it(
    shell: Shell, made: People
) -> None:
    at_destroy(shell, made)
    assert "bob has not signed it" in refused(shell, "--as", "bob", "--os-user")
    shell.configuration.asks = Demands(destroy=1, os_users="accepted")
    assert "another user of this host" in refused(shell, "--as", "bob", "--os-user")
    shell.who = "bob"
    assert shell.run("approve", "app", "--os-user").exit_code == 0
    shell.who = "runner"
    goes_on(shell)
    assert not lives(shell)


def test_a_stranger_with_a_key_is_no_approver(shell: Shell, made: People) -> None:
    made.allow("bob", "mallory")
    at_destroy(shell, made)
    signature = made.sign("mallory", request(shell))
    refused(shell, "--as", "mallory", "--signature", str(signature))


def test_only_those_whom_the_class_names(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=1, by=("carol",)))
    signature = made.sign("bob", request(shell))
    refused(shell, "--as", "bob", "--signature", str(signature))


def test_one_person_with_two_keys_is_one(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=2))
    made.signers.write_text(made.line("bob") + made.line("bob", "second") + made.line("carol"))
    approved(shell, made, "bob")
    signature = made.sign("second", request(shell))
    assert "has agreed to this already" in refused(
        shell, "--as", "bob", "--signature", str(signature)
    )


def test_one_key_under_two_names_makes_the_file_unbelievable(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=2))
    approved(shell, made, "bob")
    signature = made.sign("bob", request(shell))
    made.signers.write_text(made.line("bob") + made.line("carol", "bob"))
    done = shell.run("approve", "app", "--as", "carol", "--signature", str(signature))
    assert "code: approval.signers" in done.output
    assert "gives one key to a second name" in goes_on(shell)
    assert lives(shell)


# ------------------------------------------------------------------ what was signed is another thing


def test_a_signature_for_something_else(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    signature = made.sign("bob", request(shell), namespace="git")
    refused(shell, "--as", "bob", "--signature", str(signature))


@pytest.mark.parametrize(
    "line", ["installation", "secret", "request", "needs", "ends at", "digest"]
)
def test_an_edited_text(shell: Shell, made: People, line: str) -> None:
    """Such as one for another installation, or with another end."""
    at_destroy(shell, made)
    lines = request(shell).splitlines(keepends=True)
    text = "".join(f"{line}: x\n" if each.startswith(f"{line}: ") else each for each in lines)
    assert text != request(shell)
    signature = made.sign("bob", text)
    refused(shell, "--as", "bob", "--signature", str(signature))


def test_an_approval_of_the_rotation_before(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    signature = made.sign("bob", request(shell))
    assert shell.run("approve", "app", "--as", "bob", "--signature", str(signature)).exit_code == 0
    goes_on(shell)
    shell.who = "alice"
    assert shell.run("rotate", "app").exit_code == 0
    shell.who = "runner"
    assert WAITS in goes_on(shell)
    done = shell.run("approve", "app", "--as", "bob", "--signature", str(signature))
    assert done.exit_code == 5
    assert WAITS in goes_on(shell)
    assert "KEY2" in shell.world.instances


# --------------------------------------------------------------- what was true and is not any more


def test_a_right_that_was_withdrawn_before_the_step(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    shell.configuration.asks = Demands(destroy=1, by=("carol",))
    assert WAITS in goes_on(shell)
    assert lives(shell)


def test_a_key_that_was_taken_out_before_the_step(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    made.allow("carol")
    assert "bob has no signature that is right for it" in goes_on(shell)
    assert lives(shell)


def test_an_approval_that_ended_before_the_step(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=1, expire_s=3600))
    approved(shell, made, "bob")
    shell.world.advance(shell.world.now + timedelta(seconds=3600))
    assert "0 of 1" in goes_on(shell)
    assert lives(shell)
    assert len(shell.journal.installation_entries(Kind.APPROVAL)) == 3, "asked for again"
    approved(shell, made, "carol")
    goes_on(shell)
    assert not lives(shell)


def test_a_request_that_ended_is_not_agreed_to(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=1, expire_s=3600))
    signature = made.sign("bob", request(shell))
    shell.world.advance(shell.world.now + timedelta(seconds=3600))
    done = shell.run("approve", "app", "--as", "bob", "--signature", str(signature))
    assert "code: approval.not-asked" in done.output


def test_more_people_than_were_asked_for(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    shell.configuration.asks = Demands(destroy=2)
    assert "0 of 2" in goes_on(shell)
    assert lives(shell)


def test_a_rotation_that_was_open_before_its_class_asked(shell: Shell, made: People) -> None:
    shell.adopted()
    assert shell.run("rotate", "app").exit_code == 0
    demanding(shell, made, DESTROY)
    shell.who = "runner"
    assert WAITS in goes_on(shell)
    approved(shell, made, "bob")
    goes_on(shell)
    assert not lives(shell)


def test_a_secret_that_left_the_configuration_is_still_asked_for(
    shell: Shell, made: People
) -> None:
    at_destroy(shell, made)
    entry = shell.configuration.entry
    shell.configuration.entry = entry._replace(id="other", identity="simulated/other")
    assert WAITS in goes_on(shell)
    assert lives(shell)


# -------------------------------------------------------------------------------- files and words


@pytest.mark.parametrize("flaw", ["writable", "link", "pattern", "list", "authority", "missing"])
def test_a_file_of_signers_that_nobody_should_believe(
    shell: Shell, made: People, flaw: str
) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    line, signers = made.line("bob"), made.signers
    if flaw == "writable":
        signers.chmod(0o666)
    elif flaw == "missing":
        signers.unlink()
    elif flaw == "link":
        signers.rename(signers.with_name("elsewhere"))
        signers.symlink_to("elsewhere")
    else:
        kind, blob = line.split()[1:]
        start = {"pattern": "*", "list": "bob,carol", "authority": "bob cert-authority"}[flaw]
        signers.write_text(f"{start} {kind} {blob}\n")
    said = goes_on(shell)
    assert WAITS in said
    assert "no signature is believed" in said
    assert lives(shell)


def test_no_says_no(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=1, expire_s=3600))
    shell.who = "bob"
    assert shell.run("reject", "app", "--reason", "not before the release").exit_code == 0
    shell.who = "runner"
    assert "refused by bob: not before the release" in goes_on(shell)
    approved(shell, made, "carol")
    assert WAITS in goes_on(shell)
    assert lives(shell)
    shell.world.advance(shell.world.now + timedelta(seconds=3600))
    goes_on(shell)
    approved(shell, made, "carol")
    goes_on(shell)
    assert not lives(shell)


def test_nothing_waits(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, DESTROY)
    shell.run("rotate", "app")
    done = shell.run("approve", "app", "--print")
    assert done.exit_code == 5
    assert "code: approval.nothing-waits" in done.output


def test_the_plan_says_who_is_asked(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, Demands(destroy=2, promote=1, by=("bob", "carol")))
    said = shell.run("plan", "app").output
    assert "before promote it asks: 1 of bob, carol have to agree" in said
    assert "before destroy it asks: 2 of bob, carol have to agree" in said
    document = shell.json("plan", "app")
    assert document["approvals"] == {"promote": 1, "destroy": 2}
    assert document["approvers"] == ["bob", "carol"]


def test_the_rotation_says_who_agreed(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    goes_on(shell)
    assert "bob: approval of destroy given\n" in shell.run("show", "app").output
    (word,) = shell.json("show", "app")["approvals"]
    assert (word["step"], word["said"], word["who"]) == ("destroy", "given", "bob")


def test_the_report_says_who_agreed(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    approved(shell, made, "bob")
    with at_work(shell) as here:
        said = [(each.who, each.what, each.secret) for each in deeds(here, START)]
    assert ("runner", "approval given by bob", "app") in said
    assert not [each for each in said if "asked" in each[1]]


def test_for_a_program(shell: Shell, made: People) -> None:
    at_destroy(shell, made)
    (waits,) = shell.json("approvals")["waiting"]
    assert (waits["secret"], waits["step"], waits["needs"]) == ("app", "destroy", 1)
    assert waits["digest"] in request(shell)
    done = shell.run("approve", "app", "--as", "bob", "--key", str(made.key("bob")), "-o", "json")
    assert '"given": ["bob"]' in done.stdout.replace("\n", "").replace("  ", "")


# --------------------------------------------------------------------------- who hears of it


@pytest.mark.provokes("approval")
def test_what_is_asked_for_reaches_the_team_and_its_end_as_well(
    watched: Shell, receiver: Receiver, made: People
) -> None:
    demanding(watched, made, DESTROY)
    watched.run("rotate", "app")
    watched.who = "runner"
    watched.run("run", "--wait")
    assert receiver.received == [("approval", "raised")]
    said = last(receiver)
    assert (said["severity"], said["next"]) == ("warn", "rotation approve app")
    assert said["why"] == "waits for approval: 0 of 1"
    approved(watched, made, "bob")
    assert receiver.received[1:] == [("approval", "resolved")]


@pytest.mark.provokes("approval-refused")
def test_a_no_reaches_the_team(watched: Shell, receiver: Receiver, made: People) -> None:
    demanding(watched, made, DESTROY)
    watched.run("rotate", "app")
    watched.who = "runner"
    watched.run("run", "--wait")
    watched.who = "bob"
    watched.run("reject", "app", "--reason", "not today")
    assert ("approval-refused", "raised") in receiver.received
    said = next(g["data"] for g in receiver.got if g["data"]["event"] == "approval-refused")
    assert said["next"] == "rotation rollback app"
    assert "refused by bob: not today" in said["why"]


@pytest.mark.provokes("break-glass")
def test_glass_that_was_broken_pages_until_another_person_has_looked(
    watched: Shell, receiver: Receiver, made: People
) -> None:
    demanding(watched, made, EMERGENCY)
    watched.run(*LEAKED, "--break-glass")
    assert ("break-glass", "raised") in receiver.received
    said = next(g["data"] for g in receiver.got if g["data"]["event"] == "break-glass")
    assert said["severity"] == "page"
    assert said["why"] == "alice did not wait for approval: pasted"
    assert said["next"] == "rotation approvals review app --note ..."
    watched.who = "bob"
    watched.run("approvals", "review", "app", "--note", "it was on a wiki")
    assert ("break-glass", "resolved") in receiver.received


# ---------------------------------------------------------------------------------- emergencies

EMERGENCY = Demands(emergency=1)
LEAKED = ("emergency", "app", "--yes", "--reason", "pasted")


def active(shell: Shell) -> bool:
    return "KEY1" in shell.world.instances and shell.world.instances["KEY1"].active


def test_an_emergency_waits_for_a_second_person(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, EMERGENCY)
    done = shell.run(*LEAKED)
    assert done.exit_code == 11, done.output
    assert "NOT CONTAINED: it waits for approval: 0 of 1; `rotation approve app`" in done.output
    assert active(shell)
    approved(shell, made, "bob")
    shell.who = "runner"
    goes_on(shell)
    assert not active(shell)
    assert not lives(shell), "its other steps ask nobody"


def test_what_is_off_is_destroyed_once_somebody_agrees(shell: Shell, made: People) -> None:
    """Otherwise a word that it leaked would be the way around those who approve destructions."""
    demanding(shell.adopted(), made, DESTROY)
    done = shell.run(*LEAKED)
    assert done.exit_code == 11, done.output
    assert lives(shell)
    assert not active(shell)
    assert shell.world.labels["current"] != "v0", "readers have the successor"
    approved(shell, made, "bob")
    shell.who = "runner"
    goes_on(shell)
    assert not lives(shell)


def test_what_was_left_behind_is_asked_about_as_well(shell: Shell, made: People) -> None:
    """Giving a rotation up is no way around them either."""
    at_destroy(shell, made)
    shell.world.claim = None
    approved(shell, made, "bob")
    goes_on(shell)
    assert lives(shell)
    assert shell.run("abandon", "app", "--yes").exit_code == 0
    shell.world.claim = INSTALLATION
    shell.who = "alice"
    done = shell.run("rotate", "app")
    assert "waits for approval: 0 of 1" in done.output
    listed = shell.run("approvals").output
    assert "it ends KEY1 for good, which an earlier rotation left" in listed
    approved(shell, made, "bob")
    shell.who = "runner"
    goes_on(shell)
    assert not lives(shell)
    assert "KEY2" in shell.world.instances


def test_a_leak_is_contained_at_once_where_glass_is_broken(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, EMERGENCY)
    done = shell.run(*LEAKED, "--break-glass")
    assert done.exit_code == 0, done.output
    assert not lives(shell)
    assert "alice: approval of emergency not waited for: pasted" in shell.run("show", "app").output
    (incident,) = shell.json("incident")["incidents"]
    said = shell.run("incident", "show", incident["id"]).output
    assert "approval of emergency not waited for" in said
    assert shell.run("status").output.startswith("REVIEW: app: alice did not wait for approval")
    (review,) = shell.json("status")["reviews"]
    assert review["code"] == "approval.review"
    listed = shell.run("approvals").output
    assert "app  REVIEW: alice did not wait for approval: pasted" in listed
    own = shell.run("approvals", "review", "app", "--note", "fine")
    assert "code: approval.own-review" in own.output
    shell.who = "bob"
    assert shell.run("approvals", "review", "app", "--note", "it was on a wiki").exit_code == 0
    assert "no review is open" in shell.run("approvals").output


def test_glass_is_broken_for_an_emergency_that_waits_already(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, EMERGENCY)
    shell.run(*LEAKED)
    assert active(shell)
    done = shell.run(*LEAKED, "--break-glass")
    assert done.exit_code == 0, done.output
    assert not lives(shell)


def test_glass_is_broken_for_the_switch_off_and_not_for_the_end(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, Demands(emergency=1, destroy=1))
    assert shell.run(*LEAKED, "--break-glass").exit_code == 11
    assert not active(shell)
    assert lives(shell)
    approved(shell, made, "bob")
    shell.who = "runner"
    goes_on(shell)
    assert not lives(shell)


def test_glass_is_not_broken_without_a_reason(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, EMERGENCY)
    done = shell.run("emergency", "app", "--break-glass", answers="app\n")
    assert "code: cli.needs-reason" in done.output
    assert active(shell)


def test_where_nobody_has_to_agree_there_is_no_review(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, Demands(promote=1))
    assert shell.run(*LEAKED, "--break-glass").exit_code == 0
    assert shell.json("approvals")["reviews"] == []


def test_a_rotation_of_that_secret_is_superseded_as_ever(shell: Shell, made: People) -> None:
    at_destroy(shell, made, Demands(destroy=1, emergency=1))
    shell.who = "alice"
    assert shell.run(*LEAKED).exit_code == 11
    row = shell.journal.identity(STREAM)
    assert row is not None
    assert row.plan == "compromised"
    assert shell.world.instances["KEY2"].active, "what readers have works until somebody agrees"
    for _ in range(2):
        shell.who = "carol"
        approved(shell, made, "bob")
        shell.who = "runner"
        goes_on(shell)
    assert set(shell.world.instances) == {"KEY3"}


def test_the_machine_is_what_it_was_where_nothing_is_asked(shell: Shell, made: People) -> None:
    demanding(shell.adopted(), made, replace(DESTROY, destroy=0, promote=1))
    shell.configuration.approvals = None
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    assert shell.journal.installation_entries(Kind.APPROVAL) == ()
