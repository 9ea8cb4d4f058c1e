"""Who sets a PostgreSQL up: its superuser, or the administrator of a managed one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from providers.postgres.connection import PostgresConnection
from providers.postgres.options import ConnectionOptions, LoginOptions
from rotation.runtime.clock import SystemClock
from tests.real.postgres_server import postgres_server
from tests.support.postgres import (
    EMERGENCY,
    INSTALLATION,
    RUNNER,
    Database,
    setup_sql,
)

WORDS = "of-the-administrator"


@contextmanager
def managed_server(version: int | None, the_passwords: dict[str, Path]) -> Iterator[Database]:
    """As on a managed server: may make roles and schemas, and gives no role of PostgreSQL's away."""
    with postgres_server(version) as server:
        server.run(f"create role master login createrole createdb password '{WORDS}'")
        server.run("grant create on database postgres to master")
        options = ConnectionOptions(
            host=server.host,
            port=server.port,
            database="postgres",
            system_identifier=server.system_identifier,
            user=RUNNER,
            password_file=str(the_passwords[RUNNER]),
            emergency_user=EMERGENCY,
            emergency_password_file=str(the_passwords[EMERGENCY]),
        )
        connection = PostgresConnection(options, installation=INSTALLATION, clock=SystemClock())
        yield Database(server, options, connection)


def by_the_administrator(managed: Database, passwords: dict[str, Path], *parts: LoginOptions):
    for _ in range(2):
        with managed.server.connect("master", WORDS) as connection:
            connection.execute(setup_sql(managed.options, *parts))
    with managed.server.connect("master", WORDS) as connection:
        for name, file in passwords.items():
            connection.execute(f"alter role {name} password '{file.read_text().strip()}'")
