"""`plan`: what would happen, without asking anybody; a saved plan holds or is refused."""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotation.cli import output
from rotation.journal.entries import stamp
from rotation.types import CURRENT
from tests.support.shell import APP, Shell


def test_it_says_what_is_due_and_why_and_asks_nobody(shell: Shell) -> None:
    shell.adopted()
    calls = len(shell.world.calls)
    reply = shell.json("plan")
    assert reply["due"] == 1
    assert reply["secrets"][0]["state"] == "due"
    assert len(shell.world.calls) == calls
    assert shell.run("plan", "--detailed-exitcode").exit_code == 7


def test_nothing_due_is_exit_0(shell: Shell) -> None:
    shell.configuration.entry = APP._replace(period_s=300 * 86_400)
    done = shell.adopted().run("plan", "--detailed-exitcode")
    assert done.exit_code == 0
    assert "0 of 1 due" in done.stdout


def test_with_a_name_it_shows_each_row_its_permissions_and_what_dies_when(shell: Shell) -> None:
    shell.adopted()
    reply = shell.json("plan", "app")
    rows = {(row["step"], row["subject"]): row for row in reply["rows"]}
    assert rows["suspend", "-"]["sets"] == ["observe", "revoke"]
    assert rows["deliver", "consumer:batch"]["sets"] == ["deliver"]
    assert reply["destroys"] == "KEY1"
    spec, now = shell.configuration.spec, shell.world.now
    off = now + timedelta(seconds=spec.settle_s + spec.grace_s)
    assert reply["suspend_not_before"] == stamp(off)
    assert reply["destroy_not_before"] == stamp(off + timedelta(seconds=spec.soak_s))
    text = shell.run("plan", "app").stdout
    assert "KEY1 is switched off no earlier than" in text
    assert "permissions are not probed" in text


def test_its_steps_fit_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "columns", lambda stream: 80)
    lines = shell.adopted().run("plan", "app").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "issue" in next(line for line in lines if "observe, mint" in line)


def test_its_json_is_a_plan_s(shell: Shell) -> None:
    reply = shell.adopted().json("plan", "app")
    assert (reply["kind"], reply["state"]) == ("plan", "due")


def test_where_nothing_is_suspended_it_says_so(shell: Shell) -> None:
    shell.adopted().world.can_suspend = False
    text = shell.run("plan", "app").stdout
    assert "switched off no earlier than" not in text
    assert "KEY1 is destroyed no earlier than" in text
    assert shell.json("plan", "app")["suspend_not_before"] is None


def test_while_one_is_open_it_tells_of_the_one_after_it(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    assert "`rotation show app`; below is the one after it" in shell.run("plan", "app").stdout
    shell.world.mint(by_person=True)
    shell.run("run", "--wait")
    assert "app: held: held." in shell.run("plan", "app").stdout


def test_a_refresh_names_what_would_hold_it(shell: Shell) -> None:
    world = shell.adopted().world
    world.versions["other"] = ("KEY1", "canary-secret-other")
    world.labels[CURRENT] = "other"
    assert "held.world-changed" in shell.run("plan", "app", "--refresh").stdout
    assert "held.world-changed" not in shell.run("plan", "app").stdout


@pytest.fixture
def saved(shell: Shell, tmp_path: Path) -> Path:
    path = tmp_path / "friday.plan.json"
    assert shell.adopted().run("plan", "--out", str(path)).exit_code == 0
    return path


def test_a_saved_plan_is_done_as_it_is(shell: Shell, saved: Path) -> None:
    assert json.loads(saved.read_text())["secrets"][0]["secret"] == "app"
    done = shell.run("run", "--plan", str(saved), "--wait")
    assert done.exit_code == 0, done.output
    assert set(shell.world.instances) == {"KEY2"}


def test_a_saved_plan_is_refused_once_the_journal_moved(shell: Shell, saved: Path) -> None:
    shell.run("rotate", "app", "--wait")
    done = shell.run("run", "--plan", str(saved))
    assert done.exit_code == 5
    assert "plan.moved" in done.stderr
    assert set(shell.world.instances) == {"KEY2"}


def test_a_saved_plan_is_refused_once_the_specification_changed(shell: Shell, saved: Path) -> None:
    shell.configuration.spec = replace(shell.configuration.spec, soak_s=1)
    assert shell.run("run", "--plan", str(saved)).exit_code == 5


def test_what_is_no_plan_is_not_written_over(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "journal.db"
    other.write_text("not ours")
    (tmp_path / "link").symlink_to(other)
    for path in (other, tmp_path / "link"):
        done = shell.run("plan", "--out", str(path))
        assert (done.exit_code, "plan.in-the-way" in done.stderr) == (2, True)
    assert other.read_text() == "not ours"


def test_a_plan_is_saved_again_over_itself_and_for_nobody_else(shell: Shell, saved: Path) -> None:
    saved.chmod(0o666)
    assert shell.run("plan", "--out", str(saved)).exit_code == 0
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_no_plan(shell: Shell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert shell.run("run", "--plan", str(tmp_path / "pipe")).exit_code == 2


FORGED = '{"kind": "saved-plan", "installation": "0123456789ab", "secrets": '


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"kind": "saved-plan"}', "not json", "[" * 100_000, FORGED + "5}",
        FORGED + '["app"]}', FORGED + '[{"secret": "app"}]}',
        FORGED + '[{"secret": 5, "stream": "", "seq": 1, "hash": "", "spec_sha256": ""}]}',
    ],
)  # fmt: skip
def test_what_is_no_plan_is_refused(shell: Shell, tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    assert shell.run("run", "--plan", str(tmp_path / "x")).exit_code == 2
