"""An emergency beside what fails in the world: a frozen process, a full or read-only disk, a
configuration that is broken. Real processes, strict AWS."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, aws, installation

__all__ = ["aws", "installation"]  # the fixtures

EMERGENCY = ("emergency", "app", "--yes", "--reason", "leaked")
HOLDS = """
import sqlite3, sys, time
journal = sqlite3.connect(sys.argv[1], isolation_level=None)
journal.execute("BEGIN IMMEDIATE")
print("holds", flush=True)
time.sleep(600)
"""


def journal_of(installation: Installation) -> Path:
    (journal,) = installation.root.rglob("journal.db")
    return journal


@contextmanager
def frozen_inside_a_transaction(journal: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(journal)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def states(installation: Installation) -> dict[str, str]:
    keys = installation.aws.oracle.keys(installation.user)
    return {key["AccessKeyId"]: key["Status"] for key in keys}


def by_hand(installation: Installation, key: str) -> str:
    return (
        f"by hand: aws iam update-access-key --user-name {installation.user} "
        f"--access-key-id {key} --status Inactive"
    )


def merged(installation: Installation) -> None:
    (spill,) = installation.root.rglob("*.spill")
    done = installation.rotation("emergency", "merge", str(spill))
    assert done.returncode == 0, done.stdout + done.stderr
    assert installation.is_whole()


def test_a_frozen_process_that_holds_the_journal_does_not_keep_a_key_alive(
    installation: Installation,
) -> None:
    leaked = installation.current()
    with frozen_inside_a_transaction(journal_of(installation)):
        done = installation.rotation(*EMERGENCY)
        assert done.returncode == 12, done.stdout + done.stderr
        assert states(installation) == {leaked["id"]: "Inactive"}
        assert "SQLITE_BUSY" in done.stderr
    merged(installation)


def test_a_journal_that_is_not_there_does_not_keep_a_key_alive(installation: Installation) -> None:
    leaked, journal = installation.current(), journal_of(installation)
    away = journal.rename(journal.with_name("away"))
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 12, done.stdout + done.stderr
    assert states(installation) == {leaked["id"]: "Inactive"}
    away.rename(journal)
    merged(installation)


def test_a_journal_that_is_damaged_does_not_keep_a_key_alive(installation: Installation) -> None:
    leaked = installation.current()
    journal_of(installation).write_bytes(b"no journal at all" * 400)
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 12, done.stdout + done.stderr
    assert states(installation) == {leaked["id"]: "Inactive"}


@pytest.mark.parametrize("broken", ["nonsense: [", "  - unknown_key: 1\n"])
def test_with_a_broken_configuration_the_command_is_told(
    installation: Installation, broken: str
) -> None:
    leaked = installation.current()
    with installation.configuration.open("a") as file:
        file.write(f"\n{broken}\n")
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "NOT CONTAINED" in done.stderr
    assert by_hand(installation, leaked["id"]) in done.stderr
    done = installation.rotation("emergency", "--key-id", leaked["id"], "--yes", "--reason", "x")
    assert by_hand(installation, leaked["id"]) in done.stderr


def test_with_the_issuer_down_the_command_is_told(installation: Installation) -> None:
    leaked = installation.current()
    text = installation.configuration.read_text()
    installation.configuration.write_text(
        text.replace(installation.aws.endpoint, "http://127.0.0.1:9")
    )
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 9, done.stdout + done.stderr
    assert "NOT CONTAINED" in done.stderr
    assert by_hand(installation, leaked["id"]) in done.stderr


def test_an_entry_that_left_the_file_is_in_reach_by_name_and_by_key(
    installation: Installation,
) -> None:
    leaked = installation.current()
    text = installation.configuration.read_text()
    installation.configuration.write_text(text[: text.rindex("\nsecrets:")] + "\nsecrets: []\n")
    done = installation.rotation("emergency", "--key-id", leaked["id"], "--yes", "--reason", "x")
    assert done.returncode == 0, done.stdout + done.stderr
    assert leaked["id"] not in states(installation)
    again = installation.current()["id"]
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert again not in states(installation)
    assert installation.is_whole()


def test_a_role_that_nobody_declared_is_not_told_to_work(installation: Installation) -> None:
    done = installation.rotation("doctor", "--as", "emergency")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nothing was tried" in done.stdout


@pytest.fixture
def disk(installation: Installation, tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own under the journal."""
    place = tmp_path / "disk"
    place.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k,mode=700", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nobody may mount a disk here")
    journal = journal_of(installation)
    shutil.copy(journal, place / journal.name)
    (place / journal.name).chmod(0o600)
    text = installation.configuration.read_text()
    installation.configuration.write_text(text.replace(str(journal), str(place / journal.name)))
    shutil.rmtree(journal.parent)
    installation.succeeds("status")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("wrong", ["full", "read-only"])
def test_a_disk_that_takes_nothing_does_not_keep_a_key_alive(
    installation: Installation, disk: Path, wrong: str
) -> None:
    leaked = installation.current()
    if wrong == "full":
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 512)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = installation.rotation(*EMERGENCY)
    assert done.returncode == 12, done.stdout + done.stderr
    assert states(installation) == {leaked["id"]: "Inactive"}
    if wrong == "full":
        (disk / "filler").unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    (named,) = re.findall(r"emergency merge (\S+\.spill)", done.stderr)
    try:
        done = installation.rotation("emergency", "merge", named)
        assert done.returncode == 0, done.stdout + done.stderr
        assert installation.is_whole()
    finally:
        Path(named).unlink()
