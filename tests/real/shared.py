"""One server for all the processes of a run. The first that asks starts it, and keeps it until no
other uses it; it ends with that process even where that one is killed.

Each process that uses it holds a lock, which the system takes back however its holder ends. A test that
changes the whole of a server, or looks at all that it was asked, needs one of its own.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

from tests.real.postgres_server import PostgresServer, postgres_server
from tests.real.vault_server import VaultServer, running

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
"""What this process makes in a shared server has this in its name."""

Address = dict[str, Any]
Server = TypeVar("Server")


def vault(request: pytest.FixtureRequest) -> VaultServer:
    def start(directory: Path) -> AbstractContextManager[VaultServer]:
        return running(directory / "vault")

    def reply(server: VaultServer) -> Address:
        return {name: getattr(server, name) for name in ("port", "root", "key", "cluster")}

    return _of_the_run(
        request, "vault", start, reply, lambda there, at: VaultServer(there / "vault", **at)
    )


def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """Its roles are everybody's: for tests that make their own, and change nothing else."""
    return _of_the_run(
        request,
        "postgres",
        lambda _: postgres_server(),
        lambda server: {"root": str(server.root), "port": server.port},
        lambda _, at: PostgresServer(Path(at["root"]), at["port"]),
    )


def _of_the_run(request: pytest.FixtureRequest, name: str, *how: Any) -> Any:
    """Until the process ends, not the session: the wait for others must not be a test's time."""
    own: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    held = ExitStack()
    request.config.add_cleanup(held.close)
    return held.enter_context(once(own if WORKER == "main" else own.parent, name, *how))


@contextmanager
def once(
    directory: Path,
    name: str,
    start: Callable[[Path], AbstractContextManager[Server]],
    reply: Callable[[Server], Address],
    reach: Callable[[Path, Address], Server],
) -> Iterator[Server]:
    with (
        (directory / f"{name}.users").open("w") as users,
        (directory / f"{name}.json").open("a+") as about,
        ExitStack() as kept,
    ):
        with (directory / f"{name}.door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            ours = _is_free(about)
            if ours:
                server = kept.enter_context(start(directory))
                about.truncate(0)
                about.write(json.dumps(reply(server)))
                about.flush()
            else:
                about.seek(0)
                server = reach(directory, json.load(about))
        yield server
        if ours:
            fcntl.flock(users, fcntl.LOCK_EX)


def _is_free(about: IO[str]) -> bool:
    """Nobody keeps a server, and from now on we do."""
    try:
        fcntl.flock(about, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
