"""An emergency from a host that cannot reach the journal, while a live runner is at each row of a
rotation: what leaked is off, stays off, and in the end there is one history."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.e2e.installation import Installation, aws, installation, wait_for
from tests.support.turns import one_in

__all__ = ["aws", "installation"]  # the fixtures

ROWS = (
    "issue", "verify", "promote", "deliver", "confirm", "verify-live", "drain", "suspend", "prove-off",
    "soak", "destroy", "prove-dead", "tidy",
)  # fmt: skip
LATENCY_MS = 250.0
"""Each call takes this long, so that the emergency lands beside a row."""

UNKNOWN = 6


@dataclass
class Watched:
    """Looks at the keys again and again. again: those that were on after they had been off."""

    installation: Installation
    off_at: dict[str, float] = field(default_factory=dict)
    again: set[str] = field(default_factory=set)

    def look(self) -> None:
        for key in self.installation.aws.oracle.keys(self.installation.user):
            name = key["AccessKeyId"]
            if key["Status"] == "Inactive":
                self.off_at.setdefault(name, time.monotonic())
            elif name in self.off_at:
                self.again.add(name)

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        ends = threading.Event()

        def repeat() -> None:
            while not ends.wait(0.02):
                self.look()

        thread = threading.Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            ends.set()
            thread.join()


def laptop(installation: Installation) -> Installation:
    """The same configuration, on a host without the journal."""
    there = installation.root / "laptop"
    there.mkdir(mode=0o700)
    journal = str(installation.root / "journal")
    text = installation.configuration.read_text().replace(journal, str(there))
    made = replace(installation, root=there)
    made.configuration.write_text(text)
    return made


def begun(installation: Installation, row: str) -> Callable[[], bool]:
    entries = installation.root / "journal" / "journal.db"

    def is_begun() -> bool:
        with closing(sqlite3.connect(f"file:{entries}?mode=ro", uri=True)) as journal:
            query = "SELECT 1 FROM entry WHERE stream LIKE 'aws-iam%' AND rotation > 1 AND step = ?"
            return journal.execute(query, (row,)).fetchone() is not None

    return is_begun


@pytest.mark.parametrize("row", one_in(len(ROWS), ROWS))
def test_what_leaked_is_off_and_stays_off(installation: Installation, row: str) -> None:
    away, leaked = laptop(installation), installation.current()["id"]
    installation.aws.faults.latency(LATENCY_MS)
    served, watched = installation.serve(), Watched(installation)
    wait_for(begun(installation, row), row)
    began = time.monotonic()
    with watched.meanwhile():
        done = away.rotation("emergency", "app", "--key-id", leaked, "--yes", "--reason", "leak")
        if done.returncode != UNKNOWN:  # else the rotation had destroyed it by then
            assert f"{leaked} was switched off" in done.stdout, done.stdout + done.stderr
            print(f"{row}: off {max(watched.off_at[leaked] - began, 0):.2f} s after it was typed")
        for spill in away.root.glob("*.spill"):
            merged = installation.rotation("emergency", "merge", str(spill))
            assert merged.returncode == 0, merged.stdout + merged.stderr
        wait_for(installation.is_whole, "one credential, which works")
    assert installation.keys() != [leaked]
    assert leaked not in watched.again
    assert served.end()[0] == 0
    assert "whole" in installation.succeeds("journal", "check")
