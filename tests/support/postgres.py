"""A PostgreSQL that an administrator set up, and what an issuer's test asks of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import psycopg

from providers.postgres.connection import PostgresConnection
from providers.postgres.grants import SetupRenderer
from providers.postgres.login import LoginIssuer
from providers.postgres.options import ConnectionOptions, LoginOptions, ProbeOptions
from providers.postgres.probe import LoginProbe
from providers.postgres.session import Lost, Session, Unreachable
from rotation.interfaces import Part, PluginContext, Scope
from rotation.runtime.clock import SystemClock
from rotation.testing import CallFault
from rotation.types import Fields, KeyState
from tests.real.postgres_server import PostgresServer, wait_for

INSTALLATION = "0123456789ab"
SECRET = "billing-db"
RUNNER, EMERGENCY = "runner_1", "panic_1"
ATTEMPTS = tuple(f"{number:032x}" for number in range(161, 170))


def setup_sql(options: ConnectionOptions, *parts: LoginOptions) -> str:
    """What `rotation policy postgres` prints, without the words for psql."""
    scope = Scope(
        installation=INSTALLATION,
        connection="main",
        options=options,
        parts=tuple(map(_part, parts)),
        needs=(),
    )
    [document] = SetupRenderer().documents(scope)
    return "\n".join(line for line in document.text.splitlines() if not line.startswith("\\"))


def _part(options: LoginOptions) -> Part:
    return Part(
        secret=SECRET,
        identity="-",
        stream="-",
        application="billing",
        environment="production",
        kind="issuers",
        type="postgres-login",
        options=options,
    )


@dataclass
class Database:
    """A server that an administrator set up, and the runner's way to it."""

    server: PostgresServer
    options: ConnectionOptions
    connection: PostgresConnection

    def context(self, connection: PostgresConnection | None = None) -> PluginContext:
        return PluginContext(
            installation=INSTALLATION,
            clock=SystemClock(),
            connections={"main": connection or self.connection},
        )

    def issuer(self, **options: object) -> LoginIssuer:
        """Allowed by the part of the set-up that is about it; the rest is there already."""
        wanted = LoginOptions(connection="main", **options)
        part = setup_sql(self.options, wanted).partition(f"\n-- {SECRET}\n")[2]
        self.server.run(f"begin;\n{part}")
        return LoginIssuer(wanted, self.context())

    def set_up(self) -> None:
        self.server.run(setup_sql(self.options, LoginOptions(connection="main", group="everybody")))

    def probe(self, query: str = "select 1", **options: str) -> LoginProbe:
        wanted = ProbeOptions(connection="main", query=query, **options)
        return LoginProbe(wanted, self.context())

    def with_options(self, **changes: object) -> PostgresConnection:
        changed = replace(self.options, **changes)
        return PostgresConnection(changed, installation=INSTALLATION, clock=SystemClock())


def prepared(server: PostgresServer, passwords: dict[str, Path]) -> Database:
    options = ConnectionOptions(
        host=server.host,
        port=server.port,
        database="postgres",
        system_identifier=server.system_identifier,
        user=RUNNER,
        password_file=str(passwords[RUNNER]),
        emergency_user=EMERGENCY,
        emergency_password_file=str(passwords[EMERGENCY]),
    )
    connection = PostgresConnection(options, installation=INSTALLATION, clock=SystemClock())
    database = Database(server, options, connection)
    database.set_up()
    for name, file in passwords.items():
        server.run(f"alter role {name} password '{file.read_text().strip()}'")
    return database


@dataclass
class Bench:
    """What the server says of the issuer's operations, asked as its administrator."""

    database: Database
    issuer: LoginIssuer

    @property
    def options(self) -> LoginOptions:
        return self.issuer._options

    def accepts(self, fields: Fields) -> bool:
        try:
            self.login(fields).close()
        except psycopg.OperationalError:
            return False
        return True

    def login(self, fields: Fields) -> psycopg.Connection:
        user = fields.public.get("username") or self.issuer._options.user
        return self.database.server.connect(user, fields.secret["password"].reveal())

    def use(self, fields: Fields) -> None:
        self.accepts(fields)

    def live(self) -> dict[str, KeyState]:
        """By the server's own catalogues, in the handles' words."""
        options = self.issuer._options
        rows = self.database.server.rows(
            "select rolname, rolcanlogin, coalesce(shobj_description(r.oid, 'pg_authid'), '') "
            "from pg_roles r where rolname = any (%s) or exists (select from pg_auth_members m "
            "where m.member = r.oid and m.roleid = to_regrole(%s) and rolname <> 'rotation_owner')",
            list(options.roles),
            f'"{options.group or "-"}"',
        )
        return {
            self._id(name, comment): KeyState.ACTIVE if can_login else KeyState.SUSPENDED
            for name, can_login, comment in rows
            if (can_login or comment) and name != options.group
        }

    def _id(self, role: str, comment: str) -> str:
        if self.issuer._options.mode == "unique" or "attempt=" not in comment:
            return role
        return f"{role}#{comment.partition('attempt=')[2][:32]}"

    def mints(self) -> int:
        return len(self.live())

    def settle(self) -> None:
        """The server takes note at once."""

    @contextmanager
    def trouble(self, operation: str, kind: CallFault) -> Iterator[None]:
        function = "instances" if operation == "listing" else operation
        with failing_calls(self.database.server, function, kind):
            yield


@contextmanager
def failing_calls(server: PostgresServer, function: str, kind: CallFault) -> Iterator[None]:
    """Trouble for the calls of one function of the set-up."""
    match kind:
        case CallFault.UNREACHABLE:
            with patch.object(Session, "__init__", side_effect=Unreachable):
                yield
        case CallFault.THROTTLED:
            with _limited(server, RUNNER):
                yield
        case CallFault.DENIED:
            server.run(f"revoke execute on function rotation.{function} from rotation_runner")
            try:
                yield
            finally:
                server.run(f"grant execute on function rotation.{function} to rotation_runner")
        case CallFault.BROKEN:
            with raising(server, function, "XX000"):
                yield
        case CallFault.LOST:
            with patch.object(Session, "ask", _losing(f"rotation.{function}(")):
                yield


@contextmanager
def _limited(server: PostgresServer, role: str) -> Iterator[None]:
    """`too many connections for role`; a limit of 0 lets nobody in."""
    server.run(f'alter role "{role}" connection limit 0')
    try:
        yield
    finally:
        server.run(f'alter role "{role}" connection limit -1')


@contextmanager
def raising(server: PostgresServer, function: str, sqlstate: str) -> Iterator[None]:
    """The function says no with that code, whatever it is asked."""
    [[definition]] = server.rows(
        "select pg_get_functiondef(oid) from pg_proc where proname = %s "
        "and pronamespace = 'rotation'::regnamespace", function,
    )  # fmt: skip
    head = definition.partition("AS $")[0].replace("LANGUAGE sql", "LANGUAGE plpgsql")
    server.run(
        f"{head} as $$ begin raise exception using errcode = '{sqlstate}', message = 'no'; end $$"
    )
    try:
        yield
    finally:
        server.run(definition)


def _losing(part: str) -> Callable[..., object]:
    """The server did it, and nobody heard."""
    ask = Session.ask

    def lose(self: Session, statement: str, *arguments: str) -> object:
        rows = ask(self, statement, *arguments)
        if part in statement:
            raise Lost
        return rows

    return lose


def sessions(server: PostgresServer, role: str) -> int:
    count: int = server.value("select count(*) from pg_stat_activity where usename = %s", role)
    return count


def await_no_session(server: PostgresServer, role: str) -> None:
    wait_for(lambda: sessions(server, role) == 0)
