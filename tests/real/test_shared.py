"""One server for several processes, which is there until the last of them ends."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.real.shared import Address, once

HOLDS = """
import sys, time
from pathlib import Path
from tests.real.test_shared import using
with using(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(60)
"""


@contextmanager
def starting(directory: Path) -> Iterator[str]:
    with (directory / "log").open("a") as log:
        log.write("started\n")
    yield "started here"
    with (directory / "log").open("a") as log:
        log.write("ended\n")


def using(directory: Path) -> AbstractContextManager[str]:
    def reply(server: str) -> Address:
        return {"words": "reached"}

    return once(directory, "server", starting, reply, lambda _, reply: str(reply["words"]))


def test_the_first_starts_it_and_the_others_reach_it(tmp_path: Path) -> None:
    with using(tmp_path) as first, using(tmp_path) as second, using(tmp_path) as third:
        assert (first, second, third) == ("started here", "reached", "reached")
    assert (tmp_path / "log").read_text() == "started\nended\n"


def test_it_ends_with_the_last(tmp_path: Path) -> None:
    first, second = using(tmp_path), using(tmp_path)
    first.__enter__()
    second.__enter__()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(first.__exit__, None, None, None)
        assert not ended.done()
        assert (tmp_path / "log").read_text() == "started\n"
        second.__exit__(None, None, None)
        ended.result()
    assert (tmp_path / "log").read_text() == "started\nended\n"


def test_where_its_keeper_was_killed_another_is_started(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, tmp_path], cwd=root, stdout=subprocess.PIPE
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"up\n"
        with using(tmp_path) as reached:
            assert reached == "reached"
        keeper.kill()
    with using(tmp_path) as found:
        assert found == "started here"
