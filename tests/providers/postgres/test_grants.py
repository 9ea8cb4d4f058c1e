"""The set-up on every version that can be had here: each of them has its own rules for roles."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from providers.postgres.login import LoginIssuer
from providers.postgres.options import LoginOptions
from rotation.types import KeyState, PermissionSet, Verdict
from tests.real.postgres_server import installed, postgres_server
from tests.support.postgres import (
    ATTEMPTS,
    INSTALLATION,
    Bench,
    Database,
    prepared,
    setup_sql,
)
from tests.support.postgres_setup import WORDS, by_the_administrator, managed_server


@pytest.fixture(scope="module", params=sorted(installed()) or [None])
def any_version(
    request: pytest.FixtureRequest, the_passwords: dict[str, Path]
) -> Iterator[Database]:
    with postgres_server(request.param) as server:
        yield prepared(server, the_passwords)


MODES = [
    {"group": "app"},
    {"pair": ("app_a", "app_b")},
    {"user": "app_one", "in_place": True},
    {"group": "App-Owner.x@y"},
]


@pytest.mark.parametrize("mode", MODES, ids=["unique", "pair", "in-place", "quoted"])
def test_a_login_lives_and_dies(any_version: Database, mode: dict):
    issuer = any_version.issuer(**mode)
    probe = any_version.probe(**({"user": mode["user"]} if "user" in mode else {}))
    old = issuer.issue(ATTEMPTS[0])
    issuer.activate(old)
    assert (probe.login(old.fields), probe.wrong(old.fields)) == (
        Verdict.ACCEPTED, Verdict.REFUSED,
    )  # fmt: skip
    new = issuer.issue(ATTEMPTS[1])
    issuer.activate(new)
    if issuer.traits.can_suspend:
        assert probe.login(old.fields) is Verdict.ACCEPTED
        issuer.suspend(old.handle.id)
        assert issuer.listing().find(old.handle.id).state is KeyState.SUSPENDED
    assert probe.login(old.fields) is Verdict.REFUSED
    issuer.destroy(old.handle.id)
    assert probe.login(old.fields) is Verdict.REFUSED
    assert probe.login(new.fields) is Verdict.ACCEPTED
    assert issuer.listing().ids == {new.handle.id}


def test_a_login_from_before_is_within_reach(any_version: Database):
    server = any_version.server
    server.run("create role legacy login; create role legacy_owner; grant legacy_owner to legacy")
    issuer = any_version.issuer(group="legacy_owner")
    assert issuer.listing().ids == {"legacy"}
    issuer.suspend("legacy")
    issuer.destroy("legacy")
    assert not issuer.listing().ids


def test_the_owner_of_the_functions_cannot_use_what_it_administers(any_version: Database):
    """It inherits nothing from an application's group, and nobody can become it."""
    any_version.issuer(group="app")
    rows = any_version.server.rows(
        "select rolname, pg_has_role('rotation_owner', oid, 'usage') from pg_roles "
        "where rolname like 'app%%' or rolname = 'postgres'"
    )
    assert rows
    assert not [name for name, uses in rows if uses]
    assert any_version.server.rows(
        "select rolcanlogin, rolsuper from pg_roles where rolname = 'rotation_owner'"
    ) == [(False, False)]


def test_it_may_run_any_number_of_times(any_version: Database):
    wanted = LoginOptions(connection="main", group="app", connection_limit=5)
    text = setup_sql(any_version.options, wanted)
    for _ in range(2):
        any_version.server.run(text)
    limit = "select connection_limit from rotation.target where name = 'app'"
    assert any_version.server.value(limit) == 5
    any_version.server.run(
        setup_sql(any_version.options, LoginOptions(connection="main", group="app"))
    )
    assert any_version.server.value(limit) == -1


@pytest.mark.parametrize("theirs", [{"group": "taken"}, {"pair": ("taken", "taken_b")}])
def test_roles_of_another_installation_are_not_taken_over(any_version: Database, theirs: dict):
    """Each would end what the other made; where it is gone, a person says so."""
    text = setup_sql(any_version.options, LoginOptions(connection="main", **theirs))
    other = text.replace(INSTALLATION, "ba9876543210")
    any_version.server.run(other)
    any_version.server.run(other)
    ours = setup_sql(
        any_version.options, LoginOptions(connection="main", user="taken", in_place=True)
    )
    with pytest.raises(psycopg.DatabaseError) as caught:
        any_version.server.run(ours)
    assert "installation ba9876543210 of rotation works on taken" in str(caught.value)
    hint = caught.value.diag.message_hint
    any_version.server.run(hint.partition(": ")[2].partition(";")[0])
    any_version.server.run(ours)
    any_version.server.run("delete from rotation.target where name like 'taken%'")


def test_what_failed_changed_nothing(any_version: Database):
    text = setup_sql(any_version.options, LoginOptions(connection="main", group="half_done"))
    with pytest.raises(psycopg.errors.DivisionByZero):
        any_version.server.run(text.replace("\ncommit;", "\nselect 1 / 0;\ncommit;"))
    assert not any_version.server.rows("select 1 from pg_roles where rolname = 'half_done'")


# ---------------------------------------------------------- an administrator who is no superuser


@pytest.fixture(scope="module", params=sorted(installed()) or [None])
def managed(request: pytest.FixtureRequest, the_passwords: dict[str, Path]) -> Iterator[Database]:
    with managed_server(request.param, the_passwords) as database:
        yield database


def test_an_administrator_who_is_no_superuser_sets_it_up(
    managed: Database, the_passwords: dict[str, Path]
):
    """PostgreSQL 16: who makes a group is its member, and that makes nobody a login of it."""
    with managed.server.connect("master", WORDS) as connection:
        connection.execute("create role app nologin")
        connection.execute("create role app_old login password 'from-before' in role app")
        connection.execute("create role app_b login password 'from-before'")
    modes = [
        LoginOptions(connection="main", group="app"),
        LoginOptions(connection="main", pair=("app_a", "app_b")),
        LoginOptions(connection="main", user="app_one", in_place=True),
    ]
    by_the_administrator(managed, the_passwords, *modes)
    for mode in modes:
        issuer = LoginIssuer(mode, managed.context())
        before = issuer.listing().ids
        assert before == {"unique": {"app_old"}, "pair": {"app_b"}}.get(mode.mode, set())
        new = issuer.issue(ATTEMPTS[0])
        issuer.activate(new)
        for old in before:
            issuer.suspend(old)
            issuer.destroy(old)
        assert issuer.listing().ids == {new.handle.id}
    leftover = managed.server.rows(
        "select pg_has_role('master', 'rotation_owner', 'usage'), rolsuper from pg_roles "
        "where rolname = 'rotation_owner'"
    )
    assert leftover == [(False, False)]


def test_its_emergency_switches_off_what_it_made(managed: Database, the_passwords: dict[str, Path]):
    mode = LoginOptions(connection="main", group="urgent")
    by_the_administrator(managed, the_passwords, mode)
    issuer = LoginIssuer(mode, managed.context())
    new = issuer.issue(ATTEMPTS[0])
    issuer.activate(new)
    with Bench(managed, issuer).login(new.fields) as thief:
        issuer.suspend(new.handle.id, under=PermissionSet.CONTAIN)
        with pytest.raises(psycopg.OperationalError):
            thief.execute("select 1")
    assert issuer.listing().find(new.handle.id).state is KeyState.SUSPENDED
    uses = "select pg_has_role('rotation_owner', %s, 'usage')"
    assert managed.server.value(uses, new.handle.id) is False
