"""A rotation that a difference stopped: every way out that is printed leads out, on a real server."""

import pytest

from rotation.machine.decide import Wait
from rotation.machine.replay import Outcome
from tests.support.postgres_scene import (
    BOTH,
    STREAM,
    Scene,
    ask,
    check,
    held,
    opened,
    run,
    scene,
    strict,
)

__all__ = ["scene", "strict"]

PAIR = [BOTH[1]]


# What a person did, how it is called, and how it is put right.
TROUBLES = [
    ("alter role {b} connection limit 1", "postgres.differs", "alter role {b} connection limit -1"),
    ("alter role {b} valid until '2020-01-01'", "postgres.role-ends",
     "alter role {b} valid until 'infinity'"),
]  # fmt: skip


@pytest.mark.parametrize("scene", PAIR, indirect=True)
@pytest.mark.parametrize(("sql", "code", "fix"), TROUBLES, ids=["differs", "ends"])
def test_resume_leads_out_once_it_is_put_right(scene: Scene, sql: str, code: str, fix: str):
    scene.does("adopt")
    _, spare = scene.logins.options.pair
    run(scene, sql.format(b=spare))
    opened(scene)
    assert held(scene) == ("issue", code)
    ask(scene, "resume")
    assert held(scene) == ("issue", code)
    run(scene, fix.format(b=spare))
    ask(scene, "resume")
    check(scene, [scene.to_the_end()])


@pytest.mark.parametrize("scene", PAIR, indirect=True)
@pytest.mark.parametrize(("sql", "code", "fix"), TROUBLES, ids=["differs", "ends"])
def test_the_way_back_leads_back(scene: Scene, sql: str, code: str, fix: str):
    scene.does("adopt")
    before, (first, spare) = scene.store.read(), scene.logins.options.pair
    run(scene, sql.format(b=spare))
    opened(scene)
    assert held(scene) == ("issue", code)
    ask(scene, "rollback")
    assert scene.to_the_end().outcome == Outcome.ROLLED_BACK
    assert scene.store.read() == before
    assert scene.logins.lets_in(before)
    assert scene.logins.live() == {first}
    run(scene, fix.format(b=spare))
    check(scene, [scene.does("routine")])


@pytest.mark.parametrize("scene", PAIR, indirect=True)
def test_what_was_made_in_the_overlap_of_a_pair_holds_it_while_both_work(scene: Scene):
    scene.does("adopt")
    before = scene.store.read()
    made_late(scene, before)
    assert held(scene) == ("suspend", "postgres.left-behind")
    assert scene.logins.lets_in(before)
    assert scene.logins.lets_in(scene.store.read())
    run(scene, f"reassign owned by {before['username']} to {keeper(scene)}")
    ask(scene, "resume")
    check(scene, [scene.to_the_end()])


@pytest.mark.parametrize("scene", BOTH[:1], indirect=True)
def test_of_a_group_it_holds_nobody(scene: Scene):
    scene.does("adopt")
    before = scene.store.read()
    made_late(scene, before)
    check(scene, [scene.to_the_end(), scene.does("routine")])
    server = scene.logins._database.server
    owner = "select pg_get_userbyid(relowner) from pg_class where relname = %s"
    assert server.value(owner, f"{before['username']}_late") == scene.logins.options.group


@pytest.mark.parametrize("scene", PAIR, indirect=True)
def test_it_may_be_rolled_back_as_well(scene: Scene):
    scene.does("adopt")
    before = scene.store.read()
    made_late(scene, before)
    held(scene)
    ask(scene, "rollback")
    assert scene.to_the_end().outcome == Outcome.ROLLED_BACK
    assert scene.store.read() == before
    assert scene.logins.lets_in(before)
    assert scene.logins.live() == {before["username"]}


def made_late(scene: Scene, before: dict[str, str]) -> None:
    """By the application's old process, after readers got the new value."""
    opened(scene)
    while scene.store.read() == before:
        assert isinstance(scene.runner.advance(STREAM), Wait)
    owner = before["username"]
    run(scene, f"create table {owner}_late (n int); alter table {owner}_late owner to {owner}")


def keeper(scene: Scene) -> str:
    """A group that both are members of by now."""
    first, spare = scene.logins.options.pair
    run(scene, f"create role {first}_owners in role pg_monitor")
    run(scene, f"grant {first}_owners to {first}, {spare}")
    return f"{first}_owners"
