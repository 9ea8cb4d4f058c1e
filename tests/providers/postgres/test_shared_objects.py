"""What one of two logins of a group makes is usable by both, and is nobody's loss when one ends."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import psycopg
import pytest

from providers.postgres.login import LoginIssuer
from providers.postgres.options import LoginOptions
from providers.postgres.session import Session
from rotation.errors import NeedsPerson, RotationError, Transient
from rotation.types import Credential, Fields, Handle, PermissionSet, SecretValue
from tests.real.postgres_server import PostgresServer, installed, postgres_server
from tests.support.postgres import ATTEMPTS, Bench, Database, await_no_session, setup_sql
from tests.support.postgres import prepared as set_up_by_a_superuser
from tests.support.postgres_setup import WORDS, by_the_administrator, managed_server

ONE, TWO, THREE = ATTEMPTS[:3]
BY_A_PERSON = "from-before-EXAMPLE"

MADE = """
create table {s}.t (id int generated always as identity, note text);
insert into {s}.t (note) values ('of {name}');
create sequence {s}.n;
create function {s}.f() returns int language sql as 'select 1';
revoke execute on function {s}.f() from public;
create type {s}.mood as enum ('fine');
create schema {s}_more;
create table {s}_more.t (note text)
"""
USED = """
insert into {s}.t (note) values ('of the other');
update {s}.t set note = note || '!';
delete from {s}.t where false;
truncate {s}_more.t;
select nextval('{s}.n'), {s}.f(), 'fine'::{s}.mood;
insert into {s}_more.t values ('x')
"""


class Overlap:
    """Two logins of a group, the first one a person's or ours, both in use."""

    def __init__(self, database: Database, group: str, *, ours: bool) -> None:
        self.group, self.server = group, database.server
        self.bench = Bench(database, LoginIssuer(_of(group), database.context()))
        self.issuer = self.bench.issuer
        if ours:
            self.old = self.makes(ONE).fields
            self.ends(Fields(public={"username": f"{group}_old"}))
        else:
            public, secret = {"username": f"{group}_old"}, SecretValue(BY_A_PERSON)
            self.old = Fields(public=public, secret={"password": secret})
        self.new = self.makes(TWO).fields

    def makes(self, attempt: str) -> Credential:
        new = self.issuer.issue(attempt)
        self.issuer.activate(new)
        return new

    def run(self, fields: Fields, sql: str, schema: str) -> None:
        name = fields.public["username"]
        with self.bench.login(fields) as connection:
            for statement in sql.format(s=schema, name=name).strip().split(";\n"):
                connection.execute(statement)
        await_no_session(self.server, name)

    def schema(self, name: str) -> str:
        """Of the group, as the mode wants it."""
        self.server.run(f'create schema {name}; alter schema {name} owner to "{self.group}"')
        self.server.run(f'grant create on database postgres to "{self.group}"')
        return name

    def ends(self, fields: Fields) -> None:
        name = fields.public["username"]
        self.issuer.suspend(name)
        self.issuer.destroy(name)

    def owners(self, schema: str) -> set[str]:
        return {
            name
            for (name,) in self.server.rows(
                "select pg_get_userbyid(relowner) from pg_class where relnamespace = to_regnamespace(%s) "
                "union select pg_get_userbyid(proowner) from pg_proc where pronamespace = to_regnamespace(%s) "
                "union select pg_get_userbyid(nspowner) from pg_namespace where nspname like %s",
                schema,
                schema,
                f"{schema}%",
            )
        }

    def left(self) -> list[str]:
        """Default privileges of a person's login, and rights of our functions' owner."""
        server = self.server
        roles = [
            name
            for (name,) in server.rows(
                "select pg_get_userbyid(defaclrole) from pg_default_acl "
                "where defaclrole = to_regrole(%s)", f"{self.group}_old",
            )
        ]  # fmt: skip
        used = server.rows(
            "select rolname from pg_roles where (rolname = %s or rolname like %s) "
            "and pg_has_role('rotation_owner', oid, 'usage')", self.group, f"{self.group}%",
        )  # fmt: skip
        return [*roles, *(name for (name,) in used)]


def _of(group: str) -> LoginOptions:
    return LoginOptions(connection="main", group=group)


VERSIONS = sorted(installed(), reverse=True) or [None]
SET_UPS = [(by, version) for version in VERSIONS for by in ("superuser", "managed")]


@pytest.fixture(scope="module", params=SET_UPS, ids=lambda it: f"{it[0]}-{it[1]}")
def set_up(
    request: pytest.FixtureRequest, the_passwords: dict[str, Path]
) -> Iterator[tuple[str, Database]]:
    by, version = request.param
    if by == "managed":
        with managed_server(version, the_passwords) as database:
            yield by, database
    else:
        with postgres_server(version) as server:
            yield by, set_up_by_a_superuser(server, the_passwords)


@pytest.fixture
def prepared(
    set_up: tuple[str, Database], the_passwords: dict[str, Path], fresh: str
) -> tuple[Database, str]:
    """By a superuser, or by an administrator who is none; a login from before is there."""
    by, database = set_up
    logins = f"create role {fresh}_old login password '{BY_A_PERSON}' in role {fresh}"
    if by == "superuser":
        database.server.run(f"create role {fresh} nologin; {logins}")
        database.server.run(setup_sql(database.options, _of(fresh)))
    else:
        with database.server.connect("master", WORDS) as connection:
            connection.execute(f"create role {fresh} nologin")
            connection.execute(logins)
        by_the_administrator(database, the_passwords, _of(fresh))
    return database, fresh


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "a-person-s"])
def test_each_uses_what_the_other_makes_and_keeps_it(prepared, *, ours: bool):
    database, group = prepared
    overlap = Overlap(database, group, ours=ours)
    mine, its = overlap.schema(f"{group}_by_old"), overlap.schema(f"{group}_by_new")
    overlap.run(overlap.old, MADE, mine)
    overlap.run(overlap.new, MADE, its)
    overlap.run(overlap.new, USED, mine)
    overlap.run(overlap.old, USED, its)
    overlap.ends(overlap.old)
    assert overlap.owners(mine) == {group}
    overlap.run(overlap.new, f"{USED.strip()};\nalter table {{s}}.t add more int", mine)
    assert not overlap.left()
    # And the one after it is not held for what this one made.
    third = overlap.makes(THREE).fields
    overlap.run(third, USED, its)
    overlap.ends(overlap.new)
    assert overlap.owners(its) == {group}
    overlap.run(third, f"{USED.strip()};\ndrop table {{s}}.t", its)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "a-person-s"])
def test_on_the_way_back_too(prepared, *, ours: bool):
    """The new one ends, and what it made is there for the old one."""
    database, group = prepared
    overlap = Overlap(database, group, ours=ours)
    schema = overlap.schema(f"{group}_s")
    overlap.run(overlap.new, MADE, schema)
    overlap.ends(overlap.new)
    assert overlap.owners(schema) == {group}
    overlap.run(overlap.old, f"{USED.strip()};\ndrop table {{s}}.t", schema)
    assert not overlap.left()


def test_one_that_is_switched_on_again_has_what_it_made(prepared):
    database, group = prepared
    overlap = Overlap(database, group, ours=False)
    schema = overlap.schema(f"{group}_s")
    overlap.run(overlap.old, MADE, schema)
    overlap.issuer.suspend(f"{group}_old")
    overlap.issuer.resume(f"{group}_old")
    overlap.run(overlap.old, f"{USED.strip()};\ndrop table {{s}}.t", schema)


def test_what_a_person_made_before_is_not_taken(prepared):
    """Told before anything is made, as ever."""
    database, group = prepared
    server: PostgresServer = database.server
    server.run(f"create table {group}_mine (n int); alter table {group}_mine owner to {group}_old")
    with pytest.raises(NeedsPerson, match="lacks the ownership"):
        LoginIssuer(_of(group), database.context()).issue(ONE)
    owner = "select pg_get_userbyid(relowner) from pg_class where relname = %s"
    assert server.value(owner, f"{group}_mine") == f"{group}_old"
    server.run(f"drop table {group}_mine")


def test_default_privileges_of_a_person_s_stay_as_they_are(prepared):
    database, group = prepared
    server: PostgresServer = database.server
    given = f"alter default privileges for role {group}_old grant select on tables to {group}"
    server.run(given)
    overlap = Overlap(database, group, ours=False)
    overlap.ends(overlap.new)
    found = "select defaclacl::text from pg_default_acl where defaclrole = to_regrole(%s)"
    assert f"{group}=r/{group}_old" in server.value(found, f"{group}_old")
    server.run(given.replace("grant", "revoke").replace(" to ", " from "))


def test_all_of_it_may_be_done_again(prepared):
    database, group = prepared
    overlap = Overlap(database, group, ours=True)
    schema = overlap.schema(f"{group}_s")
    overlap.run(overlap.old, MADE, schema)
    for _ in range(2):
        overlap.issuer.activate(Credential(handle=_handle(overlap), fields=overlap.new))
    for _ in range(2):
        overlap.issuer.suspend(overlap.old.public["username"])
    for _ in range(2):
        overlap.issuer.destroy(overlap.old.public["username"])
    assert overlap.owners(schema) == {group}
    assert not overlap.left()


def _handle(overlap: Overlap) -> Handle:
    return overlap.issuer.listing().find(overlap.new.public["username"])


def test_whoever_reads_a_table_is_waited_for_and_holds_up_nobody(prepared):
    database, group = prepared
    overlap = Overlap(database, group, ours=True)
    schema = overlap.schema(f"{group}_s")
    overlap.run(overlap.old, MADE, schema)
    old = overlap.old.public["username"]
    with overlap.bench.login(overlap.new) as reader, reader.transaction():
        reader.execute(f"select from {schema}.t")
        error = _refused(lambda: overlap.issuer.suspend(old))
        assert isinstance(error, Transient)
        assert error.code == "postgres.busy"
        reader.execute(f"select from {schema}.t")
    overlap.ends(overlap.old)


def _refused(act) -> RotationError:
    with pytest.raises(RotationError) as caught:
        act()
    return caught.value


def test_a_login_that_is_gone_is_told_as_that(prepared):
    database, group = prepared
    overlap = Overlap(database, group, ours=True)
    overlap.ends(overlap.old)
    assert (
        _refused(lambda: overlap.issuer.suspend(overlap.old.public["username"])).code
        == "issuer.gone"
    )
    overlap.issuer.destroy(overlap.old.public["username"])


def test_the_owner_of_the_functions_cannot_be_made_to_work_on_others(prepared):
    """Only what the allow-list has; and nobody but it calls the parts."""
    database, group = prepared
    overlap = Overlap(database, group, ours=True)
    server = overlap.server
    server.run(f"create role {group}_alien login; create table {group}_theirs (n int)")
    server.run(f"alter table {group}_theirs owner to {group}_alien")
    with database.connection.session(PermissionSet.REVOKE, "x") as (session, _):
        session.ask("select rotation.hand_over($1, $2)", group, f"{group}_alien")
    owner = "select pg_get_userbyid(relowner) from pg_class where relname = %s"
    assert server.value(owner, f"{group}_theirs") == f"{group}_alien"
    rows = server.rows(
        "select proname from pg_proc where pronamespace = 'rotation'::regnamespace and proname in "
        "('with_rights_of', 'set_shared', 'share', 'unshare', 'share_all', 'share_no_more') "
        "and (has_function_privilege('rotation_runner', oid, 'execute') or prosecdef)"
    )
    assert rows == []
    server.run(f"drop table {group}_theirs; drop role {group}_alien")


def test_an_application_that_is_at_work_all_the_time_loses_nothing(prepared):
    database, group = prepared
    overlap = Overlap(database, group, ours=False)
    schema = overlap.schema(f"{group}_s")
    with overlap.bench.login(overlap.old) as working:
        working.execute(f"create table {schema}.t (n int)")
        with pytest.raises(RotationError) as caught:
            overlap.issuer.suspend(f"{group}_old")
        assert caught.value.code == "postgres.sessions"
        working.execute(f"alter table {schema}.t add k int")
        working.execute(f"alter table {schema}.t add m int")
        working.execute(f"create table {schema}.u (n int)")
    await_no_session(overlap.server, f"{group}_old")
    overlap.ends(overlap.old)
    assert overlap.owners(schema) == {group}
    with pytest.raises(psycopg.OperationalError):
        overlap.bench.login(overlap.old)


# ------------------------------------------------------------------- killed, and begun again


class Killed(BaseException):
    """No adapter catches it."""


class Requests:
    """Dies at one of them, before it is sent or after it was answered; counts them all."""

    def __init__(self, kill_at: int | None, *, answered: bool) -> None:
        self.count, self._kill_at, self._answered = 0, kill_at, answered

    def __call__(self, session: Session, statement: str, *arguments: str) -> object:
        dies, self.count = self.count == self._kill_at, self.count + 1
        if dies and not self._answered:
            raise Killed
        rows = ASK(session, statement, *arguments)
        if dies:
            raise Killed
        return rows

    def survives(self, act: Callable[[], object]) -> None:
        def ask(session: Session, statement: str, *arguments: str) -> object:
            return self(session, statement, *arguments)

        with patch.object(Session, "ask", ask):
            try:
                act()
            except Killed:
                act()


ASK = Session.ask


def rotation_in_use(
    database: Database, group: str, kill_at: int | None, *, answered: bool
) -> tuple[int, list[str]]:
    """Both logins make tables all the while. How many requests it took, and what is wrong."""
    server, requests = database.server, Requests(kill_at, answered=answered)
    server.run(
        f"create role {group} nologin; create role {group}_old login password '{BY_A_PERSON}' "
        f"in role {group}; create schema {group} authorization {group}"
    )
    server.run(setup_sql(database.options, _of(group)))
    overlap = Overlap.__new__(Overlap)
    overlap.group, overlap.server = group, server
    overlap.bench = Bench(database, LoginIssuer(_of(group), database.context()))
    issuer = overlap.issuer = overlap.bench.issuer
    old = Fields(public={"username": f"{group}_old"}, secret={"password": SecretValue(BY_A_PERSON)})
    made: list[Credential] = []
    requests.survives(lambda: made.append(issuer.issue(TWO)))
    new = made[-1]
    requests.survives(lambda: issuer.activate(new))
    for number, (maker, user) in enumerate([(old, new.fields), (new.fields, old)]):
        overlap.run(maker, f"create table {{s}}.t{number} (n int)", group)
        overlap.run(user, f"select from {{s}}.t{number}", group)
    requests.survives(lambda: issuer.suspend(f"{group}_old"))
    requests.survives(lambda: issuer.destroy(f"{group}_old"))
    for number in range(2):
        overlap.run(new.fields, f"select from {{s}}.t{number}", group)
    overlap.run(new.fields, "drop table {s}.t0; drop table {s}.t1", group)
    alive = sorted(issuer.listing().ids)
    wrong = [*overlap.left(), *([] if alive == [new.handle.id] else alive)]
    server.run(f"drop schema {group} cascade")
    return requests.count, wrong


def every(count: int) -> list[int]:
    return list(range(count))


def some(count: int) -> list[int]:
    return random.Random("objects").sample(range(count), 4)  # noqa: S311 -- the same ones each time


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("choose", [some, pytest.param(every, marks=pytest.mark.slow)])
def test_killed_at_its_requests(database: Database, fresh: str, choose: Callable[[int], list[int]]):
    count, wrong = rotation_in_use(database, fresh, None, answered=True)
    assert not wrong
    found = {
        (kill_at, answered): rotation_in_use(
            database, f"{fresh}_{kill_at}_{answered:d}", kill_at, answered=answered
        )[1]
        for kill_at in choose(count)
        for answered in (False, True)
    }
    assert not {at: wrong for at, wrong in found.items() if wrong}
