"""The program as it is installed, in real processes, against strict AWS."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from tests.e2e.installation import MAIN, Installation, aws, installation, wait_for

__all__ = ["aws", "installation"]  # the fixtures


def reply(installation: Installation, *words: str, code: int = 0) -> Any:
    done = installation.rotation(*words, "-o", "json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.story
def test_a_key_is_rotated_and_every_look_agrees(installation: Installation) -> None:
    before = installation.keys()
    assert reply(installation, "plan", "app")["destroys"] == before[0]
    rotated = reply(installation, "rotate", "app", "--wait")["rotations"][0]
    assert (rotated["outcome"], rotated["destroyed"], rotated["death"]) == (
        "succeeded", before, "proved",
    )  # fmt: skip
    assert installation.is_whole()
    assert reply(installation, "status")["secrets"][0]["current"] == installation.keys()[0]
    assert reply(installation, "reconcile")["secrets"][0]["equal"]
    assert reply(installation, "journal", "check")["whole"]
    assert all(check["ok"] for check in reply(installation, "doctor", "--login")["checks"])
    assert reply(installation, "run")["rotations"] == []


def test_an_emergency_replaces_the_key_and_leaves_no_other(installation: Installation) -> None:
    leaked = installation.current()
    done = installation.rotation(
        "emergency", "--key-id", leaked["id"], "--yes", "--reason", "in a public repository"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the issuer accepted the switch-off of {leaked['id']}" in done.stderr
    assert installation.is_whole()
    assert installation.current()["id"] != leaked["id"]
    assert leaked["secret"] not in done.stdout + done.stderr


def test_beside_a_live_serve_the_command_watches(installation: Installation) -> None:
    installation.write(secret="    state: active\n")
    installation.succeeds("freeze", "--reason", "nothing by schedule")
    served = installation.serve()
    served.await_event("serve.began")
    installation.succeeds("freeze", "--lift")
    done = installation.rotation("rotate", "app", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "promote: done" in done.stderr
    assert installation.is_whole()
    served.end()
    workers = {e["runner"] for e in installation.entries() if e["kind"] == "began"}
    assert any(worker.startswith("serve-") for worker in workers), workers


def test_with_its_journal_gone_an_installation_can_be_frozen(installation: Installation) -> None:
    keys, (journal,) = installation.keys(), list(installation.root.rglob("*.db"))
    away = journal.rename(journal.with_name("away"))
    installation.succeeds("freeze", "--all", "--reason", "the disk fails")
    assert installation.rotation("run").returncode == 9
    away.rename(journal)
    assert reply(installation, "status")["stops"][0]["code"] == "installation.frozen"
    done = installation.rotation("run")
    assert done.returncode == 5
    assert "the disk fails" in done.stderr
    assert installation.keys() == keys
    installation.succeeds("freeze", "--all", "--lift")
    assert reply(installation, "status")["stops"] == []


EMERGENCY = ("emergency", "app", "--yes", "--reason", "leaked")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("rotate", "app"), signal.SIGINT),
        (("rotate", "app"), signal.SIGHUP),
        (EMERGENCY, signal.SIGTERM),
    ],
)
def test_a_signal_ends_it_in_order_and_run_goes_on(
    installation: Installation, words: tuple[str, ...], number: signal.Signals
) -> None:
    """The mint on the wire is awaited and staged; no other call begins, and the next one goes on
    at once."""
    before = len(installation.calls())
    installation.aws.faults.latency(300.0)
    command = [sys.executable, "-c", MAIN, "-c", str(installation.configuration), *words]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=installation.environment(),
    )  # fmt: skip
    installation.started.append(process)
    wait_for(lambda: "iam:CreateAccessKey" in installation.calls()[before:], "the mint")
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    # Contained, and without a successor: readers are without a working credential.
    assert process.returncode == (12 if words is EMERGENCY else 8), said
    calls = installation.calls()[before:]
    after = calls[calls.index("iam:CreateAccessKey") + 1 :]
    # The fields that are not ours come from the version before.
    assert set(after) == {"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"}
    installation.aws.faults.latency(0)
    installation.succeeds("run", "--wait")
    assert installation.is_whole()


def on_a_terminal(installation: Installation, words: list[str], typed: str = "") -> tuple[int, str]:
    """Run it as a person would; what the screen showed."""
    command = ["-c", MAIN, "-c", str(installation.configuration), *words]
    child, screen = pty.fork()
    if child == 0:  # pragma: no cover -- becomes the program
        environment = {**installation.environment(), "TERM": "xterm", "COLUMNS": "100"}
        os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606
    os.write(screen, typed.encode())
    shown = b""
    while True:
        try:
            piece = os.read(screen, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_on_a_terminal_a_line_lives_and_rows_tick(installation: Installation) -> None:
    code, shown = on_a_terminal(installation, ["rotate", "app", "--wait"])
    assert code == 0, shown
    assert "✓✓✓" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert installation.is_whole()


@pytest.mark.parametrize(("typed", "code"), [("app\n", 0), ("no\n", 2)])
def test_on_a_terminal_an_emergency_wants_the_name_typed(
    installation: Installation, typed: str, code: int
) -> None:
    before = installation.keys()
    ended, shown = on_a_terminal(installation, ["emergency", "app"], typed)
    assert ended == code, shown
    assert "who will notice" in shown
    assert (installation.keys() == before) is (code == 2)
