"""A live `serve` tells a team of what concerns no secret: its own login, and this host's clock."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.installation import Installation, wait_for
from tests.real.postgres_server import postgres_server
from tests.support.postgres import EMERGENCY, RUNNER, Database, prepared
from tests.support.receiver import Receiver, receiving, webhook


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    root = tmp_path_factory.mktemp("passwords")
    files = {name: root / name for name in (RUNNER, EMERGENCY)}
    for file in files.values():
        file.write_text(f"password-of-{file.name}\n")
        file.chmod(0o600)
    with postgres_server() as server:
        yield prepared(server, files)


def told(
    installation: Installation, receiver: Receiver, more: str = "", database: str = ""
) -> None:
    route = webhook(receiver, installation.root)
    routes = f"alerts: {{routes: [{{id: oncall, type: webhook, url: {route.url}, secret: {route.secret}}}]}}\n"
    installation.write(extra=f"{routes}{more}")
    text = installation.configuration.read_text()
    installation.configuration.write_text(
        text.replace("\nclasses:\n", f"{database}\nclasses:\n", 1)
    )


def connection(database: Database) -> str:
    options = database.options
    return f"""
  orders:
    type: postgres
    host: 127.0.0.1
    port: {options.port}
    database: postgres
    system_identifier: "{options.system_identifier}"
    user: {options.user}
    password_file: {options.password_file}
    emergency_user: {options.emergency_user}
    emergency_password_file: {options.emergency_password_file}
"""


@pytest.mark.real
@pytest.mark.timeout(240)
@pytest.mark.provokes("connection-ends")
def test_a_password_that_ends_soon_is_told_until_it_is_prolonged(
    installation: Installation, database: Database
) -> None:
    def until(end: datetime) -> None:
        database.server.run(f"alter role {RUNNER} valid until '{end.isoformat()}'")

    with receiving() as receiver:
        told(installation, receiver, database=connection(database))
        until(datetime.now(UTC) + timedelta(days=3))
        served = installation.serve()
        wait_for(lambda: ("connection-ends", "raised") in receiver.received, "the alert", 100)
        said = next(e["data"] for e in receiver.got if e["data"]["event"] == "connection-ends")
        assert "connection orders" in said["why"]
        assert said["next"] == "rotation handover --help"
        served.end()
        until(datetime.now(UTC) + timedelta(days=300))
        served = installation.serve()
        wait_for(lambda: ("connection-ends", "resolved") in receiver.received, "its end", 100)
        served.end()


@pytest.mark.timeout(240)
@pytest.mark.provokes("clock")
def test_a_clock_that_is_not_the_services_is_told_and_over_once_it_is_right(
    installation: Installation,
) -> None:
    aws = installation.aws
    with receiving() as receiver:
        told(installation, receiver, "limits: {look_every: 1m}\n")
        installation.succeeds("rotate", "app", "--wait")
        aws.clock.advance(120)
        served = installation.serve()
        try:
            wait_for(lambda: ("clock", "raised") in receiver.received, "the alert", 100)
        finally:
            aws.clock.advance(-120)
        wait_for(lambda: ("clock", "resolved") in receiver.received, "its end", 100)
        served.end()
