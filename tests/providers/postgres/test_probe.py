from dataclasses import replace

import pytest

from providers.postgres.options import ProbeOptions
from providers.postgres.probe import LoginProbe
from rotation.errors import NeedsPerson, Permanent, Refused, Transient
from rotation.types import Fields, SecretValue, Verdict
from tests.support.postgres import ATTEMPTS, Database


@pytest.fixture
def login(database: Database, fresh: str) -> Fields:
    issuer = database.issuer(group=fresh)
    new = issuer.issue(ATTEMPTS[0])
    issuer.activate(new)
    return new.fields


def test_the_consumer_s_own_query_runs(database: Database, login: Fields):
    """Its rights come with the group."""
    group = login.public["username"].rpartition("_")[0]
    database.server.run(f"create table of_{group} (n int); grant select on of_{group} to {group}")
    assert database.probe(f"table of_{group}").login(login) is Verdict.ACCEPTED


def test_a_login_at_another_server_is_no_verdict(database: Database, login: Fields):
    options = ProbeOptions(connection="main", query="select 1")
    elsewhere = database.with_options(system_identifier="7" * 19)
    probe = LoginProbe(options, replace(database.context(), connections={"main": elsewhere}))
    with pytest.raises(NeedsPerson) as caught:
        probe.login(login)
    assert caught.value.code == "postgres.wrong-server"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select * from rotation.attempt", "42501"),
        ("select * from nowhere", "42P01"),
        ("create table planted (n int)", "25006"),
        ("select 1; drop table planted", "42601"),
        ("commit", "25006"),
    ],
)
def test_a_query_that_may_not_run_is_no_verdict(
    database: Database, login: Fields, query: str, code: str
):
    if query == "commit":
        # It ends the transaction and then there is nothing left to do in the session.
        assert database.probe(query).login(login) is Verdict.ACCEPTED
        return
    with pytest.raises(Refused) as caught:
        database.probe(query).login(login)
    assert caught.value.code == "probe.query-refused"
    assert code in caught.value.message


def test_a_query_that_takes_too_long_is_no_verdict(
    database: Database, login: Fields, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("providers.postgres.probe.TIMEOUT_MS", 100)
    with pytest.raises(Transient):
        database.probe("select pg_sleep(5)").login(login)


def test_a_server_that_takes_any_password_is_found_out(database: Database, login: Fields):
    """PG-8: under `trust` no login proves anything."""
    server = database.server
    server.run("create database trusting")
    server.admit("host trusting all 127.0.0.1/32 trust")
    try:
        probe = database.probe(database="trusting")
        assert probe.login(login) is Verdict.ACCEPTED
        assert probe.wrong(login) is Verdict.ACCEPTED
    finally:
        server.admit("")
        server.run("drop database trusting with (force)")
    assert database.probe().wrong(login) is Verdict.REFUSED


def test_no_rule_that_lets_it_in_is_a_refusal(database: Database, login: Fields):
    server = database.server
    server.admit(f"host all {login.public['username']} 127.0.0.1/32 reject")
    try:
        assert database.probe().login(login) is Verdict.REFUSED
    finally:
        server.admit("")


def test_a_missing_database_is_no_verdict(database: Database, login: Fields):
    with pytest.raises(Permanent):
        database.probe(database="nowhere").login(login)


def test_the_wrong_password_differs_whatever_the_right_one_ends_in(database: Database):
    sent: list[str] = []
    probe = database.probe()
    probe._opened = lambda _user, password: sent.append(password.reveal())
    for password in ("as-long-as-A", "as-long-as-B", "as-long-as-x"):
        fields = {"password": SecretValue(password)}
        probe.wrong(Fields(public={"username": "app"}, secret=fields))
    assert [wrong[-1] for wrong in sent] == ["B", "A", "A"]


def test_a_login_without_a_name_says_so(database: Database):
    fields = Fields(secret={"password": SecretValue("as-long-as-it-is")})
    with pytest.raises(Permanent) as caught:
        database.probe().login(fields)
    assert caught.value.code == "probe.missing-field"
    assert database.probe(user="app_nobody").login(fields) is Verdict.REFUSED


def test_a_password_in_clear_is_given_to_nobody(database: Database, login: Fields):
    server = database.server
    server.run("create database in_clear")
    server.admit("host in_clear all 127.0.0.1/32 password")
    try:
        with pytest.raises(NeedsPerson):
            database.probe(database="in_clear").login(login)
    finally:
        server.admit("")
        server.run("drop database in_clear with (force)")
