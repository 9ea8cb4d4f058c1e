"""What was reported as written is there, whatever happens to the process or the disk."""

import base64
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from rotation.errors import JournalError
from rotation.journal import upkeep
from rotation.journal.sql import open_journal
from rotation.journal.sqlite import statements
from rotation.testing.journal import simple_row
from rotation.testing.journal.drafts import APP, NOW, began, done, opened, unbroken
from rotation.types import SecretValue

ORIGIN = "0123456789ab"

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from rotation.journal.sql import open_journal
from rotation.testing.journal.drafts import NOW, began, done, opened, simple_row
journal = open_journal(Path(sys.argv[1]), sys.argv[2], summarise=simple_row)
lease = opened(journal, sys.argv[3], runner=sys.argv[3])
known = journal.entries(sys.argv[3])
while True:
    known = journal.append(
        lease, [done(text="x" * 500)], NOW, known=known, then=lambda _: (began(),)
    )
    print(known[-1].seq, known[-1].hash, flush=True)
"""

WRITE_UNTIL_THE_LIMIT = """
import resource, sys
from pathlib import Path
from rotation.errors import JournalError
from rotation.journal.sql import open_journal
from rotation.testing.journal.drafts import NOW, done, opened, simple_row
journal = open_journal(Path(sys.argv[1]), sys.argv[2], summarise=simple_row)
lease = opened(journal)
limit = Path(sys.argv[1] + "-wal").stat().st_size + 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
seq = 1
try:
    while True:
        seq = journal.append(lease, [done(text="x" * 5000)], NOW)[-1].seq
except JournalError as error:
    print(error.code, seq)
"""

OPEN = """
import sys
from pathlib import Path
from rotation.journal.sql import open_journal
from rotation.testing.journal.drafts import opened, simple_row
opened(open_journal(Path(sys.argv[1]), sys.argv[2], summarise=simple_row), sys.argv[3])
"""


def program(text, path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", text, str(path), ORIGIN, *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.mark.real
@pytest.mark.parametrize("writes", [1, 7, 40, 150])
def test_a_killed_writer_loses_nothing_that_it_reported(path, writes):
    with program(WRITE_FOR_EVER, path, APP) as writer:
        reported = list(islice(writer.stdout, writes))
        writer.kill()
        reported += writer.stdout.readlines()
    if not reported[-1].endswith("\n"):
        reported.pop()
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:
        written = {entry.seq: entry.hash for entry in journal.history(APP)}
        for line in reported:
            seq, its_hash = line.split()
            assert written[int(seq)] == its_hash
        assert list(upkeep.check_entries(journal, simple_row)) == []
        assert journal.damage() == ()


@pytest.mark.real
@pytest.mark.story
def test_processes_write_side_by_side(path):
    streams = ["app-1", "app-2", "app-3"]
    writers = [program(WRITE_FOR_EVER, path, stream) for stream in streams]
    for writer in writers:
        assert len(list(islice(writer.stdout, 20))) == 20
    for writer in writers:
        writer.kill()
        writer.communicate()
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:
        assert list(journal.streams()) == streams
        assert all(unbroken(journal.history(stream)) for stream in streams)


@pytest.mark.real
def test_of_processes_that_make_the_journal_at_once_all_have_the_same(path):
    streams = [f"app-{number}" for number in range(4)]
    for process in [program(OPEN, path, stream) for stream in streams]:
        process.communicate()
        assert process.returncode == 0
    with open_journal(path, ORIGIN, read_only=True) as journal:
        assert list(journal.streams()) == streams
    assert {file.name.removeprefix("journal.db") for file in path.parent.iterdir()} <= {
        "",
        "-wal",
        "-shm",
    }


def test_a_disk_that_takes_no_more_stops_before_the_effect(path):
    with program(WRITE_UNTIL_THE_LIMIT, path) as writer:
        code, seq = writer.stdout.read().split()
    assert code in {"journal.full", "journal.io"}
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:
        assert [entry.seq for entry in journal.history(APP)][-1] == int(seq)
        assert list(upkeep.check_entries(journal, simple_row)) == []


def test_a_creation_that_was_killed_leaves_no_half_journal(path, monkeypatch):
    def killed():
        yield "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        raise KeyboardInterrupt

    monkeypatch.setattr(statements, "schema", killed)
    with pytest.raises(KeyboardInterrupt):
        open_journal(path, ORIGIN)
    assert not path.exists()
    monkeypatch.undo()
    open_journal(path, ORIGIN).close()


def test_no_byte_of_a_secret_reaches_the_disk(path):
    canary = SecretValue("canary-7f3a9c51-with-some-length")
    raw = canary.reveal()
    spellings = [raw, base64.b64encode(raw.encode()).decode(), raw.encode().hex()]
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:
        lease = opened(journal)
        for spelling in spellings:
            with pytest.raises(JournalError, match=r"journal\.secret-refused"):
                journal.append(lease, [done(n=1), done(message=spelling)], NOW)
        journal.append(lease, [done(message="the control")], NOW, then=lambda _: (began(),))
        disk = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"the control" in disk
    assert not [spelling for spelling in spellings if spelling.encode() in disk]


def test_writers_in_one_process_queue_without_losing_anybody(path):
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:

        def write(number):
            stream = f"app-{number:02}"
            lease = opened(journal, stream, runner=stream)
            for _ in range(10):
                journal.append(lease, [done()], NOW)
            return len(journal.entries(stream))

        with ThreadPoolExecutor(32) as threads:
            assert set(threads.map(write, range(32))) == {11}
        assert list(upkeep.check_entries(journal, simple_row)) == []
