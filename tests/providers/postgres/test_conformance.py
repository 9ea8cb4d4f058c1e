"""The suites that every issuer and every probe must pass, on a real server, in each mode."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from providers.postgres.login import LoginIssuer
from providers.postgres.options import LoginOptions
from providers.postgres.probe import LoginProbe
from providers.postgres.session import Lost, Session, Unreachable
from rotation.testing import CallFault
from rotation.testing.issuer import IssuerConformance
from rotation.testing.probe import ProbeConformance
from rotation.types import Fields, Traits
from tests.real.postgres_server import PostgresServer, wait_for
from tests.support.postgres import ATTEMPTS, Bench, Database


def claimed(**mode: Any) -> Traits:
    return LoginOptions(connection="-", **mode).TRAITS


class TestUnique(IssuerConformance, traits=claimed(group="app")):
    @pytest.fixture
    def bench(self, database: Database, fresh: str) -> Bench:
        return Bench(database, database.issuer(group=fresh))


class TestPair(IssuerConformance, traits=claimed(pair=("a", "b"))):
    @pytest.fixture
    def bench(self, database: Database, fresh: str) -> Bench:
        return Bench(database, database.issuer(pair=(f"{fresh}_a", f"{fresh}_b")))


class TestInPlace(IssuerConformance, traits=claimed(user="a", in_place=True)):
    @pytest.fixture
    def bench(self, database: Database, fresh: str) -> Bench:
        return Bench(database, database.issuer(user=fresh, in_place=True))


@dataclass
class Tried:
    """The probe, and the logins that it tries."""

    probe: LoginProbe
    issuer: LoginIssuer
    database: Database

    def good(self) -> Fields:
        return self._made(ATTEMPTS[0])

    def dead(self) -> Fields:
        fields = self._made(ATTEMPTS[1])
        self.issuer.destroy(fields.public["username"], fields)
        return fields

    def _made(self, attempt: str) -> Fields:
        new = self.issuer.issue(attempt)
        self.issuer.activate(new)
        return new.fields

    def traces(self) -> int:
        """A session ends a moment after its end was asked for: none may be left after that."""
        group = self.issuer._options.group
        with suppress(AssertionError):
            wait_for(lambda: not self._sessions(f"{group}_%"), 2)
        return self._sessions(f"{group}_%")

    def _sessions(self, like: str) -> int:
        asked = "select count(*) from pg_stat_activity where usename like %s"
        count: int = self.database.server.value(asked, like)
        return count

    @contextmanager
    def trouble(self, kind: CallFault) -> Iterator[None]:
        match kind:
            case CallFault.UNREACHABLE:
                with patch.object(Session, "__init__", side_effect=Unreachable):
                    yield
            case CallFault.BROKEN | CallFault.LOST:
                with patch.object(Session, "__init__", side_effect=Lost):
                    yield
            case _:
                with _crowded(self.database.server):
                    yield


@contextmanager
def _crowded(server: PostgresServer) -> Iterator[None]:
    """Every place is taken, those kept for administrators too."""
    with ExitStack() as guests:
        with suppress(psycopg.OperationalError):
            while True:
                guests.enter_context(server.connect())
        yield
    server.await_answers()
    guests_left = (
        "select count(*) from pg_stat_activity "
        "where backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    wait_for(lambda: server.value(guests_left) == 0)


class TestProbe(ProbeConformance):
    @pytest.fixture
    def bench(self, database: Database, fresh: str) -> Tried:
        issuer = database.issuer(group=fresh)
        return Tried(database.probe(), issuer, database)
