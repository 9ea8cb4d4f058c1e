"""Keys that are made of the credential: rotated with it in both stores, and never left stale."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from rotation.machine.decide import Close, Held
from rotation.plan import PLANS, Step
from rotation.types import PermissionSet
from tests.matrix.samples import sample
from tests.matrix.services import STORES, Services
from tests.matrix.world import Pair, PairStory, story
from tests.support import stories
from tests.support.crash import STREAM

URL = "postgresql://{username}:{password}@{host}/{db}"


@pytest.fixture
def pair(services: Services, store: str) -> Pair:
    return services.pair("postgres-login, pair", store)


def url_of(pair: Pair, services: Services) -> dict[str, str]:
    """What a person wrote beside the credential, by hand."""
    value = pair.store.read()
    server = services.database.server
    at = f"{server.host}:{server.port}"
    url = f"postgresql://{value['username']}:{value['password']}@{at}/postgres"
    return {"host": at, "db": "postgres", "url": url}


def with_url(
    pair: Pair, services: Services, directory: Path, name: str, kill_at: int | None = None
) -> PairStory:
    one = story(pair, directory, name, None)
    pair.store.edit(url_of(pair, services))
    pair.composed = {"url": URL}
    one.spec = pair.specification()
    one.boundaries.kill_at = frozenset() if kill_at is None else frozenset({kill_at})
    return one


def logs_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("ending", ["rotated", "rolled back"])
def test_a_url_follows_its_login(
    pair: Pair, services: Services, fresh_name: Callable[[], str], tmp_path: Path, ending: str
) -> None:
    tell = stories.routine if ending == "rotated" else stories.rollback_after("suspend")

    def reply(kill_at: int | None) -> PairStory:
        one = with_url(pair, services, tmp_path / f"{kill_at}", fresh_name(), kill_at)
        with pair.tapped(), one.journal:
            assert isinstance(tell(one), Close)
            assert one.violations() == []
        value = pair.store.read()
        assert value["url"] == URL.format(**value)
        assert logs_in(value["url"])
        bound = pair.adapters()
        current = bound.store.state().current
        handed = bound.store.read(current, under=PermissionSet.DELIVER)
        assert handed.composed["url"].reveal() == value["url"]
        return one

    names = reply(None).boundaries.names
    for number in sample(f"composed {ending}", len(names)):
        reply(number)


@pytest.mark.parametrize("store", STORES)
def test_a_copy_that_nobody_rotates_is_named_before_anything_is_made(
    pair: Pair, services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    one = with_url(pair, services, tmp_path / "one", fresh_name())
    pair.composed = {}
    one.spec = replace(one.spec, composed={})
    with pair.tapped(), one.journal:
        stories.without_faults(one, stories.adopt)
        assert one.rotation().state("inspect").facts["stale"] == ["url"]
        before, live = pair.store.read(), pair.live()
        stories.open_plan(one, "routine")
        action = one.drive()
        assert isinstance(action, Held)
        assert action.code == "held.stale-copy"
        assert "under url as well" in str(one.rotation().state("issue").message)
        assert (pair.store.read(), pair.live()) == (before, live)
        stories.request(one, "abandon")
        assert isinstance(one.drive(), Close)
        pair.composed = {"url": URL}
        one.spec = pair.specification()
        one.runner().open(STREAM, PLANS["routine"], one.spec, trigger="test")
        assert isinstance(one.drive(), Close)
        assert one.violations() == []
    assert logs_in(pair.store.read()["url"])


@pytest.mark.parametrize("store", STORES)
def test_one_that_a_person_accepts_is_left(
    pair: Pair, services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    one = with_url(pair, services, tmp_path / "one", fresh_name())
    url = pair.store.read()["url"]
    pair.composed, pair.accept_stale = {}, ("url",)
    one.spec = pair.specification()
    with pair.tapped(), one.journal:
        assert isinstance(stories.routine(one), Close)
        assert one.violations() == []
    assert pair.store.read()["url"] == url


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("plan", ["adopt", "routine"])
def test_what_is_not_made_by_its_template_is_refused(
    pair: Pair, services: Services, fresh_name: Callable[[], str], tmp_path: Path, plan: str
) -> None:
    one = with_url(pair, services, tmp_path / "one", fresh_name())
    right = one.spec
    wrong = replace(one.spec, composed={"url": "postgresql://{username}:{password}@elsewhere/{db}"})
    with pair.tapped(), one.journal:
        if plan == "routine":
            stories.without_faults(one, stories.adopt)
        one.spec, pair.composed = wrong, wrong.composed
        live = pair.live()
        stories.open_plan(one, plan)
        action = one.drive()
        assert isinstance(action, Held)
        assert action.code == "held.composed-differs"
        assert pair.live() == live
        stories.request(one, "abandon")
        one.drive()
        one.spec, pair.composed = right, right.composed
        one.runner().open(STREAM, PLANS[plan], one.spec, trigger="test")
        assert isinstance(one.drive(), Close)
        assert one.violations() == []


# ----------------------------------------------------------------- parts that nobody has any more


@pytest.mark.parametrize("store", STORES)
def test_parts_that_were_lost_with_the_value_are_asked_for_before_anything_is_made(
    pair: Pair, services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    one = with_url(pair, services, tmp_path / "one", fresh_name())
    parts = {name: url_of(pair, services)[name] for name in ("host", "db")}
    with pair.tapped(), one.journal:
        stories.without_faults(one, stories.adopt)
        pair.emergency, live = True, pair.live()
        pair.store.lose()
        stories.open_replacement(one)
        action = one.drive()
        assert isinstance(action, Held)
        assert "db, host" in str(one.rotation().state(Step.FIND_DEAD).message)
        assert not one.rotation().intended(Step.ISSUE)
        assert pair.live() == live
        pair.store.write(parts)
        stories.request(one, "resume")
        assert isinstance(one.drive(), Close)
        pair.emergency = False
        assert one.violations() == []
    value = pair.store.read()
    assert value["url"] == URL.format(**value)
    assert logs_in(value["url"])


@pytest.mark.parametrize("store", STORES)
def test_the_first_one_beside_the_keys_of_others(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path, store: str
) -> None:
    """Never adopted: the secret has the other parts, and no credential yet."""
    pair = services.pair("postgres-login, unique", store)
    one = with_url(pair, services, tmp_path / "one", fresh_name())
    parts = {name: url_of(pair, services)[name] for name in ("host", "db")}
    with pair.tapped(), one.journal:
        pair.emergency = True
        pair.issuer.end(pair.store.read())
        pair.store.write(parts)
        one.runner().open_replacement(STREAM, one.spec, trigger="person", who="on-call")
        assert isinstance(one.drive(), Close)
        pair.emergency = False
        assert one.violations() == []
    value = pair.store.read()
    assert {name: value[name] for name in parts} == parts
    assert logs_in(value["url"])
