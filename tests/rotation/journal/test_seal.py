"""A journal whose heads are sealed: what somebody without the key changed in its file is found, and
what its own writers do never is."""

# ruff: noqa: S608 -- the statements are our own
import os
import sqlite3
import threading
from contextlib import closing, suppress

import pytest

from rotation.errors import JournalError, JournalMoved
from rotation.journal import upkeep
from rotation.journal.entries import INSTALLATION, Draft, Kind, entry_hash
from rotation.journal.rows import ENTRY_NAMES, entry_from, entry_values
from rotation.journal.seal import Seals, read_key
from rotation.journal.sql import open_journal
from rotation.testing.journal import simple_row
from rotation.testing.journal.drafts import (
    APP,
    CLOSED,
    HOLD,
    NOW,
    SECOND,
    claimed,
    done,
    open_next,
    opened,
)
from rotation.types import SecretValue, contains_live_value

ORIGIN = "0123456789ab"
OTHER = "app-other"
SEALED = Draft(kind=Kind.SEALED, who="ada")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def seals():
    return Seals(ORIGIN, SecretValue("k" * 32))


@pytest.fixture
def sealed(path, seals):
    """Two streams and the installation's; each went on after it was sealed."""
    with writing(path, seals) as journal:
        lease = opened(journal)
        journal.append(lease, [done(), CLOSED], NOW)
        journal.seal(SEALED, "person", NOW, journal.faults(thorough=True))
        open_next(journal, Draft(kind=Kind.OPENED))
        journal.append(claimed(journal), [done(), done()], NOW + SECOND)
        opened(journal, OTHER)
        journal.record(Draft(kind=Kind.FROZEN, facts={"frozen": True}), "person", NOW)
        yield journal


def writing(path, seals, **options):
    return open_journal(path, ORIGIN, seals=seals, summarise=simple_row, **options)


def doubt(path, seals):
    """Of a runner that starts now."""
    with writing(path, seals) as journal:
        return journal.doubt() or journal.doubt(APP) or journal.doubt(OTHER)


def tamper(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()


def chain_anew(path, stream, change):
    """As the product would: the entries, their hashes, and what the row says of them."""
    with closing(sqlite3.connect(path)) as file:
        names = ", ".join(ENTRY_NAMES)
        rows = file.execute(f"SELECT {names} FROM entry WHERE stream = ? ORDER BY seq", (stream,))
        prev = None
        for row in rows.fetchall():
            entry = change(entry_from(row))
            if prev is not None:
                object.__setattr__(entry, "prev", prev)
            object.__setattr__(entry, "hash", entry_hash(entry))
            prev = entry.hash
            values = entry_values(entry)
            file.execute(
                "UPDATE entry SET who = :who, facts = :facts, prev = :prev, hash = :hash"
                " WHERE stream = :stream AND seq = :seq",
                values,
            )
        file.execute("UPDATE identity SET hash = ? WHERE stream = ?", (prev, stream))
        file.commit()


def rewritten(entry):
    object.__setattr__(entry, "who", "mallory")
    return entry


def test_its_own_writers_never_break_a_seal(sealed, path, seals):
    assert doubt(path, seals) is None
    sealed.request(APP, HOLD, "person", NOW + SECOND)
    sealed.claim(OTHER, "two", NOW + 99 * SECOND, SECOND)
    upkeep.rebuild(sealed)
    sealed.raise_epochs()
    assert doubt(path, seals) is None
    assert sealed.faults(thorough=True) == []


@pytest.mark.parametrize("stream", [APP, OTHER, INSTALLATION])
def test_rewritten_and_chained_anew(sealed, path, seals, stream):
    chain_anew(path, stream, rewritten)
    assert set(upkeep.check_entries(sealed, simple_row)) == set(), "the chain alone is whole"
    assert "seal does not prove" in doubt(path, seals)


def test_a_field_alone(sealed, path, seals):
    tamper(path, f"UPDATE entry SET who = 'mallory' WHERE stream = '{APP}' AND kind = 'done'")
    assert "entry" in doubt(path, seals)


def test_a_row_alone(sealed, path, seals):
    """Due-ness is read from it: one that says "retired" ends its rotations in silence."""
    tamper(path, f"UPDATE identity SET retired = 1 WHERE stream = '{APP}'")
    assert doubt(path, seals) == f"{APP}: its seal does not prove its head"


def test_a_row_alone_that_is_derived_again_is_what_was_sealed(sealed, path, seals):
    tamper(path, f"UPDATE identity SET retired = 1 WHERE stream = '{APP}'")
    assert list(upkeep.repair(sealed)) == [APP]
    assert doubt(path, seals) is None


def test_a_wrong_row_that_was_accepted_is_sealed_anew_when_it_is_derived_again(sealed, path, seals):
    tamper(path, f"UPDATE identity SET retired = 1 WHERE stream = '{APP}'")
    sealed.seal(SEALED, "person", NOW, sealed.faults(thorough=True))
    assert list(upkeep.repair(sealed)) == [APP]
    assert doubt(path, seals) is None
    assert sealed.faults(thorough=True) == []


def test_no_runner_derives_a_row_again_that_no_seal_proves(sealed, path, seals):
    """A person has to see first that somebody wrote it."""
    tamper(path, f"UPDATE identity SET wake_at = NULL, seq = 1 WHERE stream = '{APP}'")
    with writing(path, seals) as journal:
        assert list(upkeep.repair_at_start(journal)) == []


def test_the_tail_cut_and_rebuilt(sealed, path, seals):
    last = sealed.identity(APP).seq
    tamper(path, f"DELETE FROM entry WHERE stream = '{APP}' AND seq = {last}")
    with writing(path, seals) as journal:
        upkeep.rebuild(journal)
        assert set(upkeep.check_entries(journal, simple_row)) == set()
    assert "seal does not prove" in doubt(path, seals)


def test_a_whole_stream_with_its_row(sealed, path, seals):
    gone = [f"DELETE FROM {t} WHERE stream = '{OTHER}'" for t in ("entry", "identity")]
    tamper(path, *gone)
    assert doubt(path, seals) == f"{OTHER}: it is gone, and its seal is there"
    tamper(path, f"DELETE FROM seal WHERE stream = '{OTHER}'")
    assert doubt(path, seals) == "a stream is gone, or was put back to an older state"


def test_the_end_of_the_installations_stream(sealed, path, seals):
    """Where a freeze stands."""
    tamper(path, f"DELETE FROM entry WHERE stream = '{INSTALLATION}' AND kind = 'frozen'")
    assert "seal does not prove" in doubt(path, seals)
    tamper(path, f"DELETE FROM entry WHERE stream = '{INSTALLATION}'")
    assert doubt(path, seals).startswith("installation")


@pytest.mark.parametrize("since", ["the seal of the stream", "all seals"])
def test_one_stream_put_back_from_an_older_copy(sealed, path, seals, tmp_path, since):
    """With the seals that it had then: each proves its own stream, and not all of them together."""
    old = tmp_path / "old.db"
    upkeep.backup(path, ORIGIN, old)
    sealed.append(claimed(sealed), [done()], NOW + 2 * SECOND)
    sealed.request(OTHER, HOLD, "person", NOW + 2 * SECOND)
    what = "1" if since == "all seals" else f"stream = '{APP}'"
    with closing(sqlite3.connect(path)) as file:
        file.execute("ATTACH ? AS old", (str(old),))
        for table in ("entry", "identity"):
            file.execute(f"DELETE FROM {table} WHERE stream = '{APP}'")
            file.execute(f"INSERT INTO {table} SELECT * FROM old.{table} WHERE stream = '{APP}'")
        file.execute(f"INSERT OR REPLACE INTO seal SELECT * FROM old.seal WHERE {what}")
        file.commit()
    assert doubt(path, seals) is not None


def test_an_older_copy_of_the_whole_file_proves_itself(sealed, path, seals, tmp_path):
    """The limit, told in the documents: only who remembers elsewhere can find it."""
    old = tmp_path / "old.db"
    upkeep.backup(path, ORIGIN, old)
    sealed.append(claimed(sealed), [done()], NOW + 2 * SECOND)
    sealed.close()
    old.replace(path)
    assert doubt(path, seals) is None


@pytest.mark.parametrize("which", ["stream <> ''", "stream = ''", "1"])
def test_seals_taken_away(sealed, path, seals, which):
    tamper(path, f"DELETE FROM seal WHERE {which}")
    assert doubt(path, seals) is not None


def test_what_goes_on_from_a_broken_seal_stays_broken(sealed, path, seals):
    """An emergency writes to it all the same."""
    chain_anew(path, APP, rewritten)
    sealed.append(claimed(sealed), [done()], NOW + 2 * SECOND)
    sealed.request(OTHER, HOLD, "person", NOW + 2 * SECOND)
    assert doubt(path, seals) == f"{APP}: its seal does not prove its head"


def test_a_runner_that_has_been_alive_all_the_time_sees_it_before_it_begins(sealed, path):
    assert sealed.doubt(APP) is None
    chain_anew(path, APP, rewritten)
    assert sealed.doubt(OTHER) is None
    assert "seal does not prove" in sealed.doubt(APP)


def test_another_key_proves_nothing_and_none_is_told(sealed, path):
    assert doubt(path, Seals(ORIGIN, SecretValue("x" * 32))) is not None
    with writing(path, None) as journal:
        assert "`seal_key`" in journal.doubt(APP)
        journal.request(APP, HOLD, "person", NOW + SECOND)


def test_a_writer_without_the_key_breaks_it(sealed, path, seals):
    with writing(path, None) as journal:
        journal.request(APP, HOLD, "person", NOW + SECOND)
    assert "seal does not prove" in doubt(path, seals)


def test_a_person_accepts_what_is_there(sealed, path, seals):
    chain_anew(path, OTHER, rewritten)
    tamper(path, f"UPDATE entry SET who = 'mallory' WHERE stream = '{APP}' AND kind = 'done'")
    faults = sealed.faults(thorough=True)
    assert [fault.stream for fault in faults] == [OTHER, APP]
    with pytest.raises(JournalMoved):
        sealed.seal(SEALED, "person", NOW + SECOND, faults[:1])
    sealed.seal(SEALED, "person", NOW + SECOND, faults)
    assert doubt(path, seals) is None
    sealed.append(claimed(sealed), [done()], NOW + 2 * SECOND)
    assert doubt(path, seals) is None
    last = sealed.identity(APP).seq
    tamper(path, f"UPDATE entry SET who = 'eve' WHERE stream = '{APP}' AND seq = {last}")
    assert f"entry {last} was changed" in doubt(path, seals)


def test_a_backup_carries_its_seals_and_comes_back_whole(sealed, path, seals, tmp_path):
    copy = tmp_path / "copy.db"
    upkeep.backup(path, ORIGIN, copy)
    sealed.close()
    upkeep.restore(path, ORIGIN, copy, runner="one", who="ada", now=NOW + SECOND, seals=seals)
    assert doubt(path, seals) is None


def test_an_older_schema_gets_its_place_for_seals(path, seals):
    writing(path, None).close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("DROP TABLE seal")
        file.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
        file.commit()
    with writing(path, seals) as journal:
        assert journal.doubt() == "the journal has no seal"
        journal.seal(SEALED, "person", NOW, journal.faults(thorough=True))
        assert journal.doubt() is None


def test_writers_side_by_side(sealed, path, seals):
    """Threads of one process, and another connection, as another process has."""
    errors = []

    def write(journal, name):
        try:
            for _ in range(20):
                journal.request(name, HOLD, "person", NOW + SECOND)
        except Exception as error:  # noqa: BLE001 -- a thread's own
            errors.append(error)

    with writing(path, seals) as other:
        threads = [
            threading.Thread(target=write, args=(journal, f"{name}-{n}"))
            for n in range(3)
            for journal, name in ((sealed, "app-a"), (other, "app-a"))
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            assert sealed.doubt() is None
            assert sealed.doubt("app-a-1") is None
        assert errors == []
    assert doubt(path, seals) is None


def test_a_sealed_append_is_one_commit(sealed):
    """What costs is the disk; the rest of it is a few statements more."""
    seen, lease = [], claimed(sealed)
    with sealed._file.write() as connection:
        connection.set_trace_callback(seen.append)
    seen.clear()
    sealed.append(lease, [done(), done()], NOW + 2 * SECOND)
    assert seen.count("COMMIT") == 1
    assert len([each for each in seen if each.startswith("INSERT OR REPLACE INTO seal")]) == 2


@pytest.mark.parametrize("at", ["INSERT INTO entry", "UPDATE identity", "INSERT OR REPLACE"])
def test_killed_anywhere_in_a_transaction(sealed, path, seals, at):
    """Each statement that begins so ends the process, in turn."""
    for nth in range(1, 4):
        child = os.fork()
        if child == 0:
            _append_and_die(path, seals, at, nth)
        _, status = os.waitpid(child, 0)
        assert nth > 1 or os.WIFSIGNALED(status)
        assert doubt(path, seals) is None


def _append_and_die(path, seals, at, nth):
    left = [nth]

    def seen(statement):
        left[0] -= statement.startswith(at)
        if left[0] == 0:
            os.kill(os.getpid(), 9)

    with suppress(BaseException), writing(path, seals) as journal:
        with journal._file.write() as connection:
            connection.set_trace_callback(seen)
        journal.append(claimed(journal), [done(), done()], NOW + 2 * SECOND)
    os._exit(1)


# ------------------------------------------------------------------------------- the key's file


def key_at(tmp_path, content=b"k" * 32, mode=0o600, directory="keys"):
    (tmp_path / directory).mkdir(exist_ok=True)
    file = tmp_path / directory / "seal.key"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_key_is_read_and_never_written(sealed, tmp_path, path):
    key = read_key(key_at(tmp_path), path)
    assert contains_live_value(f"... {'k' * 32}")
    Seals(ORIGIN, key)
    assert b"k" * 32 not in path.read_bytes()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"content": b"short"}, "journal.seal-key"),
        ({"mode": 0o640}, "journal.seal-key"),
        ({"mode": 0o666}, "journal.seal-key"),
        ({"directory": "."}, "journal.seal-beside"),
    ],
)
def test_a_key_that_is_none(tmp_path, path, wrong, code):
    with pytest.raises(JournalError) as refused:
        read_key(key_at(tmp_path, **wrong), path)
    assert refused.value.code == code


def test_a_key_that_is_missing(tmp_path, path):
    with pytest.raises(JournalError) as refused:
        read_key(tmp_path / "keys" / "none", path)
    assert refused.value.code == "journal.seal-key"
