"""One session at a server, on libpq alone: every wait has a deadline, answers have a limit, and
every refusal has a SQLSTATE.

libpq gives the text of a refused login in the server's language, but not its SQLSTATE. Its protocol
trace has it, with all authentication data masked. So a login that failed is tried once more with
the trace on. (Each trace leaks a few kilobytes in libpq, so it is not used for every login.)
"""

import fcntl
import re
import select
import struct
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

import psycopg
from psycopg import pq

from rotation.runtime.deadline import ANSWER_BYTES_MAX, CALL_S

# For one of two tries to connect, and for a statement. All of them together have `CALL_S`.
CONNECT_S, STATEMENT_S = 4.0, 8.0

# How a server may ask for the password. `none`: a server that asks for nothing is recognised by a
# wrong password, which it accepts. libpq quotes these words, in any language, where a server asks
# otherwise.
REQUIRED = "scram-sha-256,none"

# When that role's password ends; null: never, or in a year that Python does not have.
UNTIL = (
    "select extract(epoch from case when rolvaliduntil < 'epoch' then 'epoch' "
    "when rolvaliduntil < '9999-01-01' then rolvaliduntil end) "
    "from pg_catalog.pg_roles where rolname = $1"
)

_REFUSAL = re.compile(rb'ErrorResponse\t S "[^"]*" V "[^"]*" C "([0-9A-Z]{5})"')
_FINISHED = (pq.PollingStatus.OK, pq.PollingStatus.FAILED)

Row = tuple[str | None, ...]


class Refusal(Exception):
    """The server refused. Only its code is kept: texts may quote what was sent."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Unreachable(Exception):
    """No server was reached, or it is not the one that its certificate must name."""


class Weak(Exception):
    """The server asks for the password itself, or for an MD5 of it, and gets neither."""


class Lost(Exception):
    """A statement was sent and not answered."""


class TooLong(Exception):
    """The server sends more than any answer that is expected."""


class _Patience:
    """The total time to wait for that server, and how much of its answers is read."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + CALL_S
        self._left = ANSWER_BYTES_MAX

    def until(self, seconds: float) -> float:
        return min(time.monotonic() + seconds, self._deadline)

    def wait(self, connection: pq.abc.PGconn, deadline: float, *, writing: bool = False) -> None:
        """poll, because select cannot handle descriptors above 1023. libpq keeps everything that it
        receives, so the bytes are counted before it reads them."""
        poller = select.poll()
        poller.register(connection.socket, select.POLLOUT if writing else select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise Lost
        self._left -= _waiting(connection.socket)
        if self._left < 0:
            raise TooLong


class Session:
    """A session is opened when it is made. Not shared by threads."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._patience = _Patience()
        self._connection = _open(parameters, self._patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.finish()

    def ask(self, statement: str, *arguments: str) -> list[Row]:
        """Runs one statement and returns its rows, all as text. The extended protocol allows no
        second statement."""
        given: Sequence[bytes] = [argument.encode() for argument in arguments]
        try:
            self._connection.send_query_params(statement.encode(), given)
            results = self._results(self._patience.until(STATEMENT_S))
        except psycopg.Error:
            raise Lost from None
        return [row for result in results for row in _rows(result)]

    def verifier(self, password: str, role: str) -> str:
        """What the server stores instead of the password, made here with a random salt."""
        made = self._connection.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
        return made.decode()

    def _results(self, deadline: float) -> list[pq.abc.PGresult]:
        connection = self._connection
        while connection.flush():
            self._patience.wait(connection, deadline, writing=True)
        results: list[pq.abc.PGresult] = []
        while True:
            while connection.is_busy():
                self._patience.wait(connection, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                return results
            results.append(result)


def _rows(result: pq.abc.PGresult) -> list[Row]:
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return [
            tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
            for row in range(result.ntuples)
        ]
    code = result.error_field(pq.DiagnosticField.SQLSTATE)
    if code is None:  # libpq's own message: the connection broke
        raise Lost
    raise Refusal(code.decode())


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _waiting(descriptor: int) -> int:
    """Bytes that have arrived and were not read yet."""
    [count] = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(count)


def _open(parameters: Mapping[str, str], patience: _Patience) -> pq.abc.PGconn:
    connection = _connect(parameters, patience, None)
    if connection.status != pq.ConnStatus.OK:
        weak = REQUIRED.encode() in connection.error_message
        connection.finish()
        if weak:
            raise Weak
        with tempfile.TemporaryFile() as trace:
            connection = _connect(parameters, patience, trace.fileno())
            if connection.status != pq.ConnStatus.OK:
                connection.finish()
                trace.seek(0)
                refusal = _REFUSAL.search(trace.read())
                where = f"{parameters['host']}:{parameters['port']}"
                raise Refusal(refusal[1].decode()) if refusal else Unreachable(where)
    return connection


def _connect(
    parameters: Mapping[str, str], patience: _Patience, trace: int | None
) -> pq.abc.PGconn:
    deadline = patience.until(CONNECT_S)
    connection = pq.PGconn.connect_start(_conninfo(parameters))
    if trace is not None:
        connection.trace(trace)
        connection.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS | pq.Trace.REGRESS_MODE)
    if _poll(connection, patience, deadline) is pq.PollingStatus.OK:
        connection.nonblocking = 1
    if trace is not None:
        connection.untrace()
    return connection


def _poll(connection: pq.abc.PGconn, patience: _Patience, deadline: float) -> pq.PollingStatus:
    status = pq.PollingStatus.WRITING
    while connection.status != pq.ConnStatus.BAD and status not in _FINISHED:
        try:
            patience.wait(connection, deadline, writing=status is pq.PollingStatus.WRITING)
            status = pq.PollingStatus(connection.connect_poll())
        except (Lost, TooLong, psycopg.Error):
            return pq.PollingStatus.FAILED
    return status


def _conninfo(parameters: Mapping[str, str]) -> bytes:
    def quoted(value: str) -> str:
        return value.replace("\\", "\\\\").replace("'", "\\'")

    return " ".join(f"{key}='{quoted(value)}'" for key, value in parameters.items()).encode()
