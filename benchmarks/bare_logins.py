"""A PostgreSQL login of its own, kept in Vault: the same requests in the same order with libpq and hvac
alone. Nothing is decided, written down or proved here; a crash anywhere loses a login.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hvac
import requests
from psycopg import pq

MERGE = {"Content-Type": "application/merge-patch+json"}
LIBPQ = "sslmode=prefer gssencmode=disable client_encoding=UTF8 application_name=bare"

_WHOSE = (
    "select system_identifier, pg_catalog.pg_is_in_recovery(), "
    "extract(epoch from pg_catalog.clock_timestamp()) from pg_catalog.pg_control_system()"
)
_WHO = "select system_identifier, session_user from pg_catalog.pg_control_system()"
_CAREFULLY = (
    "select pg_catalog.set_config('synchronous_commit', 'remote_apply', false), "
    "pg_catalog.set_config('statement_timeout', '8000', false)"
)
_DIFFERENCES = "select login, difference from rotation.differences($1, $2)"
_INSTANCES = "select login, mark, attempt, active, created, expires from rotation.instances($1) order by login"


class Server:
    """PostgreSQL, a fresh session for each call, as the product has it."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._port, self._own = port, (user, password)

    @contextmanager
    def session(self) -> Iterator[pq.abc.PGconn]:
        """Our own login, which asks whose server it is first."""
        connection = self._connect(*self._own)
        ask(connection, _WHOSE)
        ask(connection, _CAREFULLY)
        yield connection
        connection.finish()

    def call(self, statement: str, *arguments: str) -> None:
        with self.session() as connection:
            ask(connection, statement, *arguments)

    def lets_in(self, user: str, password: str) -> bool:
        """A login, the server's identity, and the application's query. A refused login is repeated, as in
        the product, because libpq gives the reason only in its trace."""
        for _ in range(2):
            connection = self._connect(user, password)
            if connection.status == pq.ConnStatus.OK:
                for statement in (_WHO, "begin read only", "set local statement_timeout = 5000"):
                    ask(connection, statement)
                ask(connection, "select 1")
                ask(connection, "rollback")
                connection.finish()
                return True
            connection.finish()
        return False

    def _connect(self, user: str, password: str) -> pq.abc.PGconn:
        place = f"host=127.0.0.1 port={self._port} dbname=postgres {LIBPQ}"
        return pq.PGconn.connect(f"{place} user='{user}' password='{password}'".encode())


def ask(connection: pq.abc.PGconn, statement: str, *arguments: str) -> None:
    result = connection.exec_params(statement.encode(), [each.encode() for each in arguments])
    assert result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK), (
        result.error_message
    )


class Vault:
    """One secret in KV version 2, and the mount where its values are staged."""

    def __init__(self, address: str, token: str, live: str, staging: str, stream: str) -> None:
        session = requests.Session()
        session.trust_env = False  # as the product's
        self._ask = hvac.Client(url=address, token=token, session=session).adapter.request
        mount, _, path = live.partition("/")
        self._config = f"/v1/{mount}/config"
        self._data, self._metadata = f"/v1/{mount}/data/{path}", f"/v1/{mount}/metadata/{path}"
        self._destroy = f"/v1/{mount}/destroy/{path}"
        self._staging, self._stream = f"/v1/{staging}", stream

    def look(self) -> dict[str, Any]:
        return self._get(self._metadata)

    def state(self) -> int:
        """The number of the version that readers get."""
        number = int(self.look()["current_version"])
        self._get(self._config)
        # Vault lists nothing where there is nothing.
        self._ask(
            "get", f"{self._staging}/metadata/{self._stream}?list=true", raise_exception=False
        )
        return number

    def stage(self, attempt: str, value: dict[str, str]) -> None:
        body = {"options": {"cas": 0}, "data": value}
        self._ask("post", f"{self._staging}/data/{self._stream}/{attempt}", json=body)

    def staged(self, attempt: str) -> dict[str, str]:
        self.look()
        value: dict[str, str] = self._get(f"{self._staging}/data/{self._stream}/{attempt}")["data"]
        return value

    def promote(self, attempt: str, value: dict[str, str]) -> int:
        number = int(self.look()["current_version"])
        self._get(f"{self._staging}/data/{self._stream}/{attempt}")
        body: dict[str, Any] = {"options": {"cas": number}, "data": value}
        self._ask("patch", self._data, headers=MERGE, json=body)
        self._annotate({"rotation:current": f"{number + 1}:{attempt}", "rotation:previous": "-"})
        return number

    def read(self, number: int) -> dict[str, str]:
        self.look()
        value: dict[str, str] = self._get(f"{self._data}?version={number}")["data"]
        return value

    def tidy(self, attempt: str, old: int) -> None:
        self.look()
        self._ask("put", self._destroy, json={"versions": [old]})
        self._annotate({"rotation:previous": None})
        self._ask("delete", f"{self._staging}/metadata/{self._stream}/{attempt}")

    def _annotate(self, entries: dict[str, str | None]) -> None:
        self._ask("patch", self._metadata, headers=MERGE, json={"custom_metadata": entries})

    def _get(self, path: str) -> dict[str, Any]:
        data: dict[str, Any] = self._ask("get", path)["data"]
        return data


@dataclass
class Bare:
    """One login role under a group, whose name is the last login's beginning."""

    server: Server
    vault: Vault
    group: str
    old: str

    def rotate(self) -> None:
        new, attempt = self._create()
        number = self.vault.promote(attempt, new)
        live = self.vault.read(number + 1)
        assert self.server.lets_in(live["username"], live["password"])
        self._turn_off("suspend", number)
        self._turn_off("destroy", number)
        self.vault.tidy(attempt, number)
        self.server.call(_INSTANCES, self.group)
        self.old = new["username"]

    def _create(self) -> tuple[dict[str, str], str]:
        attempt = secrets.token_hex(16)
        new = {"username": f"{self.group}_{attempt}", "password": secrets.token_urlsafe(32)}
        self.server.call(_INSTANCES, self.group)
        self.vault.read(self.vault.state())
        with self.server.session() as session:
            ask(session, "select rotation.gather($1)", self.group)
            ask(session, _DIFFERENCES, self.group, new["username"])
        self.vault.stage(attempt, new)
        self._activate(attempt, self.vault.staged(attempt))
        stored = self.vault.staged(attempt)
        pair = stored["username"], stored["password"]
        assert all(self.server.lets_in(*pair) for _ in range(3))
        assert not self.server.lets_in(pair[0], "wrong")
        return new, attempt

    def _activate(self, attempt: str, new: dict[str, str]) -> None:
        login, password = new["username"], new["password"].encode()
        with self.server.session() as session:
            verifier = session.encrypt_password(password, login.encode(), b"scram-sha-256").decode()
            ask(
                session,
                "select rotation.activate($1, $2, $3, $4)",
                self.group,
                login,
                attempt,
                verifier,
            )
            ask(session, _DIFFERENCES, self.group, login)

    def _turn_off(self, function: str, number: int) -> None:
        """The old one, between two looks at the pointers, and with the proof."""
        self.vault.state()
        self.server.call(_INSTANCES, self.group)
        with self.server.session() as session:
            if function == "suspend":
                ask(session, "select rotation.hand_over($1, $2)", self.group, self.old)
                ask(session, "select rotation.left_behind($1, $2)", self.group, self.old)
            off = f"select rotation.{function}($1, $2, $3, $4)"
            ask(session, off, self.group, self.old, "", "false")
        self.vault.state()
        old = self.vault.read(number)
        assert not any(self.server.lets_in(old["username"], old["password"]) for _ in range(2))
