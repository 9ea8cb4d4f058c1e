"""`pulumi preview` and `pulumi up` as a person types them: the real engine, a real Vault, and rotations
between one `up` and the next. Where the provider's plugin is missing, a stand-in makes its calls."""

import json
import re

import pytest

from tests.infra.engine import STACK
from tests.infra.vault_engine import MISSING, Team, login, team, token

__all__ = ["team"]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(1800),
]

LIMITS = ("--policy-pack", "infra/pack")


BOTH = (token, login)


def created(reply: str) -> int:
    return int(re.findall(r"\+ (\d+) (?:to create|created)", reply)[-1])


def test_from_the_first_preview_to_the_last_line(team: Team) -> None:
    engine = team.engine
    previewed = created(engine.preview(*LIMITS))
    assert created(engine.up(*LIMITS)) == previewed > 30
    engine.up("--expect-no-changes", *LIMITS)

    team.takes_over()
    secret_id = team.server.api("POST", "auth/apps/role/shop/secret-id", {})["data"]["secret_id"]
    role_id = team.server.api("GET", "auth/apps/role/shop/role-id")["data"]["role_id"]
    by_hand = {"data": {"role_id": role_id, "secret_id": secret_id}, "options": {"cas": 0}}
    team.server.api("POST", "teams/web/data/shop/login", by_hand)
    team.writes(token(), login(), login="operator")
    team.rotation("create", "cart-token", "--wait")
    team.rotation("adopt", "shop-login", "-y")
    team.writes(token(), login())
    values = {text for path in ("cart/token", "shop/login") for text in team.value(path).values()}
    team.rotation("rotate", "cart-token", "shop-login", "--wait")
    engine.up("--expect-no-changes", *LIMITS)

    values |= {text for path in ("cart/token", "shop/login") for text in team.value(path).values()}
    values -= {role_id}  # public
    given = (team.directory / "secret-id").read_text()
    state = engine.state
    assert not [text for text in (*values, given, team.server.root) if text in state]


@pytest.mark.parametrize("goes", ["cart-token", "shop-login"])
def test_a_secret_leaves_by_retire_alone(team: Team, goes: str) -> None:
    engine = team.engine
    engine.up()
    left = [each for each in (token(), login()) if f"id: {goes}" not in each]
    retired = [each() if f"id: {goes}" not in each() else each("state: retired") for each in BOTH]
    team.writes(*left)
    assert re.search(f"{goes}.*cannot be deleted", engine.preview(fails=True))
    team.writes(*retired)
    engine.up()
    team.writes(*left)
    engine.up()
    assert "teams/web/" in team.server.api("GET", "sys/mounts")["data"]


def test_so_does_the_last(team: Team) -> None:
    engine = team.engine
    engine.up()
    team.writes(*(each("state: retired") for each in BOTH))
    engine.up()
    team.writes("  []\n")
    engine.up()
    engine.up("--expect-no-changes")
    assert "teams/web/" in team.server.api("GET", "sys/mounts")["data"]


def test_a_new_name_replaces_nothing(team: Team) -> None:
    engine = team.engine
    engine.up()
    renamed = [token().replace("id: cart-token", "id: basket-token\n    was: cart-token")]
    renamed += [login().replace("id: shop-login", "id: market-login\n    was: shop-login")]
    team.writes(*renamed)
    engine.up("--expect-no-changes")


def test_what_exists_is_taken_in_as_it_is(team: Team) -> None:
    mount = {"type": "kv", "options": {"version": "2"}, "description": "made by hand"}
    team.server.api("POST", "sys/mounts/teams/web", mount)
    team.engine.does("config", "set", "--path", "adopt[0]", "teams/web", "--stack", STACK)
    team.engine.up()
    team.engine.up("--expect-no-changes")
    there = team.server.api("GET", "sys/mounts")["data"]["teams/web/"]
    assert there["description"] == "made by hand"


def test_a_mount_that_is_there_is_never_half_an_apply(team: Team) -> None:
    team.server.api("POST", "sys/mounts/teams/web", {"type": "kv", "options": {"version": "2"}})
    reply = team.engine.up(fails=True)
    assert "mount teams/web exists already" in reply
    assert "made by rotation" not in json.dumps(team.server.api("GET", "sys/mounts"))


MOMENTS = {
    "vault:index/mount:|vault:index/a|vault:identity/entity:": "vault:identity/entity:Entity",
    "vault:identity/entityAlias:": "vault:identity/entityAlias:EntityAlias",
}
"""What is being made when a run dies -> one of those that have to be taken in."""


@pytest.mark.parametrize("during", MOMENTS)
def test_a_run_that_was_killed_goes_on(team: Team, during: str) -> None:
    engine = team.engine
    team.server.mount_kv("theirs")
    theirs = team.server.api("GET", "sys/mounts")["data"]["theirs/"]
    engine.killed(during)
    assert f"taken in: {MOMENTS[during]}" in engine.goes_on()
    engine.up()
    engine.up("--expect-no-changes")
    assert team.server.api("GET", "sys/mounts")["data"]["theirs/"] == theirs
