"""The journal's seals at the command line: how a person makes one, what a broken one stops, and
how it is lifted."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rotation.cli.app import program
from rotation.journal.entries import Draft, Kind
from rotation.journal.seal import Seals
from rotation.journal.sql import open_journal
from rotation.runtime import process
from rotation.types import SecretValue
from tests.support.configured import KEY, file, keyed, reply, run, tamper
from tests.support.shell import STREAM, Shell, at_a_terminal
from tests.support.simulator import specification
from tests.support.world import INSTALLATION, World

__all__ = ["file", "keyed"]


@pytest.fixture(autouse=True)
def _not_hardened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "harden", lambda: None)


def test_a_person_says_from_when_on(keyed: Path, tmp_path: Path) -> None:
    assert "journal.seal-broken" in run(keyed, "run").stderr
    asked = run(keyed, "journal", "seal")
    assert (asked.exit_code, "cli.needs-yes" in asked.stderr) == (2, True)
    assert run(keyed, "journal", "seal", "--yes").exit_code == 0
    assert "sealed since" in run(keyed, "journal", "check").stdout
    assert "nothing to do" in run(keyed, "journal", "seal").stdout
    assert "only chained" in run(keyed, "doctor").stdout
    written = [p.read_bytes() for p in tmp_path.glob("journal.db*") if p.is_file()]
    assert not any(KEY.encode() in content for content in written)


def test_without_a_key_nothing_is_sealed(file: Path) -> None:
    done = run(file, "journal", "seal", "--yes")
    assert (done.exit_code, "journal.no-seal-key" in done.stderr) == (2, True)
    assert "not sealed" in run(file, "journal", "check").stdout


def test_a_broken_one_is_shown_then_accepted_and_recorded(keyed: Path, tmp_path: Path) -> None:
    assert run(keyed, "journal", "seal", "--yes").exit_code == 0
    tamper(tmp_path / "journal.db", "UPDATE seal SET mac = 'ab' WHERE stream = 'installation'")
    found = reply(keyed, "journal", "check", code=9)["findings"]
    assert [(f["code"], f["stream"]) for f in found] == [("journal.seal", "installation")]
    looked: Result = run(keyed, "doctor")
    assert "may have been changed from outside" in looked.stdout
    refused = run(keyed, "journal", "seal", "--yes")
    assert (refused.exit_code, "journal.seal-broken" in refused.stderr) == (5, True)
    done = run(keyed, "journal", "seal", "--accept", "--yes")
    assert done.exit_code == 0, done.output
    sealed = json.loads(run(keyed, "journal", "export").stdout.splitlines()[-1])
    assert sealed["kind"] == "sealed"
    assert sealed["facts"]["accepted"] == ["installation: its seal does not prove its head"]
    assert reply(keyed, "journal", "check")["whole"]


def test_seals_that_were_taken_away_are_no_first_sealing(keyed: Path, tmp_path: Path) -> None:
    assert run(keyed, "journal", "seal", "--yes").exit_code == 0
    tamper(tmp_path / "journal.db", "DELETE FROM seal")
    refused = run(keyed, "journal", "seal", "--yes")
    assert (refused.exit_code, "journal.seal-broken" in refused.stderr) == (5, True)


def test_a_key_that_cannot_be_read_stops_what_writes(keyed: Path, tmp_path: Path) -> None:
    assert run(keyed, "journal", "seal", "--yes").exit_code == 0
    (tmp_path / "keys" / "seal.key").unlink()
    stopped = run(keyed, "run")
    assert (stopped.exit_code, "journal.seal-key" in stopped.stderr) == (9, True)
    assert run(keyed, "status").exit_code in (0, 1, 11)


# --------------------------------------------------------------- a rotation, and an emergency


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A sealed journal in a file, under the simulated world."""
    world = World()
    world.seed()
    seals = Seals(INSTALLATION, SecretValue(KEY))
    journal = open_journal(tmp_path / "journal.db", INSTALLATION, seals=seals)
    shell = at_a_terminal(world, journal, specification(world), tmp_path, monkeypatch)
    sealed = Draft(kind=Kind.SEALED, who="ada")
    journal.seal(sealed, "person", world.now, journal.faults(thorough=True))
    return shell.adopted()


def last_entry(shell: Shell) -> int:
    row = shell.journal.identity(STREAM)
    assert row is not None
    return row.seq


def test_a_rotation_goes_its_way_under_seal(shell: Shell) -> None:
    assert shell.run("rotate", "app", "--wait").exit_code == 0
    assert shell.journal.doubt() is None
    assert shell.journal.doubt(STREAM) is None


def test_what_was_changed_stops_what_is_new_and_an_emergency_still_contains(
    shell: Shell, tmp_path: Path
) -> None:
    tamper(
        tmp_path / "journal.db",
        f"UPDATE entry SET who = 'mallory' WHERE seq = {last_entry(shell)} AND stream = '{STREAM}'",  # noqa: S608
    )
    before = last_entry(shell)
    refused = shell.run("rotate", "app")
    assert (refused.exit_code, "journal.seal-broken" in refused.stderr) == (5, True)
    assert last_entry(shell) == before
    leaked = shell.run("emergency", "app", "--yes", "--reason", "leaked")
    assert "accepted the switch-off of KEY1" in leaked.output, leaked.output
    assert "look twice" in leaked.output
    kinds = {entry.kind for entry in shell.journal.entries(STREAM)}
    assert "opened" in kinds


def test_an_open_rotation_does_nothing_more(shell: Shell, tmp_path: Path) -> None:
    shell.run("rotate", "app")
    labels = dict(shell.world.labels)
    tamper(
        tmp_path / "journal.db",
        f"UPDATE entry SET who = 'mallory' WHERE seq = {last_entry(shell)} AND stream = '{STREAM}'",  # noqa: S608
    )
    shell.run("run", "--wait")
    assert dict(shell.world.labels) == labels
    assert CliRunner().invoke(program, ["status", "app"]).exit_code != 255
