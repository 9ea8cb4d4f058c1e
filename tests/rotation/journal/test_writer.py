"""Several threads write through one connection: committed together, undone one by one."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import pytest

from rotation.journal.writer import Busy, Interrupted, Writer

MANY = 8


class Watched(sqlite3.Connection):
    def execute(self, statement, *values):
        if statement == "COMMIT":
            self.on_commit()
        return super().execute(statement, *values)


class Bench:
    """A table of words, a writer, and the number of commits that the file saw."""

    def __init__(self, path, patience_s=15.0):
        self.path, self.commits = path, 0
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA journal_mode=WAL")
            file.execute("CREATE TABLE word (word TEXT)")
        self.on_commit = lambda: None
        self.check = lambda: None
        self.writer = Writer(self.connect, self._check, patience_s)

    def _check(self) -> None:
        self.check()

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            factory=Watched,
        )
        connection.on_commit = self._committed
        return connection

    def _committed(self) -> None:
        self.on_commit()
        self.commits += 1

    def write(self, word: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        with self.writer.transaction() as connection:
            connection.execute("INSERT INTO word VALUES (?)", (word,))
            meanwhile()

    def words(self) -> list[str]:
        """As another process sees them."""
        with closing(sqlite3.connect(self.path)) as file:
            return sorted(word for (word,) in file.execute("SELECT word FROM word"))

    def queue(self, pool: ThreadPoolExecutor, *words: str) -> list["Future[None]"]:
        """The first one has the turn until all the others wait for it."""
        first, *others = words
        begun, all_wait = threading.Event(), threading.Event()

        def hold() -> None:
            begun.set()
            assert all_wait.wait(10)

        writing = [pool.submit(self.write, first, hold)]
        assert begun.wait(10)
        writing += [pool.submit(self.write, word) for word in others]
        while self.writer._waiting < len(others):
            threading.Event().wait(0.001)
        all_wait.set()
        return writing


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    made = Bench(tmp_path / "words.db")
    yield made
    made.writer.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(MANY) as made:
        yield made


def test_alone_it_is_a_commit_each(bench):
    bench.write("one")
    bench.write("two")
    assert bench.words() == ["one", "two"]
    assert bench.commits == 2


def test_what_waits_is_committed_together(bench, pool):
    words = [f"word {n}" for n in range(MANY)]
    for writing in bench.queue(pool, *words):
        writing.result()
    assert bench.words() == words
    assert bench.commits == 1


def test_nobody_returns_before_it_is_durable(bench, pool):
    seen = {}

    def write(word):
        bench.write(word)
        seen[word] = word in bench.words()

    list(pool.map(write, [f"word {n}" for n in range(50)]))
    assert len(seen) == 50
    assert all(seen.values())


def test_one_that_fails_takes_nobody_with_it(bench, pool):
    def fail() -> None:
        raise LookupError

    ready, go = threading.Event(), threading.Event()
    first = pool.submit(bench.write, "first", lambda: (ready.set(), go.wait(10)))
    assert ready.wait(10)
    failing = pool.submit(bench.write, "failing", fail)
    while bench.writer._waiting < 1:
        threading.Event().wait(0.001)
    last = pool.submit(bench.write, "last")
    while bench.writer._waiting < 2:
        threading.Event().wait(0.001)
    go.set()
    with pytest.raises(LookupError):
        failing.result()
    first.result()
    last.result()
    assert bench.words() == ["first", "last"]


@pytest.mark.parametrize(
    ("broken", "raised"),
    [
        (sqlite3.OperationalError("disk I/O error"), sqlite3.OperationalError),
        (KeyboardInterrupt(), (KeyboardInterrupt, Interrupted)),
    ],
)
def test_a_commit_that_fails_fails_for_all(bench, pool, broken, raised):
    def refuse() -> None:
        raise broken

    bench.on_commit = refuse
    for writing in bench.queue(pool, "one", "two", "three"):
        with pytest.raises(raised):
            writing.result()
    bench.on_commit = lambda: None
    assert bench.words() == []
    bench.write("after")
    assert bench.words() == ["after"]


def test_a_transaction_that_the_database_gave_up_fails_for_all(bench, pool):
    """A full disk can make SQLite undo everything by itself."""

    def give_up() -> None:
        assert bench.writer._open is not None
        bench.writer._open.connection.execute("ROLLBACK")
        raise LookupError

    ready, go = threading.Event(), threading.Event()
    first = pool.submit(bench.write, "first", lambda: (ready.set(), go.wait(10)))
    assert ready.wait(10)
    last = pool.submit(bench.write, "last", give_up)
    while bench.writer._waiting < 1:
        threading.Event().wait(0.001)
    go.set()
    with pytest.raises(LookupError):
        last.result()
    with pytest.raises(sqlite3.OperationalError):
        first.result()
    assert bench.words() == []
    bench.write("after")
    assert bench.words() == ["after"]


def test_whoever_gives_up_waiting_leaves_nothing_open(tmp_path, pool):
    bench = Bench(tmp_path / "words.db", patience_s=0.05)
    ready, go = threading.Event(), threading.Event()
    first = pool.submit(bench.write, "first", lambda: (ready.set(), go.wait(10)))
    assert ready.wait(10)
    with pytest.raises(Busy):
        bench.write("second")
    go.set()
    first.result()
    bench.write("third")
    assert bench.words() == ["first", "third"]
    bench.writer.close()


def test_a_transaction_that_cannot_begin_gives_the_turn_back(bench):
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            bench.write("refused")
    bench.write("after")
    assert bench.words() == ["after"]


def test_nothing_is_written_where_the_check_refuses(bench):
    def refuse() -> None:
        raise LookupError

    bench.check = refuse
    with pytest.raises(LookupError):
        bench.write("refused")
    bench.check = lambda: None
    bench.write("after")
    assert bench.words() == ["after"]
