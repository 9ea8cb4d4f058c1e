"""The grants are exactly the calls: none is missing, none is too many."""

import re

import psycopg
import pytest

from providers.postgres.permissions import GRANTS
from providers.postgres.session import Session
from rotation.types import PermissionSet
from tests.support.postgres import ATTEMPTS, EMERGENCY, RUNNER, Database

FUNCTIONS = {grant.function for grants in GRANTS["postgres-login"].values() for grant in grants}
FOR_EMERGENCIES = {
    grant.function
    for under in (PermissionSet.OBSERVE, PermissionSet.CONTAIN)
    for grant in GRANTS["postgres-login"][under]
}
OF_THE_RUNNER = FUNCTIONS - {g.function for g in GRANTS["postgres-login"][PermissionSet.CONTAIN]}


def test_every_call_is_granted_and_every_grant_is_called(
    database: Database, fresh: str, monkeypatch: pytest.MonkeyPatch
):
    called: set[str] = set()
    ask = Session.ask

    def record(self: Session, statement: str, *arguments: str) -> object:
        called.update(re.findall(r"rotation\.(\w+)\(", statement))
        return ask(self, statement, *arguments)

    monkeypatch.setattr(Session, "ask", record)
    for options in ({"pair": (f"{fresh}_a", f"{fresh}_b")}, {"group": fresh}):
        issuer = database.issuer(**options)
        new = issuer.issue(ATTEMPTS[0])
        issuer.activate(new)
        issuer.listing()
        issuer.suspend(new.handle.id)
        issuer.resume(new.handle.id)
        issuer.suspend(new.handle.id, under=PermissionSet.CONTAIN)
        issuer.destroy(new.handle.id)
    assert called == {function.partition("(")[0] for function in FUNCTIONS}


@pytest.mark.parametrize(
    ("login", "granted"), [(RUNNER, OF_THE_RUNNER), (EMERGENCY, FOR_EMERGENCIES)]
)
def test_a_login_may_call_what_is_granted_and_nothing_else(
    database: Database, login: str, granted: set[str]
):
    callable_ones = database.server.rows(
        "select p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', "
        "oidvectortypes(p.proargtypes) from pg_proc p "
        "where p.pronamespace = 'rotation'::regnamespace "
        "and has_function_privilege(%s, p.oid, 'execute')",
        login,
    )
    reply = {f"{name.partition('(')[0]}({types})" for name, types in callable_ones}
    assert reply == granted


@pytest.mark.parametrize("login", [RUNNER, EMERGENCY])
@pytest.mark.parametrize(
    "statement",
    [
        "create role planted login",
        "alter role everybody createdb",
        "set role rotation_owner",
        "select * from rotation.target",
        "update rotation.target set roles = array['postgres']",
        "insert into rotation.attempt (target, attempt, login) values ('x', 'x', 'x')",
        "select rotation.make_login(null, 'x', 'x')",
        "create table rotation.planted (n int)",
        "create function rotation.sessions(text) returns int language sql as 'select 0'",
    ],
)
def test_a_login_can_do_nothing_by_itself(
    database: Database, the_passwords, login: str, statement: str
):
    password = the_passwords[login].read_text().strip()
    with (
        database.server.connect(login, password) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
