"""An emergency whose journal fails: contained first, written down after, merged later."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from rotation.config.approving import Demands
from rotation.errors import Denied, Transient, UsageError
from rotation.journal import spill as spills
from rotation.journal.memory import MemoryJournal
from rotation.machine.replay import replay
from rotation.operations.by_schedule import BySchedule
from rotation.runtime import logs
from rotation.types import CURRENT
from tests.support.approvers import demanding, people
from tests.support.failing_journal import WORDS, WRITES, FailingJournal
from tests.support.shell import STREAM, Shell, SimulatedSession, at_work
from tests.support.simulator import SimulatedIssuer
from tests.support.world import INSTALLATION


@pytest.fixture
def failing(shell: Shell) -> Shell:
    shell.journal = FailingJournal(INSTALLATION)
    shell.adopted().world.emergency = True
    return shell


def journal_of(shell: Shell) -> FailingJournal:
    assert isinstance(shell.journal, FailingJournal)
    return shell.journal


def spilled(shell: Shell) -> Path:
    (path,) = shell.configuration.journal.parent.glob("*.spill")
    return path


@pytest.mark.parametrize("writes", [WRITES, ("append",), ("supersede",), ("claim",)])
def test_it_is_contained_and_recorded_and_merged_later(
    failing: Shell, writes: tuple[str, ...]
) -> None:
    journal_of(failing).failing = writes
    done = failing.run(*WORDS)
    assert done.exit_code == 12, done.output
    assert not failing.world.instances["KEY1"].active
    assert "the issuer accepted the switch-off of KEY1" in done.stderr
    path = spilled(failing)
    assert f"rotation emergency merge {path}" in done.stderr
    assert failing.world.secrets()
    assert not any(secret in path.read_text() for secret in failing.world.secrets())

    journal_of(failing).failing = ()
    done = failing.run("emergency", "merge", str(path))
    assert done.exit_code == 0, done.output
    assert set(failing.world.instances) == {"KEY2"}
    facts = [entry.facts for entry in failing.journal.history(STREAM)]
    (reply,) = [each for each in facts if "spill" in each]
    assert (reply["reason"], reply["contained"], reply["merged_by"]) == ("leak", ["KEY1"], "alice")


@pytest.mark.parametrize("left", range(0, 45, 3))
def test_wherever_the_journal_fails_it_is_said_whether_readers_are_without(
    failing: Shell, left: int
) -> None:
    journal_of(failing).left = left
    done = failing.run(*WORDS)
    world = failing.world
    assert not world.instances.get("KEY1") or not world.instances["KEY1"].active
    if world.versions[world.labels[CURRENT]][0] != "KEY1":
        assert done.exit_code in (0, 9), done.output
        return
    assert done.exit_code == 12, done.output
    assert "readers of app get KEY1, which is off" in done.stderr
    path = spilled(failing)
    assert f"rotation emergency merge {path}" in done.stderr
    journal_of(failing).left = None
    merged = failing.run("emergency", "merge", str(path))
    # A mint whose answer was not written down is for a person.
    assert merged.exit_code == 0 or "held.unknown-instance" in merged.stdout, merged.output


def other_spill(shell: Shell, **said: Any) -> Path:
    header = {
        "installation": INSTALLATION, "stream": "simulated-gone", "secret": "gone", "spec": {},
        "who": "ann", "at": "2026-01-01T00:00:00Z", "reason": "leaked", "scope": ["KEY9"],
        "active": ["KEY9"], "destroy_foreign": False, **said,
    }  # fmt: skip
    made = spills.begin(iter([shell.configuration.journal.parent]), "a" * 12, header)
    assert made is not None
    made.close()
    return made.path


def test_a_spill_that_this_version_cannot_read_has_a_way_out_that_leads_out(shell: Shell) -> None:
    done = shell.adopted().run("emergency", "merge", str(other_spill(shell)))
    assert done.exit_code == 2
    assert "emergency.spill-specification" in done.stderr
    assert "rotation abandon" not in done.stderr, "nothing is open that it would close"


def test_a_spill_adds_no_line_to_a_report(shell: Shell) -> None:
    shell.adopted()
    other_spill(shell, secret="app\nFORGED: fine", scope=["K\n\tFORGED"])
    for verb in ("status", "doctor"):
        done = shell.run(verb)
        assert "FORGED" in done.output
        assert not [line for line in done.output.splitlines() if line.strip().startswith("FORGED")]


def test_status_tells_of_what_nobody_brought_in(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    path = spilled(failing)
    reply = failing.run("status")
    assert "KEY1 of app was switched off without the journal" in reply.stdout
    assert f"rotation emergency merge {path}" in reply.stdout.replace("\n", " ")
    document = failing.json("status", "--check", code=12)
    [left] = document["unmerged"]
    assert left["code"] == "emergency.unmerged"
    [secret] = document["secrets"]
    assert (secret["state"], secret["readers_down"]) == ("down", True)
    assert document["summary"]["fine"] == 0
    assert "1 down" in reply.stdout
    assert failing.run("emergency", "merge", str(path)).exit_code == 0
    assert failing.json("status", "--check")["unmerged"] == []


@pytest.mark.parametrize("words", [("run",), ("rotate", "app")])
def test_beside_a_spill_no_routine_is_opened(failing: Shell, words: tuple[str, ...]) -> None:
    """It would be Held for what the emergency did, and none of the ways out names the merge."""
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    before = len(list(failing.journal.history(STREAM)))
    done = failing.run(*words, "--here")
    assert done.exit_code == 11, done.output
    assert "code: emergency.unmerged" in done.stderr
    assert f"rotation emergency merge {spilled(failing)}" in done.stderr.replace("\n", " ")
    assert len(list(failing.journal.history(STREAM))) == before
    schedule = BySchedule(installation=at_work(failing), log_error=logs.log_error)
    with capture_logs() as captured:
        assert not [*schedule.due(failing.world.now), *schedule.due(failing.world.now)]
    [reply] = captured
    assert (reply["event"], reply["code"]) == ("serve.unmerged", "emergency.unmerged")
    failing.run("emergency", "merge", str(spilled(failing)))
    assert "emergency.unmerged" not in failing.run("run").output


def test_what_needs_approval_is_contained_without_it_only_where_glass_is_broken(
    failing: Shell, tmp_path: Path
) -> None:
    demanding(failing, people(tmp_path / "people"), Demands(emergency=1))
    journal_of(failing).failing = WRITES
    done = failing.run(*WORDS)
    assert "code: approval.needs-journal" in done.output
    assert failing.world.instances["KEY1"].active
    assert failing.run(*WORDS, "--break-glass").exit_code == 12
    assert not failing.world.instances["KEY1"].active
    journal_of(failing).failing = ()
    done = failing.run("emergency", "merge", str(spilled(failing)))
    assert done.exit_code == 0, done.output
    (review,) = failing.json("approvals")["reviews"]
    assert (review["secret"], review["who"]) == ("app", "alice")


def test_beside_a_spill_a_secret_is_not_fine_though_its_readers_moved_on(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    done = failing.run("rotate", "app", "--replace", "--wait")
    assert done.exit_code == 0, done.output
    document = failing.json("status", "app", "--check", code=11)
    [secret] = document["secrets"]
    assert (secret["state"], secret["readers_down"]) == ("held", False)
    assert "KEY1 switched off without the journal" in secret["why"]


def test_merging_twice_changes_nothing(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    merge = ("emergency", "merge", str(spilled(failing)))
    assert failing.run(*merge).exit_code == 0
    before = len(list(failing.journal.history(STREAM)))
    assert failing.run(*merge).exit_code == 0
    assert len(list(failing.journal.history(STREAM))) == before


def test_what_was_contained_can_be_switched_on_again_after_the_merge(failing: Shell) -> None:
    """That it was active before is in the spill."""
    failing.world.denied.add("issuer.issue")
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    assert failing.run("emergency", "merge", str(spilled(failing))).exit_code == 12
    assert failing.run("emergency", "cancel", "app", "--yes").exit_code == 0
    assert failing.world.instances["KEY1"].active


def test_without_any_journal_all_that_is_listed_is_contained(failing: Shell) -> None:
    stranger = failing.world.mint(by_person=True)
    journal_of(failing).failing, journal_of(failing).unreadable = WRITES, True
    done = failing.run(*WORDS)
    assert done.exit_code == 12, done.output
    assert "whose is not known" in done.stderr
    assert not failing.world.instances["KEY1"].active
    assert not failing.world.instances[stranger.id].active


def test_without_any_journal_one_key_alone_can_be_named(failing: Shell) -> None:
    stranger = failing.world.mint(by_person=True)
    journal_of(failing).failing, journal_of(failing).unreadable = WRITES, True
    failing.run(*WORDS, "--key-id", stranger.id)
    assert failing.world.instances["KEY1"].active
    assert not failing.world.instances[stranger.id].active


def test_where_the_issuer_refuses_as_well_the_command_is_told(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.world.denied.add("issuer.suspend")
    done = failing.run(*WORDS)
    assert done.exit_code == 3, done.output
    assert "NOT CONTAINED: KEY1" in done.stderr
    assert "by hand: simulated switch-off KEY1" in done.stderr
    assert failing.world.instances["KEY1"].active


def test_one_that_is_refused_is_not_forgotten_while_another_is_tried_again(
    failing: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = failing.world.mint(by_person=True)
    journal_of(failing).failing = WRITES
    suspend, tries = SimulatedIssuer.suspend, list[str]()

    def uneven(issuer: SimulatedIssuer, handle: str, **how: Any) -> None:
        tries.append(handle)
        if handle == "KEY1":
            raise Denied("sim.denied", "the issuer refuses", "grant it")
        if tries.count(handle) == 1:
            raise Transient("sim.throttled", "too many calls")
        suspend(issuer, handle, **how)

    monkeypatch.setattr(SimulatedIssuer, "suspend", uneven)
    done = failing.run(*WORDS, "--all-instances")
    assert not failing.world.instances[stranger.id].active
    assert failing.world.instances["KEY1"].active
    assert "NOT CONTAINED: KEY1" in done.stderr
    assert done.exit_code == 3, done.output


def test_where_nothing_can_be_written_it_is_contained_all_the_same(
    failing: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    journal_of(failing).failing = WRITES
    monkeypatch.setattr(spills, "places", lambda journal: iter([tmp_path / "nowhere"]))
    done = failing.run(*WORDS)
    assert done.exit_code == 12, done.output
    assert not failing.world.instances["KEY1"].active
    assert "the only record" in done.stderr


def test_beside_a_full_disk_it_lies_where_something_can_be_written(
    failing: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    journal_of(failing).failing = WRITES
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(spills, "places", lambda journal: iter([tmp_path / "no", elsewhere]))
    done = failing.run(*WORDS)
    (path,) = elsewhere.iterdir()
    assert str(path) in done.stderr
    assert path.stat().st_mode & 0o777 == 0o600


def damaged(line: str) -> str:
    content = json.loads(line)
    return json.dumps({**content, "scope": ["KEY9"]})


CHANGES: dict[str, Any] = {
    "emptied": lambda text: "",
    "no spill": lambda text: "no json\n",
    "another scope": lambda text: damaged(text.splitlines()[0]) + "\n" + text.split("\n", 1)[1],
    "another installation": lambda text: text.replace(INSTALLATION, "0" * 12),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_spill_that_was_changed_is_refused(failing: Shell, change: str) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    path = spilled(failing)
    path.write_text(CHANGES[change](path.read_text()))
    done = failing.run("emergency", "merge", str(path))
    assert done.exit_code == 2, done.output
    assert "emergency.spill-damaged" in done.stderr
    assert replay(failing.journal.entries(STREAM)).plan == "adopt"


@pytest.mark.parametrize("rotated", [False, True])
def test_where_the_journal_is_gone_for_good_the_spill_of_it_leads_out(
    failing: Shell, *, rotated: bool
) -> None:
    if rotated:
        failing.run("rotate", "app", "--wait")
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    path, world = spilled(failing), failing.world
    world.advance(world.now + world.lag * 2)
    failing.configuration.installation = "0" * 12
    failing.journal = MemoryJournal("0" * 12)
    refused = failing.run("emergency", "merge", str(path))
    assert "emergency.spill-foreign" in refused.stderr
    for words in (f"installation: {INSTALLATION}", "rotation init", "rotate app --replace"):
        assert words in refused.stderr

    failing.configuration.installation = INSTALLATION
    failing.journal = MemoryJournal(INSTALLATION)
    for typed in (["rotate", "app", "--replace", "--wait"], ["emergency", "merge", str(path)]):
        done = failing.run(*typed)
        assert done.exit_code == 0, done.output
    [left] = world.instances
    assert left == world.versions[world.labels[CURRENT]][0]
    assert failing.run("status", "--check").exit_code == 0


def test_a_spill_that_others_may_write_or_that_is_not_there_is_refused(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    path = spilled(failing)
    path.chmod(0o666)
    assert "spill-unsafe" in failing.run("emergency", "merge", str(path)).stderr
    path.unlink()
    assert "spill-missing" in failing.run("emergency", "merge", str(path)).stderr


def forged(path: Path) -> None:
    path.write_text("forged")
    path.chmod(0o666)


def elsewhere(path: Path) -> None:
    target = path.with_name("another name")
    target.write_text("forged")
    path.symlink_to(target)


def endless(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, 50 * 1024**3)


@pytest.mark.parametrize(
    "put",
    [os.mkfifo, forged, elsewhere, endless, Path.mkdir, lambda path: path.write_bytes(b"\xff")],
)
def test_what_anybody_may_put_where_a_spill_may_lie_holds_nothing_up(
    failing: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, put: Any
) -> None:
    common = tmp_path / "common"
    common.mkdir()
    journal_of(failing).failing = WRITES
    monkeypatch.setattr(spills, "places", lambda journal: iter([common]))
    failing.run(*WORDS)
    [own] = common.iterdir()
    put(common / "rotation-emergency-000000000000.spill")
    document = failing.json("status")
    [left] = document["unmerged"]
    assert str(own) in left["hint"]
    assert "0000" not in failing.run("doctor", "app").stdout
    named = failing.run("emergency", "merge", str(common / "rotation-emergency-000000000000.spill"))
    assert named.exit_code == 2, named.output
    assert "emergency.spill-" in named.stderr


def test_a_spill_that_was_cut_off_is_merged_as_far_as_it_goes(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    path = spilled(failing)
    path.write_text(path.read_text()[:-9])
    assert failing.run("emergency", "merge", str(path)).exit_code == 0
    assert set(failing.world.instances) == {"KEY2"}


def test_without_overlap_nothing_is_made_without_the_journal(failing: Shell) -> None:
    failing.world.overlap = False
    journal_of(failing).failing = WRITES
    done = failing.run(*WORDS)
    assert done.exit_code == 9, done.output
    assert "NOT CONTAINED" in done.stderr
    assert "by hand: simulated switch-off KEY1" in done.stderr


def test_a_program_is_told_in_one_document(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    reply = failing.json(*WORDS, code=12)
    path = spilled(failing)
    assert (reply["kind"], reply["contained"], reply["spill"]) == ("contained", ["KEY1"], str(path))
    journal_of(failing).failing = ()
    reply = failing.json("emergency", "merge", str(path))
    assert reply["kind"] == "rotations"
    reply = failing.json("emergency", "merge", str(path))
    assert (reply["kind"], reply["spill"]) == ("merged", str(path))


def test_what_nobody_merged_yet_is_never_invisible(failing: Shell) -> None:
    journal_of(failing).failing = WRITES
    failing.run(*WORDS)
    journal_of(failing).failing = ()
    done = failing.run("doctor", "app")
    assert f"rotation emergency merge {spilled(failing)}" in done.stdout
    assert done.exit_code in (11, 12), done.output
    failing.run("emergency", "merge", str(spilled(failing)))
    assert "emergency merge" not in failing.run("doctor", "app").stdout


def test_what_else_is_broken_does_not_keep_a_key_alive(
    failing: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store, the probe or a consumer: to switch off needs the issuer alone."""
    with monkeypatch.context() as broken:
        lost = UsageError(
            "plugin.no-connection", "the configuration no longer has it", "bring it back"
        )
        broken.setattr(SimulatedSession, "bind", _raising(lost))
        done = failing.run(*WORDS)
        assert done.exit_code == 12, done.output
        assert not failing.world.instances["KEY1"].active
    assert failing.run("emergency", "merge", str(spilled(failing))).exit_code == 0
    assert set(failing.world.instances) == {"KEY2"}


def _raising(error: Exception) -> Any:
    def raising(*_: object) -> Any:
        raise error

    return raising
