import hashlib
import json
import sqlite3
import stat
from datetime import timedelta

import pytest

from rotation.errors import JournalError, StaleEpoch
from rotation.journal import upkeep
from rotation.journal.entries import INSTALLATION, SCHEMA, Draft, Kind, canonical
from rotation.journal.liveness import RunnerLock, runners_of
from rotation.journal.memory import MemoryJournal
from rotation.journal.sql import open_journal
from rotation.testing.journal import simple_row
from rotation.testing.journal.drafts import (
    APP,
    CLOSED,
    HOLD,
    NOW,
    SECOND,
    TTL,
    claimed,
    done,
    open_next,
    opened,
)

ORIGIN = "0123456789ab"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    """Two streams, one of them in its second rotation, and the installation's."""
    with open_journal(path, ORIGIN, summarise=simple_row) as journal:
        journal.record(Draft(kind=Kind.CREATED), "one", NOW)
        journal.request("app-early", HOLD, "person", NOW)
        opened(journal, "app-early")
        lease = opened(journal)
        journal.append(lease, [done(), done(), CLOSED], NOW)
        open_next(journal, Draft(kind=Kind.OPENED))
        journal.append(claimed(journal), [done()], NOW + SECOND)
        yield journal


def tamper(path, statement):
    connection = sqlite3.connect(path)
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()


def findings(journal):
    return {finding.code for finding in upkeep.check_entries(journal, simple_row)}


# ------------------------------------------------------------------------------------- check


def test_a_journal_that_was_only_appended_to_is_whole(journal, path):
    assert findings(journal) == set()
    assert journal.damage() == ()


def test_the_twin_in_memory_is_checked_the_same_way():
    journal = MemoryJournal(ORIGIN, summarise=simple_row)
    journal.append(opened(journal), [done(), CLOSED], NOW)
    assert findings(journal) == set()
    journal._rows.clear()
    assert findings(journal) == {"journal.row"}


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("journal.changed", "UPDATE entry SET who = 'eve' WHERE seq = 2"),
        ("journal.changed", """UPDATE entry SET facts = '{"a":1}' WHERE seq = 3"""),
        ("journal.changed", "UPDATE entry SET epoch = 7 WHERE seq = 3"),
        ("journal.gap", "DELETE FROM entry WHERE seq = 2"),
        ("journal.gap", "DELETE FROM entry WHERE seq = 1"),
        ("journal.chain", "UPDATE entry SET prev = hash WHERE seq = 2"),
        ("journal.time", "UPDATE entry SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 3"),
        ("journal.rotation", "UPDATE entry SET rotation = 3 WHERE seq = 3"),
        ("journal.newer-schema", "UPDATE entry SET schema = 99 WHERE seq = 3"),
        ("journal.row", "UPDATE identity SET wake_at = NULL"),
        ("journal.row", "UPDATE identity SET seq = seq - 1"),
        ("journal.row", "DELETE FROM identity WHERE stream = 'app-early'"),
        ("journal.epoch", "UPDATE identity SET epoch = 0"),
        ("journal.entries-missing", "DELETE FROM entry WHERE stream = 'app-early'"),
        ("journal.entries-missing", "DELETE FROM entry WHERE seq = 6"),
    ],
)
def test_what_the_journal_did_not_write_is_found(journal, path, code, statement):
    tamper(path, statement)
    assert code in findings(journal)


def test_a_rotation_that_opened_inside_another_is_found(journal, path):
    tamper(path, "UPDATE entry SET kind = 'done' WHERE kind = 'closed'")
    assert "journal.open" in findings(journal)


def test_damage_below_the_tables_is_found(journal, path):
    journal.close()
    raw = bytearray(path.read_bytes())
    place = raw.rindex(APP.encode())  # a key inside a page: the order of the tree is broken
    raw[place : place + 3] = b"zzz"
    path.write_bytes(raw)
    with open_journal(path, ORIGIN, summarise=simple_row) as damaged:
        assert damaged.damage() or findings(damaged)


# -------------------------------------------------------------------------- rebuild, export


def test_lost_rows_are_derived_again_and_leases_are_kept(journal, path):
    before = list(journal.identities())
    tamper(path, "UPDATE identity SET plan = NULL, wake_at = NULL, secret = '', seq = 1")
    upkeep.rebuild(journal)
    assert list(journal.identities()) == before


def test_a_dropped_table_is_derived_again_and_no_lease_of_before_counts(journal, path):
    before = journal.identity(APP)
    tamper(path, "DELETE FROM identity")
    upkeep.rebuild(journal)
    after = journal.identity(APP)
    assert after is not None
    assert after.lease_runner is None
    assert (after.seq, after.plan, after.wake_at) == (before.seq, before.plan, before.wake_at)
    newest = max(entry.epoch for entry in journal.history(APP))
    lease = journal.claim(APP, "two", NOW, TTL)
    assert lease.epoch > newest


EDITED = [
    "UPDATE identity SET wake_at = NULL",
    "UPDATE identity SET wake_at = '2036-01-01T00:00:00.000000Z'",
    "UPDATE identity SET held = 'held.denied', wake_at = NULL",
    "UPDATE identity SET seq = 1, plan = NULL, hash = (SELECT hash FROM entry WHERE seq = 1)",
    "UPDATE identity SET epoch = 0",
]


@pytest.mark.parametrize("statement", EDITED)
def test_a_row_that_was_edited_is_derived_again_and_nothing_is_found_any_more(
    journal, path, statement
):
    tamper(path, statement)
    assert findings(journal) != set()
    assert set(upkeep.repair(journal)) == {APP, "app-early"}
    assert findings(journal) == set()
    assert list(upkeep.repair(journal)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET who = 'eve' WHERE seq = 2",
        "DELETE FROM entry WHERE stream <> 'app-early' AND seq = 6",
    ],
)
def test_where_entries_are_broken_the_row_stays_to_tell_of_them(journal, path, statement):
    tamper(path, "UPDATE identity SET wake_at = NULL")
    tamper(path, statement)
    before = journal.identity(APP)
    assert APP not in set(upkeep.repair(journal))
    assert journal.identity(APP) == before
    assert findings(journal) != set()


def test_a_line_of_the_export_proves_itself(journal):
    lines = [json.loads(line) for line in upkeep.export(journal)]
    streams = [INSTALLATION, *journal.streams()]
    assert len(lines) == sum(len(list(journal.history(stream))) for stream in streams)
    for line in lines:
        stated = line.pop("hash")
        assert hashlib.sha256(canonical(line).encode()).hexdigest() == stated


# -------------------------------------------------------------------------- backup, restore


def restored(path, source, **other):
    asked = {"runner": "person", "who": "ada", "now": NOW + timedelta(hours=1)} | other
    return upkeep.restore(path, ORIGIN, source, **asked)


def test_a_backup_is_private_and_whole_beside_a_live_writer(journal, path, tmp_path):
    target = tmp_path / "backup.db"
    upkeep.backup(path, ORIGIN, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert {file.name for file in tmp_path.iterdir() if "backup" in file.name} == {"backup.db"}
    with open_journal(target, ORIGIN, read_only=True) as copy:
        assert list(copy.history(APP)) == list(journal.history(APP))
    with pytest.raises(JournalError, match=r"journal\.exists"):
        upkeep.backup(path, ORIGIN, target)


def test_a_restore_takes_the_journal_back_and_ends_every_lease(journal, path, tmp_path):
    lease = journal.claim(APP, "one", NOW, TTL)
    upkeep.backup(path, ORIGIN, tmp_path / "backup.db")
    saved = list(journal.history(APP))
    journal.append(lease, [done(lost="yes")], NOW)
    aside = restored(path, tmp_path / "backup.db")
    with pytest.raises(JournalError, match=r"journal\.replaced"):
        journal.append(lease, [done()], NOW)
    with open_journal(path, ORIGIN, summarise=simple_row) as back:
        assert list(back.history(APP)) == saved
        assert list(upkeep.check_entries(back)) == []
        with pytest.raises(StaleEpoch):
            back.append(lease, [done()], NOW)
        _, entry = back.installation_entries()
        assert (entry.kind, entry.who, entry.runner) == (Kind.RESTORED, "ada", "person")
        assert back.claim(APP, "two", NOW, TTL).epoch > lease.epoch
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with open_journal(aside, ORIGIN, read_only=True) as replaced:
        assert [entry.facts.get("lost") for entry in replaced.history(APP)][-1] == "yes"
    log = aside.with_name(aside.name + "-wal")
    assert not log.exists() or log.stat().st_size == 0, "nothing could be lost on the way"


def test_a_restore_where_there_is_no_journal_any_more(journal, path, tmp_path):
    upkeep.backup(path, ORIGIN, tmp_path / "backup.db")
    journal.close()
    path.unlink()
    assert restored(path, tmp_path / "backup.db") is None
    with open_journal(path, ORIGIN, read_only=True) as back:
        assert list(upkeep.check_entries(back)) == []


def test_a_damaged_journal_is_put_aside_with_its_log(journal, path, tmp_path):
    upkeep.backup(path, ORIGIN, tmp_path / "backup.db")
    saved = list(journal.history(APP))
    path.write_bytes(b"\0" * 5000)
    log = path.with_name("journal.db-wal").read_bytes()
    aside = restored(path, tmp_path / "backup.db")
    with open_journal(path, ORIGIN, read_only=True) as back:
        assert list(back.history(APP)) == saved
    assert aside.read_bytes() == b"\0" * 5000
    assert aside.with_name(aside.name + "-wal").read_bytes() == log


def test_nothing_is_restored_under_a_living_runner(journal, path, tmp_path):
    upkeep.backup(path, ORIGIN, tmp_path / "backup.db")
    with (
        RunnerLock(runners_of(path), "host-1-abcd"),
        pytest.raises(JournalError) as refusal,
    ):
        restored(path, tmp_path / "backup.db")
    assert refusal.value.code == "journal.runner-alive"
    assert len(list(journal.installation_entries())) == 1


def test_a_damaged_backup_replaces_nothing(journal, path, tmp_path):
    upkeep.backup(path, ORIGIN, tmp_path / "backup.db")
    tamper(tmp_path / "backup.db", "UPDATE entry SET who = 'eve' WHERE seq = 2")
    before = {file.name for file in tmp_path.iterdir()}
    with pytest.raises(JournalError) as refusal:
        restored(path, tmp_path / "backup.db")
    assert refusal.value.code == "journal.corrupt"
    assert {file.name for file in tmp_path.iterdir()} == before
    assert len(list(journal.installation_entries())) == 1


def test_another_installations_backup_replaces_nothing(journal, path, tmp_path):
    open_journal(tmp_path / "other.db", "ba9876543210").close()
    with pytest.raises(JournalError, match=r"journal\.installation"):
        restored(path, tmp_path / "other.db")
    assert len(list(journal.installation_entries())) == 1


def test_an_upgrade_of_what_is_new_enough_changes_nothing(journal, path, tmp_path):
    before = {file.name for file in tmp_path.iterdir()}
    assert upkeep.upgrade(path, ORIGIN) == (SCHEMA, SCHEMA)
    assert {file.name for file in tmp_path.iterdir()} == before
