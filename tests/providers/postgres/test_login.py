import threading

import pytest

from providers.postgres.login import LoginIssuer
from rotation.errors import Conflict, Denied, NeedsPerson, NotYet, Permanent, Refused, SlotFull
from rotation.types import Credential, Fields, Handle, KeyState, PermissionSet, SecretValue, mark
from tests.support.postgres import (
    ATTEMPTS,
    EMERGENCY,
    INSTALLATION,
    RUNNER,
    Bench,
    Database,
    await_no_session,
    raising,
    sessions,
)

ONE, TWO, THREE = ATTEMPTS[:3]


def made(issuer: LoginIssuer, attempt: str = ONE) -> Credential:
    new = issuer.issue(attempt)
    issuer.activate(new)
    return new


@pytest.fixture
def unique(database: Database, fresh: str) -> Bench:
    return Bench(database, database.issuer(group=fresh))


@pytest.fixture
def pair(database: Database, fresh: str) -> Bench:
    return Bench(database, database.issuer(pair=(f"{fresh}_a", f"{fresh}_b")))


@pytest.fixture
def in_place(database: Database, fresh: str) -> Bench:
    return Bench(database, database.issuer(user=fresh, in_place=True))


# ----------------------------------------------------------------------------- what a login is


def test_the_mark_in_the_world_names_installation_and_attempt(unique: Bench):
    new = made(unique.issuer)
    [comment] = unique.database.server.rows(
        "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = %s", new.handle.id
    )
    assert comment[0].startswith(f"rotation:owner={INSTALLATION} attempt={ONE} ")
    [handle] = unique.issuer.listing().handles
    assert handle.mark == mark(INSTALLATION, ONE)
    assert handle.created is not None


def test_a_password_is_never_in_the_server_s_log(unique: Bench):
    """`log_statement = all`, and a statement that fails is logged in any case."""
    server = unique.database.server
    new = made(unique.issuer)
    with pytest.raises(Conflict):
        unique.issuer.resume(f"{unique.issuer._options.group}_{TWO}")
    unique.database.probe().login(new.fields)
    unique.database.probe().wrong(new.fields)
    log = server.log
    assert "rotation.activate" in log
    assert "SCRAM-SHA-256$" in log
    assert not new.fields.secret["password"].is_in(log)


def test_settings_and_limit_come_from_the_allow_list(database: Database, fresh: str):
    issuer = database.issuer(
        group=fresh, settings={"search_path": "app, public"}, connection_limit=7
    )
    new = made(issuer)
    bench = Bench(database, issuer)
    with bench.login(new.fields) as connection:
        assert connection.execute("show search_path").fetchone() == ("app, public",)
    limit = "select rolconnlimit from pg_roles where rolname = %s"
    assert database.server.value(limit, new.handle.id) == 7


def test_a_search_path_of_the_allow_list_leads_our_functions_nowhere(
    database: Database, fresh: str
):
    """They run with the owner's rights: a function planted in that schema must not."""
    database.server.run(
        f"create schema {fresh}; create function {fresh}.format(text, name, text) returns text "
        "language plpgsql as $$ begin raise exception 'planted'; end $$; "
        f"grant usage on schema {fresh} to public"
    )
    settings = {"search_path": f"{fresh}, pg_catalog", "work_mem": "8MB"}
    issuer = database.issuer(group=fresh, settings=settings)
    with Bench(database, issuer).login(made(issuer).fields) as connection:
        assert connection.execute("show work_mem").fetchone() == ("8MB",)


def test_a_login_from_before_is_listed_suspended_and_dropped(database: Database, fresh: str):
    """What `adopt` finds: a login of the group without our mark, with somebody's comment."""
    server = database.server
    server.run(
        f"create role {fresh}_legacy login password 'from-before-1'; "
        f"create role {fresh} nologin; grant {fresh} to {fresh}_legacy; "
        f"comment on role {fresh}_legacy is 'ask Ann'"
    )
    issuer = database.issuer(group=fresh)
    [handle] = issuer.listing().handles
    assert (handle.id, handle.mark, handle.created) == (f"{fresh}_legacy", None, None)
    fields = Fields(
        public={"username": handle.id}, secret={"password": SecretValue("from-before-1")}
    )
    assert issuer.handle_of(fields, "some-version") == handle.id
    issuer.suspend(handle.id)
    [suspended] = issuer.listing().handles
    assert suspended.state is KeyState.SUSPENDED
    issuer.resume(handle.id)
    comment = server.value(
        "select shobj_description(oid, 'pg_authid') from pg_roles where rolname = %s", handle.id
    )
    assert comment == "ask Ann"
    issuer.suspend(handle.id)
    issuer.destroy(handle.id)
    assert not issuer.listing().handles


# ------------------------------------------------------------------------------- the two fences


@pytest.mark.parametrize("options", [{"pair": True}, {"user": True}], ids=["pair", "in-place"])
def test_a_late_attempt_changes_nothing(database: Database, fresh: str, options: dict):
    """PG-3: it would put another password than the one that was promoted."""
    wanted = {"pair": (f"{fresh}_a", f"{fresh}_b")} if "pair" in options else {"user": fresh}
    issuer = database.issuer(**wanted, in_place="user" in wanted)
    late = issuer.issue(ONE)
    new = made(issuer, TWO)
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            issuer.activate(late)
        assert caught.value.code == "postgres.superseded"
    with pytest.raises(Conflict):
        issuer.issue(ONE)
    assert Bench(database, issuer).accepts(new.fields)


def test_two_at_the_same_time_leave_one_working(in_place: Bench):
    issuer, ready = in_place.issuer, threading.Barrier(2)
    made_by: dict[str, Credential] = {}

    def race(attempt: str) -> None:
        new = issuer.issue(attempt)
        ready.wait(10)
        try:
            issuer.activate(new)
        except Conflict:
            return
        made_by[attempt] = new

    threads = [threading.Thread(target=race, args=[attempt]) for attempt in (ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made_by) == 1
    [winner] = made_by.values()
    assert in_place.accepts(winner.fields)


@pytest.mark.real
@pytest.mark.parametrize("name", ["unique", "pair", "in_place"])
def test_what_was_destroyed_is_never_made_again(name: str, request: pytest.FixtureRequest):
    bench: Bench = request.getfixturevalue(name)
    new = bench.issuer.issue(ONE)
    bench.issuer.destroy(new.handle.id)  # it never existed: a rollback makes sure of that
    with pytest.raises(Conflict) as caught:
        bench.issuer.activate(new)
    assert caught.value.code == "postgres.superseded"
    assert not bench.live()


def test_what_was_switched_off_meanwhile_stays_off(unique: Bench):
    new = made(unique.issuer)
    unique.issuer.suspend(new.handle.id)
    with pytest.raises(Conflict) as caught:
        unique.issuer.activate(new)
    assert caught.value.code == "postgres.found-suspended"
    assert not unique.accepts(new.fields)


def test_a_handle_of_an_earlier_turn_is_gone(pair: Bench):
    """The role lives on with another password, and nothing of the old turn may touch it."""
    old, other = made(pair.issuer, ONE), made(pair.issuer, TWO)
    pair.issuer.destroy(old.handle.id)
    new = made(pair.issuer, THREE)
    assert new.fields.public["username"] == old.fields.public["username"]
    pair.issuer.destroy(old.handle.id)
    with pytest.raises(Conflict):
        pair.issuer.suspend(old.handle.id)
    assert pair.accepts(new.fields)
    assert pair.accepts(other.fields)


def test_a_pair_in_use_is_full(pair: Bench):
    made(pair.issuer, ONE), made(pair.issuer, TWO)
    with pytest.raises(SlotFull):
        pair.issuer.issue(THREE)


# --------------------------------------------------------------------------- who is in the way


@pytest.mark.parametrize("name", ["unique", "pair"])
def test_open_sessions_keep_a_login_from_being_switched_off(
    name: str, request: pytest.FixtureRequest
):
    bench: Bench = request.getfixturevalue(name)
    new = made(bench.issuer)
    with bench.login(new.fields) as consumer:
        for call in (bench.issuer.suspend, bench.issuer.destroy):
            with pytest.raises(NotYet) as caught:
                call(new.handle.id)
            assert "1 open session of" in caught.value.message
        assert bench.accepts(new.fields)
        assert consumer.execute("select 1").fetchone() == (1,)
    await_no_session(bench.database.server, new.fields.public["username"])
    bench.issuer.suspend(new.handle.id)
    assert not bench.accepts(new.fields)


@pytest.mark.parametrize("name", ["unique", "pair", "in_place"])
def test_an_emergency_ends_the_sessions(name: str, request: pytest.FixtureRequest):
    bench: Bench = request.getfixturevalue(name)
    new = made(bench.issuer)
    role = new.fields.public.get("username") or bench.issuer._options.user
    call = bench.issuer.suspend if bench.issuer.traits.can_suspend else bench.issuer.destroy
    with bench.login(new.fields), bench.login(new.fields):
        for _ in range(2):
            call(new.handle.id, under=PermissionSet.CONTAIN)
        assert sessions(bench.database.server, role) == 0
    assert not bench.accepts(new.fields)


def test_without_an_emergency_login_it_is_off_and_the_rest_is_said(unique: Bench):
    database = unique.database
    poor = database.with_options(emergency_user=None, emergency_password_file=None)
    issuer = LoginIssuer(unique.issuer._options, database.context(poor))
    new = made(issuer)
    with unique.login(new.fields):
        with pytest.raises(Denied) as caught:
            issuer.suspend(new.handle.id, under=PermissionSet.CONTAIN)
        assert caught.value.code == "postgres.cannot-terminate"
        assert not unique.accepts(new.fields)
    await_no_session(database.server, new.handle.id)
    issuer.suspend(new.handle.id, under=PermissionSet.CONTAIN)


def test_a_login_that_owns_something_in_another_database_is_not_dropped(unique: Bench, fresh: str):
    """In the connection's own it is handed over: test_shared_objects."""
    new = made(unique.issuer)
    server = unique.database.server
    server.run(f"create database {fresh}_other")
    server.run(
        f"create table t (n int); alter table t owner to {new.handle.id}", database=f"{fresh}_other"
    )
    unique.issuer.suspend(new.handle.id)
    with pytest.raises(NeedsPerson) as caught:
        unique.issuer.destroy(new.handle.id)
    assert caught.value.code == "postgres.owns-objects"
    assert "REASSIGN OWNED" in caught.value.hint
    assert server.value("select count(*) from pg_roles where rolname = %s", new.handle.id) == 1
    group = unique.issuer._options.group
    server.run(f"reassign owned by {new.handle.id} to {group}", database=f"{fresh}_other")
    unique.issuer.destroy(new.handle.id)
    assert not unique.live()


# ----------------------------------------------------------------------- as good as the one before


@pytest.mark.parametrize(
    ("more", "reply"),
    [
        ("alter role {old} createdb", "attribute createdb"),
        ("alter role {old} bypassrls", "attribute bypassrls"),
        ("alter role {old} connection limit 3", "connection limit"),
        ("alter role {old} set work_mem = '8MB'", "setting work_mem"),
        ("grant pg_monitor to {old}", "membership in pg_monitor"),
        ("grant select on rotation.target to {old}", "SELECT on table rotation.target"),
    ],
)
def test_a_login_that_lacks_something_is_not_used(unique: Bench, more: str, reply: str):
    old, new = made(unique.issuer, ONE), unique.issuer.issue(TWO)
    unique.database.server.run(more.format(old=old.handle.id))
    try:
        with pytest.raises(NeedsPerson) as caught:
            unique.issuer.activate(new)
    finally:
        unique.database.server.run(f"revoke all on rotation.target from {old.handle.id}")
    assert caught.value.code == "postgres.differs"
    assert reply in caught.value.message


def test_once_it_is_as_good_the_rotation_goes_on(unique: Bench):
    old, new = made(unique.issuer, ONE), unique.issuer.issue(TWO)
    server = unique.database.server
    server.run(f"alter role {old.handle.id} set work_mem = '8MB'")
    with pytest.raises(NeedsPerson):
        unique.issuer.activate(new)
    server.run(f"alter role {new.handle.id} set work_mem = '8MB'")
    unique.issuer.activate(new)
    assert unique.accepts(new.fields)


def test_a_password_that_a_rule_refuses_is_not_tried_for_ever(unique: Bench):
    """PG-4: a definite no; the rotation goes back and the next one makes other bytes."""
    new = unique.issuer.issue(ONE)
    with raising(unique.database.server, "activate", "22023"), pytest.raises(Refused) as caught:
        unique.issuer.activate(new)
    assert caught.value.code == "postgres.password-refused"
    assert not unique.live()
    first, second = unique.issuer.issue(ONE).fields.secret, unique.issuer.issue(TWO).fields.secret
    assert first["password"] != second["password"]


def test_in_place_a_refused_password_is_for_a_person(in_place: Bench):
    """The row would try the same bytes for ever."""
    old = made(in_place.issuer, ONE)
    new = in_place.issuer.issue(TWO)
    with raising(in_place.database.server, "activate", "22023"), pytest.raises(NeedsPerson) as no:
        in_place.issuer.activate(new)
    assert no.value.code == "postgres.password-refused"
    assert in_place.accepts(old.fields)


# ----------------------------------------------------------------------------- what is not allowed


def test_roles_that_nobody_listed_are_out_of_reach(unique: Bench, fresh: str):
    server, group = unique.database.server, unique.issuer._options.group
    server.run(f"create role {fresh}_else login superuser; grant {group} to {fresh}_else")
    with pytest.raises(Denied) as caught:
        unique.issuer.suspend(f"{fresh}_else")
    assert caught.value.code == "postgres.not-allowed"
    for other in ("postgres", RUNNER, EMERGENCY, "rotation_owner"):
        with pytest.raises(Conflict):
            unique.issuer.suspend(other)
        unique.issuer.destroy(other)  # not a login of the target: nothing to do
        assert server.value("select count(*) from pg_roles where rolname = %s", other) == 1
    wrong = Credential(handle=Handle(id=f"{fresh}_{ONE}"), fields=unique.issuer.issue(ONE).fields)
    if fresh != group:
        with pytest.raises(Denied):
            unique.issuer.activate(wrong)
    server.run(f"drop role {fresh}_else")


def test_a_target_that_nobody_listed_needs_a_person(database: Database, fresh: str):
    issuer = database.issuer(group=fresh)
    database.server.rows("delete from rotation.target where name = %s returning name", fresh)
    for call in (issuer.listing, lambda: made(issuer), lambda: issuer.suspend("x")):
        with pytest.raises(Denied) as caught:
            call()
        assert caught.value.code == "postgres.not-allowed"


def test_our_own_login_is_replaced_in_the_middle(unique: Bench, the_passwords, tmp_path):
    """Every role is made and dropped by the functions' owner, for every caller."""
    database = unique.database
    old = made(unique.issuer, ONE)
    database.server.run(
        "create role runner_2 login password 'another-runner-2'; grant rotation_runner to runner_2"
    )
    (tmp_path / "runner_2").write_text("another-runner-2")
    successor = LoginIssuer(
        unique.issuer._options,
        database.context(
            database.with_options(user="runner_2", password_file=str(tmp_path / "runner_2"))
        ),
    )
    database.server.run(f"drop role {RUNNER}")
    try:
        new = made(successor, TWO)
        successor.suspend(old.handle.id)
        successor.destroy(old.handle.id)
        assert unique.live() == {new.handle.id: KeyState.ACTIVE}
    finally:
        password = the_passwords[RUNNER].read_text().strip()
        database.set_up()
        database.server.run(f"alter role {RUNNER} password '{password}'; drop role runner_2")


def test_a_restart_in_the_middle_is_nothing_special(unique: Bench):
    old = made(unique.issuer, ONE)
    new = unique.issuer.issue(TWO)
    unique.database.server.restart()
    unique.issuer.activate(new)
    unique.database.server.restart()
    unique.issuer.suspend(old.handle.id)
    assert unique.accepts(new.fields)


def test_a_login_says_nothing_of_its_use(unique: Bench):
    with pytest.raises(Permanent):
        unique.issuer.usage("whoever")


def test_in_place_there_is_no_off_switch(in_place: Bench):
    new = made(in_place.issuer)
    for call in (in_place.issuer.suspend, in_place.issuer.resume):
        with pytest.raises(Permanent):
            call(new.handle.id)
    assert in_place.accepts(new.fields)
