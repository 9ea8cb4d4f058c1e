"""The SQLite file: who may see it, where it may lie, and that it is never mistaken for another."""

import errno
import os
import sqlite3
import stat
from contextlib import ExitStack
from dataclasses import replace

import pytest

from rotation.errors import JournalError
from rotation.journal import sql, sqlite, upkeep
from rotation.journal.entries import Draft, Kind
from rotation.journal.rows import DERIVED_NAMES, ENTRY_NAMES, IDENTITY_NAMES
from rotation.journal.sql import journal_for_looks, open_journal
from rotation.journal.sqlite import statements
from rotation.testing.journal import simple_row
from rotation.testing.journal.drafts import APP, HOLD, NOW, done, opened

ORIGIN = "0123456789ab"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.db"


def opening(path, **options):
    return open_journal(path, ORIGIN, summarise=simple_row, **options)


def refused(path, **options):
    with pytest.raises(JournalError) as refusal:
        opening(path, **options)
    return refusal.value.code


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_it_is_private_from_its_creation(path, umask):
    before = os.umask(umask)
    try:
        with opening(path) as journal:
            opened(journal)
            assert mode(path.parent) == 0o700
            assert {mode(file) for file in path.parent.iterdir()} == {0o600}
            assert {file.name for file in path.parent.iterdir()} == {
                "journal.db",
                "journal.db-wal",
                "journal.db-shm",
            }
    finally:
        os.umask(before)


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o606])
def test_a_file_that_others_may_touch_is_refused(path, bits):
    opening(path).close()
    path.chmod(bits)
    assert refused(path) == "journal.mode"
    assert refused(path, read_only=True) == "journal.mode"


def test_a_directory_that_others_may_write_is_refused(path):
    path.parent.mkdir(mode=0o700)
    path.parent.chmod(0o770)
    assert refused(path) == "journal.mode"
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("above", [1, 2])
def test_a_journal_that_others_could_replace_is_refused(path, tmp_path, above):
    opening(path).close()
    path.parents[above - 1].chmod(0o777)
    assert refused(path) == "journal.mode"
    assert refused(path, read_only=True) == "journal.mode"
    with pytest.raises(JournalError) as caught:
        journal_for_looks(path, ORIGIN)
    assert caught.value.code == "journal.mode"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_journal_of_somebody_else_is_refused(path, what):
    opening(path).close()
    os.chown(path if what == "file" else path.parent, 4711, -1)
    assert refused(path) == "journal.owner"
    assert refused(path, read_only=True) == "journal.owner"
    with pytest.raises(JournalError) as caught:
        journal_for_looks(path, ORIGIN)
    assert caught.value.code == "journal.owner"


def test_a_link_to_a_journal_is_refused(path, tmp_path):
    """The locks of its runners lie beside one name only."""
    opening(path).close()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    assert refused(link) == "journal.link"
    with pytest.raises(JournalError) as caught:
        journal_for_looks(link, ORIGIN)
    assert caught.value.code == "journal.link"


def test_every_commit_is_synchronous_and_logged_ahead(path):
    opening(path).close()
    connection = sqlite._connect(path, read_only=False)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_what_every_commit_depends_on_is_not_left_to_the_build(path, monkeypatch):
    opening(path).close()
    demanded = []
    monkeypatch.setattr(sqlite, "_set", lambda _, *demand: demanded.append(demand))
    sqlite._connect(path, read_only=False).close()
    assert demanded == [("journal_mode", "wal", "wal"), ("synchronous", "FULL", 2)]


def test_a_place_where_that_cannot_be_had_is_refused(path):
    connection = sqlite3.connect(":memory:")  # which has no WAL, as some file systems
    with pytest.raises(JournalError, match=r"journal\.unsafe"):
        sqlite._set(connection, "journal_mode", "wal", "wal")


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/share nfs4 rw 0 0
/dev/sdb1 /mnt/share/local xfs rw 0 0
tmpfs /with\\040space tmpfs rw 0 0
ada@host: /with\\040space/ssh fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/lib/rotation/journal.db", "ext4"),
        ("/mnt/share/journal.db", "nfs4"),
        ("/mnt/shared/journal.db", "ext4"),
        ("/mnt/share/local/journal.db", "xfs"),
        ("/with space/ssh/journal.db", "fuse.sshfs"),
    ],
)
def test_the_innermost_mount_says_the_file_system(place, kind):
    assert sqlite.file_system(sqlite.Path(place), MOUNTS) == kind


def test_a_network_file_system_is_refused(path, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/export {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(sqlite, "MOUNTS", mounts)
    assert refused(path) == "journal.network"
    assert not path.exists()


def test_it_belongs_to_one_installation(path):
    opening(path).close()
    with pytest.raises(JournalError) as refusal:
        open_journal(path, "ba9876543210")
    assert refusal.value.code == "journal.installation"


def test_a_reader_reads_beside_a_writer_and_writes_nothing(path):
    with opening(path) as journal, opening(path, read_only=True) as reader:
        lease = opened(journal)
        assert reader.entries(APP) == journal.entries(APP)
        whole = journal.append(lease, [done()], NOW)
        assert reader.entries(APP) == whole
        with pytest.raises(JournalError, match=r"journal\.read-only"):
            reader.request(APP, HOLD, "person", NOW)


def test_a_reader_finds_what_a_writer_left(path):
    with opening(path) as journal:
        opened(journal)
    with opening(path, read_only=True) as reader:
        assert [entry.seq for entry in reader.history(APP)] == [1]


def test_a_reader_does_not_make_a_journal(path):
    assert refused(path, read_only=True) == "journal.missing"
    assert not path.parent.exists()


def test_a_log_without_its_journal_is_no_new_journal(path):
    with opening(path) as journal:
        opened(journal)
        path.unlink()
        assert refused(path) == "journal.missing"


def test_a_journal_that_is_replaced_under_its_writer_takes_no_more(path):
    with opening(path) as journal:
        lease = opened(journal)
        path.rename(path.with_name("elsewhere"))
        with pytest.raises(JournalError, match=r"journal\.replaced"):
            journal.append(lease, [done()], NOW)
        path.write_bytes(path.with_name("elsewhere").read_bytes())
        with pytest.raises(JournalError, match=r"journal\.replaced"):
            journal.append(lease, [done()], NOW)


@pytest.mark.parametrize("rest", [0, 100, 4096, 8192])
def test_a_truncated_file_is_never_an_empty_journal(path, rest):
    with opening(path) as journal:
        opened(journal)
    os.truncate(path, rest)
    assert refused(path) == "journal.corrupt"
    assert refused(path, read_only=True) == "journal.corrupt"


def test_a_file_of_something_else_is_no_journal(path):
    path.parent.mkdir(mode=0o700)
    path.write_text("this is no database, but it is long enough to look at" * 100)
    path.chmod(0o600)
    assert refused(path) == "journal.corrupt"


def test_a_database_of_something_else_is_no_journal(path):
    path.parent.mkdir(mode=0o700)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE something (else_ TEXT)")
    connection.close()
    path.chmod(0o600)
    assert refused(path) == "journal.tables"


def test_a_line_that_cannot_be_read_is_damage(path):
    with opening(path) as journal:
        opened(journal)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE entry SET facts = '{'")
        connection.commit()
        connection.close()
        with pytest.raises(JournalError, match=r"journal\.corrupt"):
            journal.entries(APP)


def test_who_waits_too_long_is_told_that_it_is_busy(path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    with opening(path) as journal:
        lease = opened(journal)
        other = sqlite._connect(path, read_only=False)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError) as refusal:
            journal.append(lease, [done()], NOW)
        other.close()
        assert refusal.value.code == "journal.busy"
        assert refusal.value.hint
        assert len(journal.append(lease, [done()], NOW)) == 2


def test_a_full_disk_stops_before_the_effect_and_leaves_the_journal_whole(path):
    with opening(path) as journal:
        lease = opened(journal)
        with journal._file.write() as connection:
            connection.execute("PRAGMA max_page_count=12")
        reported = []

        def fill(known):
            while True:
                known = journal.append(lease, [done(text="x" * 3000)], NOW, known=known)
                reported.append(known)

        with pytest.raises(JournalError) as refusal:
            fill(journal.entries(APP))
        assert refusal.value.code == "journal.full"
        assert journal.entries(APP) == reported[-1]


def test_what_a_fleet_asks_for_is_never_searched_line_by_line(path):
    with opening(path) as journal, journal._file.read() as connection:
        for query in ("runnable", "next_wake", "latest", "history", "row"):
            parameters = dict.fromkeys(("stream", "after", "now", "page"), 1)
            plan = connection.execute(f"EXPLAIN QUERY PLAN {sql.QUERIES[query]}", parameters)
            assert not [step for *_, step in plan if step.startswith("SCAN ")]


def test_the_latest_rotation_is_found_without_a_look_at_those_before(path):
    with opening(path) as journal:

        def rotate() -> None:
            lease = opened(journal)
            journal.append(lease, [done(), Draft(kind=Kind.CLOSED)], NOW)

        def effort() -> int:
            steps = []
            with journal._file.write() as connection:
                connection.set_progress_handler(lambda: steps.append(1), 1)
                connection.execute(sql.QUERIES["latest"], {"stream": APP}).fetchall()
                connection.set_progress_handler(None, 1)
            return len(steps)

        rotate()
        alone = effort()
        for _ in range(50):
            rotate()
        assert effort() < 1.5 * alone


def test_what_is_more_than_a_page_is_read_to_its_end(path):
    with opening(path) as journal:
        lease = opened(journal)
        many = range(2 * sql.PAGE)
        journal.append(lease, [done(n=number) for number in many], NOW)
        assert [entry.facts.get("n") for entry in journal.history(APP)] == [None, *many]
        row = journal.identity(APP)
        with journal._transaction() as transaction:
            for number in many:
                transaction.save(None, replace(row, stream=f"zebra-{number:05}"))
        assert [row.stream for row in journal.identities()] == [
            APP,
            *(f"zebra-{number:05}" for number in many),
        ]


def test_every_statement_is_one_of_these_tables(path):
    with opening(path) as journal, journal._file.write() as connection:
        known = {
            *ENTRY_NAMES,
            *IDENTITY_NAMES,
            "after",
            "page",
            "code",
            "now",
            "mac",
            "accepted",
            "without",
            "at_once",
            "kinds",
            "since",
        }
        for query in sql.QUERIES.values():
            connection.execute(f"EXPLAIN {query}", dict.fromkeys(known, 1))


@pytest.mark.parametrize(("table", "names"), [("entry", ENTRY_NAMES), ("identity", IDENTITY_NAMES)])
def test_a_table_has_the_columns_that_are_read(path, table, names):
    assert set(DERIVED_NAMES) < set(IDENTITY_NAMES)
    with opening(path) as journal, journal._file.read() as connection:
        columns = connection.execute(f"PRAGMA table_info({table})")
        assert tuple(name for _, name, *_ in columns) == names


def test_readers_wait_for_each_other_and_are_told_when_it_is_too_long(path):
    with opening(path, patience_s=0.05) as journal, ExitStack() as held:
        for _ in range(sqlite.READERS):
            held.enter_context(journal._file.read())
        with pytest.raises(JournalError, match=r"journal\.busy"):
            journal.identity(APP)
        held.close()
        assert journal.identity(APP) is None


def test_a_place_that_cannot_be_made_is_the_journals_error(path):
    path.parent.write_text("a file where the directory should be")
    with pytest.raises(JournalError):
        opening(path)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "journal.full"),
        (errno.EACCES, "journal.denied"),
        (errno.EROFS, "journal.read-only"),
        (errno.EIO, "journal.io"),
    ],
)
def test_what_the_system_refuses_is_the_journals_error(number, code):
    with pytest.raises(JournalError) as refusal, sqlite.translated():
        raise OSError(number, os.strerror(number))
    assert refusal.value.code == code


# --------------------------------------------------------------------------------- the schema


def forward(monkeypatch, *from_0):
    upgrades = {**statements.upgrades(), 0: list(from_0)}
    monkeypatch.setattr(statements, "upgrades", lambda: upgrades)


@pytest.fixture
def older(path, monkeypatch):
    """A journal of schema 0, whose rows did not know `unverified` yet."""
    with opening(path) as journal:
        opened(journal)
    connection = sqlite3.connect(path)
    connection.execute("ALTER TABLE identity DROP COLUMN unverified")
    connection.execute("DROP TABLE seal")
    connection.execute("UPDATE meta SET value = '0' WHERE name = 'schema'")
    connection.commit()
    connection.close()
    forward(monkeypatch, "ALTER TABLE identity ADD COLUMN unverified BOOLEAN NOT NULL DEFAULT 0")
    return path


def copies(path):
    return sorted(path.parent.glob("journal.db.schema-0-*"))


def test_an_older_journal_is_brought_forward_after_a_copy(older):
    with opening(older) as journal:
        row = journal.identity(APP)
        assert row is not None
        assert row.unverified is False
    (copy,) = copies(older)
    assert mode(copy) == 0o600
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT value FROM meta WHERE name='schema'").fetchone() == ("0",)
    connection.close()
    opening(older).close()
    assert copies(older) == [copy]


def test_an_older_backup_is_restored_and_nothing_of_it_is_left_beside(older, tmp_path):
    backup = tmp_path / "backup.db"
    older.rename(backup)
    upkeep.restore(older, ORIGIN, backup, runner="person", who="ada", now=NOW)
    opening(older).close()
    assert [each.name for each in older.parent.glob("*.schema-0-*")] == []
    assert not list(older.parent.glob(f".{older.name}.*"))


def test_a_migration_that_fails_leaves_the_older_journal(older, monkeypatch):
    forward(monkeypatch, "DROP TABLE entry", "DROP TABLE nothing")
    with pytest.raises(JournalError):
        opening(older)
    connection = sqlite3.connect(older)
    assert connection.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    connection.close()


def test_a_reader_does_not_bring_a_journal_forward(older):
    assert refused(older, read_only=True) == "journal.older-schema"
    assert copies(older) == []


def test_a_newer_journal_is_refused(path):
    opening(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    connection.commit()
    connection.close()
    assert refused(path) == "journal.newer-schema"
