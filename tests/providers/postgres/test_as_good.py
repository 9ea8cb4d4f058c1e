"""A successor is compared with the login before it by the server's own tables: what it lacks, and
what holds it back. Before anything is made, before it is used, and before the old one is off."""

from collections.abc import Iterator

import pytest

from providers.postgres.login import LoginIssuer
from rotation.errors import NeedsPerson
from rotation.types import Credential, Fields, KeyState, PermissionSet, SecretValue
from tests.support.postgres import ATTEMPTS, Bench, Database, await_no_session

ONE, TWO, THREE = ATTEMPTS[:3]


def made(issuer: LoginIssuer, attempt: str = ONE) -> Credential:
    new = issuer.issue(attempt)
    issuer.activate(new)
    return new


@pytest.fixture
def pair(database: Database, fresh: str) -> Iterator[Bench]:
    """With a table that belongs to neither, and a database of its own."""
    bench = Bench(database, database.issuer(pair=(f"{fresh}_a", f"{fresh}_b")))
    made(bench.issuer)
    database.server.run(f"create schema {fresh}; create table {fresh}.orders (id int, note text)")
    database.server.run(f"create role {fresh}_shared nologin")
    yield bench
    database.server.run(f"drop schema {fresh} cascade")


@pytest.fixture
def unique(database: Database, fresh: str) -> Bench:
    return Bench(database, database.issuer(group=fresh))


BOTH = "grant select on {s}.orders to {a}, {b}; "


@pytest.mark.parametrize(
    ("sql", "reply"),
    [
        (BOTH + "grant insert on {s}.orders to {a}", "lacks INSERT on table {s}.orders"),
        ("grant update (note) on {s}.orders to {a}", "lacks UPDATE on table column {s}.orders.note"),
        (
            "grant select on {s}.orders to {a} with grant option; grant select on {s}.orders to {b}",
            "lacks SELECT on table {s}.orders with grant option",
        ),
        ("create sequence {s}.n; grant usage on sequence {s}.n to {a}", "USAGE on sequence {s}.n"),
        ("grant usage on schema {s} to {a}", "lacks USAGE on schema {s}"),
        (
            ("create function {s}.f() returns int language sql return 1; "
             "revoke execute on function {s}.f() from public; "
             "grant execute on function {s}.f() to {a}"),
            "lacks EXECUTE on function {s}.f()",
        ),
        ("grant create on database postgres to {a}", "lacks CREATE on database postgres"),
        ("select lo_create(0)", None),
        ("create table {s}.own (n int); alter table {s}.own owner to {a}", "ownership of table {s}.own"),
        ("alter default privileges for role {a} grant select on tables to {c}", "lacks default"),
        ("alter default privileges in schema {s} grant select on tables to {a}", "SELECT on default acl"),
        ("create policy p on {s}.orders to {a} using (true)", "lacks policy p on {s}.orders"),
        (
            "create policy r on {s}.orders as restrictive to {b} using (false)",
            "has restrictive policy r on {s}.orders",
        ),
        ("grant {c} to {a}", "lacks membership in {c}"),
        ("grant {c} to {a} with admin option; grant {c} to {b}", "in {c} with admin"),
        ("alter role {b} noinherit", "has attribute noinherit"),
        ("alter role {b} connection limit 1", "has connection limit"),
        ("alter role {a} connection limit 5; alter role {b} connection limit 4", "has another conn"),
        ("alter role {b} set default_transaction_read_only = on", "has setting default_transaction"),
        ("alter role {b} in database postgres set statement_timeout = '50ms'", "in database postgres"),
        ("alter role {a} set search_path = x, y; alter role {b} set search_path = 'x, y'", "has another"),
        # The same in other words, by another way, or more: nobody is held for it.
        ('alter role {a} set search_path = x, Y; alter role {b} set search_path = "x",y', None),
        ("alter role {a} set jit = off; alter role {b} set jit = 'false'", None),
        ("grant select on {s}.orders to {a}, {c}; grant {c} to {b}, {a}", None),
        ("grant select (id) on {s}.orders to {a}; grant select on {s}.orders to {b}", None),
        ("grant usage on schema {s} to {a}, public", None),
        ("grant all on {s}.orders to {b}; grant {c} to {b}", None),
        ("create table {s}.own (n int); alter table {s}.own owner to {a}; grant {a} to {b}", None),
        ("create policy p on {s}.orders to {c} using (true); grant {c} to {a}, {b}", None),
    ],
)  # fmt: skip
def test_of_a_pair_every_difference_is_named_before_anything_is_made(
    pair: Bench, fresh: str, sql: str, reply: str | None
):
    names = {"a": f"{fresh}_a", "b": f"{fresh}_b", "c": f"{fresh}_shared", "s": fresh}
    pair.database.server.run(sql.format(**names))
    if reply is None:
        made(pair.issuer, TWO)
        return
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.issue(TWO)
    assert caught.value.code == "postgres.differs"
    assert reply.format(**names) in caught.value.message
    assert len(pair.live()) == 1


def test_membership_that_is_not_inherited_is_one_that_is_lacking(pair: Bench, fresh: str):
    """PostgreSQL 16: of the membership itself, not of the role."""
    server = pair.database.server
    if server.value("show server_version_num") < "160000":
        pytest.skip("memberships have no options before PostgreSQL 16")
    server.run(
        f"grant {fresh}_shared to {fresh}_a; grant {fresh}_shared to {fresh}_b with inherit false"
    )
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.issue(TWO)
    assert f"lacks membership in {fresh}_shared" in caught.value.message
    server.run(f"grant {fresh}_shared to {fresh}_b with inherit true, set false")
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.issue(TWO)
    assert f"lacks membership in {fresh}_shared with set" in caught.value.message


def test_a_difference_that_came_after_the_look_is_named_before_it_is_used(pair: Bench, fresh: str):
    new = pair.issuer.issue(TWO)
    pair.database.server.run(f"alter role {fresh}_b connection limit 1")
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.activate(new)
    assert caught.value.code == "postgres.differs"


def test_a_long_list_is_cut(pair: Bench, fresh: str):
    tables = "; ".join(
        f"create table {fresh}.t{n} (n int); grant select on {fresh}.t{n} to {fresh}_a"
        for n in range(14)
    )
    pair.database.server.run(tables)
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.issue(TWO)
    assert "and 4 more" in caught.value.message


# ------------------------------------------------------------------------- of a group


def test_of_a_group_too_before_anything_is_made(unique: Bench, fresh: str):
    old = made(unique.issuer)
    server = unique.database.server
    server.run(f"create schema {fresh}; create table {fresh}.t (n int)")
    server.run(f"grant select on {fresh}.t to {old.handle.id}")
    with pytest.raises(NeedsPerson) as caught:
        unique.issuer.issue(TWO)
    assert f"SELECT on table {fresh}.t" in caught.value.message
    assert len(unique.live()) == 1
    server.run(f"grant select on {fresh}.t to {fresh}")
    made(unique.issuer, TWO)


def test_a_member_of_the_old_login_is_named_before_anything_is_made(
    database: Database, unique: Bench, fresh: str
):
    """DROP ROLE takes from it what it has through the login."""
    old = made(unique.issuer)
    database.server.run(f"create role {fresh}_batch login in role {old.handle.id}")
    with pytest.raises(NeedsPerson) as caught:
        unique.issuer.issue(TWO)
    assert f"lacks the member {fresh}_batch" in caught.value.message
    database.server.run(f"grant {fresh} to {fresh}_batch")
    issuer = database.issuer(group=fresh, others=(f"{fresh}_batch",))
    made(issuer, TWO)
    assert len(issuer.listing().ids) == 2


def test_the_login_that_it_is_compared_with_is_named(database: Database, fresh: str):
    """It may be nobody's that the reader of the line thinks of."""
    database.server.run(
        f"create role {fresh} nologin; create role {fresh}_ann login createdb in role {fresh}"
    )
    issuer = database.issuer(group=fresh)
    with pytest.raises(
        NeedsPerson, match=f"not as good as {fresh}_ann: it lacks attribute createdb"
    ):
        issuer.issue(ONE)
    made(database.issuer(group=fresh, others=(f"{fresh}_ann",)))


def test_settings_of_one_database_are_carried_over(database: Database, unique: Bench):
    """No group hands them on, and a login that is not made yet cannot be given them."""
    old = made(unique.issuer)
    database.server.run(
        f"alter role {old.handle.id} in database postgres set search_path = x, y;"
        f"alter role {old.handle.id} in database postgres set statement_timeout = '7s';"
        f"alter role {old.handle.id} in database template1 set work_mem = '9MB'"
    )
    new = made(unique.issuer, TWO)
    kept = (
        "select d.datname, unnest(s.setconfig) as one from pg_db_role_setting s "
        "join pg_database d on d.oid = s.setdatabase "
        "where s.setrole = to_regrole(%s) order by d.datname, one"
    )
    rows = [database.server.rows(kept, login.handle.id) for login in (old, new)]
    assert rows[0] == rows[1] != []


def test_what_cannot_be_carried_over_is_named(database: Database, unique: Bench):
    """Only a superuser may set it."""
    old = made(unique.issuer)
    database.server.run(f"alter role {old.handle.id} in database postgres set log_statement = ddl")
    new = unique.issuer.issue(TWO)
    with pytest.raises(NeedsPerson, match="lacks setting log_statement in database postgres"):
        unique.issuer.activate(new)
    database.server.run(f"alter role {new.handle.id} in database postgres set log_statement = ddl")
    unique.issuer.activate(new)


def test_of_another_database_it_is_seen_that_there_is_something(
    database: Database, unique: Bench, fresh: str
):
    """What may be temporary there is nobody's loss while a session is open."""
    server, old = database.server, made(unique.issuer)
    server.run(f"create database {fresh}")
    login, password = old.handle.id, old.fields.secret["password"].reveal()
    with server.connect(login, password, database=fresh) as application:
        application.execute("create temporary table basket (n int)")
        made(unique.issuer, TWO)
    unique.issuer.destroy(f"{fresh}_{TWO}")
    await_no_session(server, login)
    server.run(f"create table t (n int); grant select on t to {login}", database=fresh)
    with pytest.raises(NeedsPerson, match=f"lacks privileges of its own in database {fresh}"):
        unique.issuer.issue(THREE)
    server.run(f"grant select on t to {fresh}", database=fresh)
    made(unique.issuer, THREE)
    server.run(f"alter table t owner to {login}", database=fresh)
    with pytest.raises(NeedsPerson, match=f"lacks objects that it owns in database {fresh}"):
        unique.issuer.issue(ATTEMPTS[3])


def test_a_temporary_table_holds_nobody(unique: Bench):
    old = made(unique.issuer)
    with unique.login(old.fields) as application:
        application.execute("create temporary table basket (n int)")
        made(unique.issuer, TWO)
        assert application.execute("select count(*) from basket").fetchone() == (0,)


def test_what_the_allow_list_says_of_a_login_is_no_difference(database: Database, fresh: str):
    """An administrator changed it: the old login is what it was."""
    made(database.issuer(group=fresh, settings={"work_mem": "8MB"}, connection_limit=3))
    changed = database.issuer(group=fresh, settings={"work_mem": "9MB"}, connection_limit=5)
    made(changed, TWO)


# -------------------------------------------------------------------- made while both are in use


def test_what_was_made_in_the_overlap_is_named_before_the_old_one_of_a_pair_is_off(
    pair: Bench, database: Database, fresh: str
):
    """Of a group it is the group's: test_shared_objects."""
    [old_id] = pair.live()
    old_role = old_id.partition("#")[0]
    new = made(pair.issuer, TWO)
    server = database.server
    server.run(f"create table {fresh}.late (n int); alter table {fresh}.late owner to {old_role}")
    with pytest.raises(NeedsPerson) as caught:
        pair.issuer.suspend(old_id)
    assert caught.value.code == "postgres.left-behind"
    assert f"lacks the ownership of table {fresh}.late" in caught.value.message
    assert pair.live()[old_id] is KeyState.ACTIVE
    pair.issuer.suspend(new.handle.id)  # the latest one, in a rollback: nobody came after it
    pair.issuer.resume(new.handle.id)
    server.run(f"reassign owned by {old_role} to {fresh}_shared")
    pair.issuer.suspend(old_id)
    assert pair.accepts(new.fields)


def test_an_emergency_asks_nobody_what_it_leaves_behind(pair: Bench, fresh: str):
    [old_id] = pair.live()
    made(pair.issuer, TWO)
    pair.database.server.run(f"alter table {fresh}.orders owner to {fresh}_a")
    pair.issuer.suspend(old_id, under=PermissionSet.CONTAIN)
    assert pair.live()[old_id] is KeyState.SUSPENDED


# ------------------------------------------------------------------ who is a login of the application


@pytest.mark.parametrize(
    "person",
    [
        "create role {p} login createrole; grant {g} to {p}",
        "create role {p} login bypassrls; grant {g} to {p}",
        "create role {p} login; grant {g} to {p} with admin option",
    ],
)
def test_who_administers_is_no_login_of_the_application(
    database: Database, fresh: str, person: str
):
    """Never listed, compared, or switched off; and our functions' owner gets no right over it."""
    server, people = database.server, f"{fresh}_ann"
    server.run(
        f"create role {fresh} nologin; create role {fresh}_old login password 'from-before' "
        f"in role {fresh}; " + person.format(p=people, g=fresh)
    )
    server.run(f"alter role {people} createdb")
    issuer = database.issuer(group=fresh)
    assert issuer.listing().ids == {f"{fresh}_old"}
    new = made(issuer)
    assert issuer.listing().ids == {f"{fresh}_old", new.handle.id}
    fields = Fields(public={"username": people}, secret={"password": SecretValue("of-ann")})
    with pytest.raises(NeedsPerson) as caught:
        issuer.handle_of(fields, "some-version")
    assert caught.value.code == "postgres.no-login-of-the-group"
    for under in (PermissionSet.REVOKE, PermissionSet.CONTAIN):
        with pytest.raises(NeedsPerson):
            issuer.suspend(people, under=under)
    assert server.value("select rolcanlogin from pg_roles where rolname = %s", people)
    assert not server.rows(
        "select from pg_auth_members m join pg_roles g on g.oid = m.roleid join pg_roles r "
        "on r.oid = m.member where r.rolname = 'rotation_owner' and g.rolname = %s", people,
    )  # fmt: skip


def test_a_person_whom_the_allow_list_names_is_left_alone(database: Database, fresh: str):
    server = database.server
    server.run(
        f"create role {fresh} nologin; create role {fresh}_old login in role {fresh}; "
        f"create role {fresh}_ann login in role {fresh}, pg_monitor"
    )
    issuer = database.issuer(group=fresh, others=(f"{fresh}_ann",))
    assert issuer.listing().ids == {f"{fresh}_old"}
    made(issuer)


def test_an_application_that_may_make_roles_is_not_told_to_pass_it_on(unique: Bench):
    old = made(unique.issuer)
    unique.database.server.run(f"alter role {old.handle.id} createrole")
    with pytest.raises(NeedsPerson) as caught:
        unique.issuer.issue(TWO)
    assert "attribute createrole" in caught.value.message
    assert "take attributes from the old login" in caught.value.hint
