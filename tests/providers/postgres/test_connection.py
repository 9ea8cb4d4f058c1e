import os
import resource
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import pq

from providers.postgres import session as session_module
from providers.postgres.connection import PostgresConnection
from providers.postgres.doctor import examine
from providers.postgres.login import LoginIssuer
from providers.postgres.options import LoginOptions
from providers.postgres.session import Lost, Session
from rotation.errors import Denied, NeedsPerson, Permanent, Transient, UsageError
from rotation.runtime.clock import SystemClock
from rotation.types import PermissionSet, SecretValue
from tests.real.postgres_server import ADMIN, ADMIN_PASSWORD
from tests.support.postgres import ATTEMPTS, INSTALLATION, RUNNER, Database

OBSERVE = PermissionSet.OBSERVE


def code_of(connection: PostgresConnection, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught, connection.session(OBSERVE, "billing"):
        pass
    return caught.value.code


def test_the_server_s_time_is_told(database: Database):
    with database.connection.session(OBSERVE, "billing") as (_, at):
        assert abs(at - datetime.now(UTC)) < timedelta(seconds=30)


def test_another_server_under_the_same_name_is_found_out(database: Database):
    other = database.with_options(system_identifier="7" * 19)
    assert code_of(other, NeedsPerson) == "postgres.wrong-server"


def test_a_wrong_password_of_our_own_is_a_denial(database: Database, tmp_path: Path):
    (tmp_path / "wrong").write_text("not-the-password")
    wrong = database.with_options(password_file=str(tmp_path / "wrong"))
    assert code_of(wrong, Denied) == "postgres.credentials"


def test_a_missing_password_file_is_named(database: Database, tmp_path: Path):
    missing = database.with_options(password_file=str(tmp_path / "missing"))
    assert code_of(missing, UsageError) == "postgres.password-file"


def test_a_password_file_that_others_may_change_is_not_used(database: Database, tmp_path: Path):
    (tmp_path / "open").write_text("anybody's")
    (tmp_path / "open").chmod(0o666)
    anybodys = database.with_options(password_file=str(tmp_path / "open"))
    assert code_of(anybodys, UsageError) == "postgres.password-file"


def test_an_empty_password_file_is_named(database: Database, tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    empty = database.with_options(password_file=str(tmp_path / "empty"))
    assert code_of(empty, UsageError) == "postgres.password-file"


def test_a_password_with_a_zero_byte_is_named(database: Database, tmp_path: Path):
    """libpq would read it to there only."""
    (tmp_path / "zero").write_text("half\0other")
    zero = database.with_options(password_file=str(tmp_path / "zero"))
    assert code_of(zero, UsageError) == "postgres.password-file"


def test_a_missing_database_is_told_by_its_code(database: Database):
    nowhere = database.with_options(database="nowhere").session(OBSERVE, "billing")
    with pytest.raises(Permanent) as caught, nowhere:
        pass
    assert "3D000" in caught.value.message


def test_a_port_where_nobody_listens_is_unreachable(database: Database):
    connection = database.with_options(port=1)
    assert code_of(connection, Transient) == "postgres.unreachable"
    with pytest.raises(Transient, match=r"reached at 127\.0\.0\.1:1,"):
        connection.own_credential()


@pytest.mark.parametrize("method", ["password", "md5"])
def test_a_password_is_given_to_no_server_that_wants_it_in_clear(
    database: Database, method: str, tmp_path: Path
):
    server = database.server
    server.run(
        f"set password_encryption = 'md5'; create role {method}_1 login password 'as-in-1996-1'"
    )
    server.run(f"create database by_{method}")
    server.admit(f"host by_{method} all 127.0.0.1/32 {method}")
    (tmp_path / "password").write_text("as-in-1996-1")
    connection = database.with_options(
        database=f"by_{method}", user=f"{method}_1", password_file=str(tmp_path / "password")
    )
    try:
        assert code_of(connection, NeedsPerson) == "postgres.weak-authentication"
    finally:
        server.admit("")
        server.run(f"drop database by_{method}")
        server.run(f"drop role {method}_1")


def test_nothing_is_taken_from_the_environment(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    for option in pq.Conninfo.get_defaults():
        if option.envvar is not None and option.envvar != b"PGSERVICE":
            monkeypatch.setenv(option.envvar.decode(), "1")
    monkeypatch.setenv("PGHOST", "203.0.113.7")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=planted")
    connection = database.with_options()
    with connection.session(OBSERVE, "billing") as (session, _):
        assert session.ask("select current_setting('search_path')") == [('"$user", public',)]


def test_what_cannot_be_overruled_is_refused_by_name(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    with pytest.raises(UsageError) as caught:
        database.with_options()
    assert "PGSERVICE" in caught.value.message


def test_a_server_that_hangs_ends_the_wait(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session_module, "STATEMENT_S", 0.3)
    with (
        pytest.raises(Lost),
        Session(
            database.connection.parameters(ADMIN, SecretValue(ADMIN_PASSWORD), "postgres")
        ) as s,
    ):
        s.ask("select pg_sleep(5)")


def test_a_process_with_many_descriptors_gets_a_session(database: Database):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip("this machine allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    try:
        with ExitStack() as opened:
            for _ in range(1050):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            with database.connection.session(OBSERVE, "billing") as (session, _):
                assert session.ask("select 1") == [("1",)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_second_statement_is_not_taken(database: Database):
    with (
        database.connection.session(OBSERVE, "billing") as (session, _),
        pytest.raises(session_module.Refusal) as caught,
    ):
        session.ask("select 1; select 2")
    assert caught.value.sqlstate == "42601"


def test_a_session_is_not_left_behind(database: Database):
    with suppress(ZeroDivisionError), database.connection.session(OBSERVE, "billing"):
        raise ZeroDivisionError
    left = "select count(*) from pg_stat_activity where usename = %s"
    for _ in range(100):
        if database.server.value(left, RUNNER) == 0:
            return
    pytest.fail("the session lives on")


def test_an_old_libpq_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pq, "version", lambda: 170_000)
    with pytest.raises(UsageError) as caught:
        database.with_options()
    assert caught.value.code == "postgres.libpq"


def test_a_primary_that_is_read_only_is_not_called_a_standby(database: Database, fresh: str):
    issuer = database.issuer(pair=(f"{fresh}_a", f"{fresh}_b"))
    login = database.options.user
    database.server.run(f"alter role {login} set default_transaction_read_only = on")
    try:
        with pytest.raises(NeedsPerson) as caught:
            issuer.issue(ATTEMPTS[0])
    finally:
        database.server.run(f"alter role {login} reset default_transaction_read_only")
    assert caught.value.code == "postgres.read-only"


def test_a_standby_is_refused(database: Database):
    signal = database.server.root / "data" / "standby.signal"
    signal.touch()
    database.server.restart()
    try:
        assert code_of(database.connection, NeedsPerson) == "postgres.standby"
    finally:
        signal.unlink()
        database.server.restart()


# ---------------------------------------------------------------------------------- the set-up


def examined(database: Database, options: LoginOptions) -> None:
    with database.connection.session(OBSERVE, options.target) as (session, _):
        examine(session, options)


@pytest.mark.parametrize(
    ("grant", "take"),
    [
        ("alter role {runner} createrole", "alter role {runner} nocreaterole"),
        ("grant {group} to {runner}", "revoke {group} from {runner}"),
        ("grant rotation_owner to {runner}", "revoke rotation_owner from {runner}"),
        ("grant pg_read_all_data to {runner}", "revoke pg_read_all_data from {runner}"),
    ],
)
def test_a_login_that_can_do_more_is_refused(database: Database, fresh: str, grant: str, take: str):
    issuer = database.issuer(group=fresh)
    database.server.run(grant.format(runner=RUNNER, group=fresh))
    try:
        with pytest.raises(Denied) as caught:
            issuer.listing()
        assert caught.value.code == "postgres.too-powerful"
    finally:
        database.server.run(take.format(runner=RUNNER, group=fresh))
    issuer.listing()


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("comment on schema rotation is 'rotation set-up 0'", None),
        ("grant execute on function rotation.terminate to public", None),
        (
            "alter function rotation.suspend owner to postgres",
            "alter function rotation.suspend owner to rotation_owner",
        ),
        ("alter function rotation.suspend reset search_path", None),
    ],
)
def test_a_set_up_that_is_not_ours_is_refused(
    database: Database, fresh: str, change: str, back: str | None
):
    issuer = database.issuer(group=fresh)
    database.server.run(change)
    try:
        with pytest.raises(NeedsPerson) as caught:
            issuer.listing()
        assert caught.value.code == "postgres.not-set-up"
    finally:
        if back is not None:
            database.server.run(back)
        database.set_up()
    issuer.listing()


def test_a_database_without_the_set_up_says_so(database: Database, fresh: str):
    server = database.server
    server.run("create database bare")
    try:
        issuer = LoginIssuer(
            LoginOptions(connection="main", group=fresh),
            database.context(database.with_options(database="bare")),
        )
        for call in (issuer.listing, lambda: issuer.suspend("x"), lambda: issuer.destroy("x")):
            with pytest.raises(NeedsPerson) as caught:
                call()
            assert caught.value.code == "postgres.not-set-up"
    finally:
        server.run("drop database bare with (force)")


# ------------------------------------------------------------------------------------------ TLS


@dataclass
class Certified:
    """A port that speaks TLS for a server that cannot: not every build of PostgreSQL does."""

    port: int
    authority: Path
    names: list[str] = field(default_factory=list)


@pytest.fixture
def certified(database: Database, tmp_path: Path) -> Iterator[Certified]:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", tmp_path / "server.key", "-out", tmp_path / "server.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = Certified(listening.getsockname()[1], tmp_path / "server.crt")
        threading.Thread(
            target=_serve, args=(listening, context, database.server.port, serving), daemon=True
        ).start()
        yield serving
        listening.shutdown(socket.SHUT_RDWR)


def _serve(
    listening: socket.socket, context: ssl.SSLContext, port: int, serving: Certified
) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            with client, suppress(OSError):
                assert len(client.recv(8)) == 8  # the client asks whether there is TLS
                client.sendall(b"S")
                with (
                    context.wrap_socket(client, server_side=True) as inside,
                    socket.create_connection(("127.0.0.1", port)) as server,
                ):
                    serving.names.append(str(inside.version()))
                    _pass_on(inside, server)


def _pass_on(client: ssl.SSLSocket, server: socket.socket) -> None:
    while True:
        ready = [client] if client.pending() else select.select([client, server], [], [], 10)[0]
        for one, other in ((client, server), (server, client)):
            if one in ready:
                content = one.recv(65_536)
                if not content:
                    return
                other.sendall(content)


def test_the_server_s_name_and_authority_are_verified(
    database: Database, certified: Certified, tmp_path: Path
):
    authority = str(certified.authority)
    right = database.with_options(host="localhost", port=certified.port, ca_file=authority)
    with right.session(OBSERVE, "billing"):
        assert certified.names == ["TLSv1.3"]
    by_address = database.with_options(port=certified.port, ca_file=authority)
    assert code_of(by_address, Transient) == "postgres.unreachable"
    (tmp_path / "other.crt").write_text("")
    nobody = database.with_options(
        host="localhost", port=certified.port, ca_file=str(tmp_path / "other.crt")
    )
    assert code_of(nobody, Transient) == "postgres.unreachable"
    without = database.with_options(host="localhost", ca_file=authority)
    assert code_of(without, Transient) == "postgres.unreachable"


def test_a_server_elsewhere_needs_an_authority(database: Database):
    with pytest.raises(ValueError, match="host: "):
        replace(database.options, host="db.example.com")
    elsewhere = replace(database.options, host="db.example.com", ca_file="/etc/ca.pem")
    connection = PostgresConnection(elsewhere, installation=INSTALLATION, clock=SystemClock())
    parameters = connection.parameters("runner", SecretValue("anything-else"), "app")
    assert parameters["sslmode"] == "verify-full"
