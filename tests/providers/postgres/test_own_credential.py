from datetime import UTC, datetime

from tests.support.postgres import RUNNER, Database


def test_our_login_tells_when_its_password_ends(database: Database) -> None:
    assert database.connection.own_credential().expires is None
    database.server.run(f"alter role {RUNNER} valid until '2099-01-01 00:00:00+00'")
    try:
        own = database.connection.own_credential()
    finally:
        database.server.run(f"alter role {RUNNER} valid until 'infinity'")
    assert (own.kind, own.id) == ("login", RUNNER)
    assert own.expires == datetime(2099, 1, 1, tzinfo=UTC)
