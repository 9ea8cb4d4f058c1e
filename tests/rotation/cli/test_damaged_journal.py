"""Whatever is wrong with what the journal says: an emergency switches the key off all the same, and
every other verb tells it by a code. The verbs themselves, strict AWS."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from providers.aws.testing import StrictControl
from rotation.cli.app import program
from rotation.runtime import process
from tests.e2e.installation import Installation, aws

__all__ = ["aws"]  # the fixture

STREAM = "(SELECT stream FROM identity WHERE secret = 'app')"
FACTS = f"UPDATE entry SET facts = {{}} WHERE stream = {STREAM} AND seq = 1"  # noqa: S608 -- our own words
DEEP = "[" * 100_000 + "]" * 100_000
ANOTHER = (
    "CREATE TEMP TABLE another AS SELECT * FROM identity WHERE secret = 'app';"
    "UPDATE another SET stream = 'another', secret = 'another'{};"
    "INSERT INTO identity SELECT * FROM another"
)


def entry(assignment: str) -> str:
    return f"UPDATE entry SET {assignment} WHERE stream = {STREAM}"  # noqa: S608 -- our own words


def row(assignment: str) -> str:
    return f"UPDATE identity SET {assignment} WHERE secret = 'app'"  # noqa: S608 -- our own words


def pages(table: str) -> Callable[[Path], None]:
    def overwrite(journal: Path) -> None:
        with closing(sqlite3.connect(journal)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            [size] = database.execute("PRAGMA page_size").fetchone()
            [root] = database.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
            ).fetchone()
        with journal.open("r+b") as file:
            file.seek((root - 1) * size)
            file.write(os.urandom(size))

    return overwrite


def cut(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.truncate(journal, journal.stat().st_size // 2)


def pipe(journal: Path) -> None:
    for left in journal.parent.glob("journal.db*"):
        left.unlink()
    os.mkfifo(journal, 0o600)


OURS: dict[str, str | Callable[[Path], None]] = {
    "random pages of entries": pages("entry"),
    "random pages of rows": pages("identity"),
    "random pages of its origin": pages("meta"),
    "cut in the middle": cut,
    "a pipe": pipe,
    "no table of entries": "DROP TABLE entry",
    "no table of rows": "DROP TABLE identity",
    "no schema": "UPDATE meta SET value = 'three' WHERE name = 'schema'",
    "a schema of another kind": "UPDATE meta SET value = x'03' WHERE name = 'schema'",
    "no origin": "DELETE FROM meta",
    "facts cut off": FACTS.format("'{'"),
    "facts a list": FACTS.format("'[]'"),
    "facts null": FACTS.format("'null'"),
    "facts empty": FACTS.format("'{}'"),
    "facts deep": FACTS.format(f"'{DEEP}'"),
    "facts deep inside": FACTS.format(f"""'{{"a":{DEEP}}}'"""),
    "facts half a character": FACTS.format("""'{"plan":"\\ud800"}'"""),
    "facts a blob": FACTS.format("x'7b7d'"),
    "facts of other kinds": FACTS.format("""'{"plan":[],"spec":5,"baseline":{"ours":{"a":7}}}'"""),
    "no text": FACTS.format("CAST(x'ff7b' AS TEXT)"),
    "at a blob": entry("at = x'00'"),
    "at a number": entry("at = 7"),
    "at without a zone": entry("at = '2026-01-01'"),
    "another kind at first": entry("kind = 'closed'"),
    "no kind": entry("kind = 'nothing'"),
    "rows of no step": entry("position = 1, step = NULL, round = 'x'"),
    "rotation of none": entry("rotation = 'x'"),
    "a row's seq a text": row("seq = 'x'"),
    "a row's time a blob": row("opened_at = x'00', created = x'00'"),
    "a row's name a blob": row("handle = x'00'"),
}
ANOTHERS: dict[str, str | Callable[[Path], None]] = {
    "another's time": ANOTHER.format(", created = 'yesterday'"),
    "another's time a blob": ANOTHER.format(", created = x'00'"),
    "another's end": ANOTHER.format(", last_outcome = 'rolled-back', last_closed_at = NULL"),
    "another's stream": ANOTHER.format(", epoch = 'x'"),
}
VERBS = (
    ("status",),
    ("status", "app"),
    ("show", "app"),
    ("journal", "check"),
    ("journal", "export"),
    ("emergency", "cancel", "app", "--yes"),
    ("emergency", "nobody", "--yes", "--reason", "x"),
    ("emergency", "--key-id", "AKIANOBODY", "--yes", "--reason", "x"),
    ("run",),
)


def journal_of(installation: Installation) -> Path:
    return installation.root / "journal" / "journal.db"


def damage(installation: Installation, how: str | Callable[[Path], None]) -> None:
    if not isinstance(how, str):
        how(journal_of(installation))
        return
    with closing(sqlite3.connect(journal_of(installation))) as database:
        database.executescript(how)


class Damaged:
    """One installation, whose journal is damaged and whole again."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.leaked = installation.current()["id"]
        with closing(sqlite3.connect(journal_of(installation))) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._whole = journal_of(installation).read_bytes()

    def by(self, how: str | Callable[[Path], None]) -> None:
        journal = journal_of(self.installation)
        for left in (*journal.parent.glob("journal.db*"), *self.installation.root.rglob("*.spill")):
            left.unlink()
        os.close(os.open(journal, os.O_CREAT, 0o600))
        journal.write_bytes(self._whole)
        damage(self.installation, how)
        self.installation.aws.client("iam").update_access_key(
            UserName=self.installation.user, AccessKeyId=self.leaked, Status="Active"
        )

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(program, ["-c", str(self.installation.configuration), *words])

    def is_off(self) -> bool:
        keys = self.installation.aws.oracle.keys(self.installation.user)
        return self.leaked not in [k["AccessKeyId"] for k in keys if k["Status"] == "Active"]


@pytest.fixture(scope="module")
def shared(aws: StrictControl, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    return Damaged(furnished(aws, tmp_path_factory.mktemp("shared")))


def furnished(aws: StrictControl, directory: Path) -> Installation:
    root = directory / "installation"
    root.mkdir(mode=0o700)
    name = f"damaged-{os.getpid()}-{directory.name}"
    made = Installation(root, aws, user=name, secret=name)
    made.furnish()
    return made


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It cannot be taken back, and the tests' own process needs its core dumps and its umask."""
    monkeypatch.setattr(process, "harden", lambda: None)


@pytest.mark.parametrize("how", OURS)
def test_what_the_journal_says_of_it_does_not_keep_a_leaked_key_alive(
    shared: Damaged, how: str
) -> None:
    shared.by(OURS[how])
    done = shared.run("emergency", "app", "--yes", "--reason", "x")
    assert shared.is_off(), done.output
    assert done.exit_code == 12, done.output
    [spill] = shared.installation.root.rglob("*.spill")
    assert shared.leaked in spill.read_text()
    assert "next: " in done.stderr
    told = shared.run("status").output
    assert f"UNMERGED: {shared.leaked} of app was switched off" in told


@pytest.mark.parametrize("how", ANOTHERS)
def test_what_it_says_of_another_secret_does_not_matter(
    aws: StrictControl, tmp_path: Path, how: str
) -> None:
    damaged = Damaged(furnished(aws, tmp_path))
    damaged.by(ANOTHERS[how])
    done = damaged.run("emergency", "app", "--yes", "--reason", "x")
    assert damaged.is_off(), done.output
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("how", OURS)
def test_every_other_verb_tells_it_by_a_code(shared: Damaged, how: str) -> None:
    shared.by(OURS[how])
    each_verb_reports(shared)


@pytest.mark.parametrize("how", ANOTHERS)
def test_so_it_does_where_another_secret_is_meant(
    aws: StrictControl, tmp_path: Path, how: str
) -> None:
    """An installation of its own, for `run` may rotate the one that is whole to its end."""
    damaged = Damaged(furnished(aws, tmp_path))
    damaged.by(ANOTHERS[how])
    each_verb_reports(damaged)


def each_verb_reports(damaged: Damaged) -> None:
    for words in VERBS:
        done = damaged.run(*words)
        assert done.exit_code in (0, 2, 5, 6, 9), done.output
        if words == ("journal", "check"):
            assert done.exit_code == 9, done.output
