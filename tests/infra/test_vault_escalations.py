"""Nobody widens themselves: a real Vault grants nothing of the list, to any token of ours."""

from collections.abc import Iterator

import pytest

from providers.vault.testing.server import Refused
from rotation.types import PermissionSet
from tests.infra import vault_escalations
from tests.infra.vault_calls import RULE
from tests.infra.vault_story import Installation, installed

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("escalations")) as made:
        for name in ("billing-token", "billing-login"):
            made.begin(name)
        yield made


def test_nothing_on_the_list_is_granted_to_anybody(made: Installation) -> None:
    asked = list(vault_escalations.asked(made))
    assert [(who, each) for who, each, granted in asked if granted] == []
    assert len(asked) > 1000


def test_the_list_reaches_who_may(made: Installation) -> None:
    """As root each of them is let through: what is refused is refused by the policies."""
    root = made.server.root
    for what in ({"policies": ["x"]}, {"disabled": False, "policies": []}):
        each = vault_escalations.Try("an entity", "POST", "identity/entity/name/some", what)
        assert vault_escalations.is_granted(made, root, each)


@pytest.mark.parametrize("under", list(PermissionSet))
def test_no_token_of_a_set_outlives_its_15_minutes(made: Installation, under: str) -> None:
    """Whatever life is asked for; and it makes no other, and is not renewed."""
    login = made.operator if under == PermissionSet.CLAIM else made.log_in()
    path = f"auth/token/create/{made.roles[under]}"
    reply = made.server.api("POST", path, {"ttl": "768h"}, token=login)["auth"]
    assert reply["token_type"] == "service"
    assert reply["lease_duration"] <= 900
    assert not reply["renewable"]
    token = reply["client_token"]
    assert not made.server.api("GET", "auth/token/lookup-self", token=token)["data"]["orphan"]
    role = made.server.api("GET", f"auth/token/roles/{made.roles[under]}")["data"]
    assert (role["token_explicit_max_ttl"], role["token_period"]) == (900, 0)
    with pytest.raises(Refused):
        made.server.api("POST", "auth/token/renew-self", {"increment": "768h"}, token=token)


def test_an_emergency_switches_off_its_own_entity_and_no_other(made: Installation) -> None:
    named = {
        path.removeprefix("identity/entity/id/")
        for path, _ in RULE.findall(made.policy("contain"))
        if path.startswith("identity/entity/")
    }
    ours = {
        made.server.api("GET", f"identity/entity/id/{each}")["data"]["name"]: each for each in named
    }
    prefix = f"rotation-{made.installation}-approle"
    assert set(ours) == {f"{prefix}-billing", f"{prefix}-orders"}
    value = made.value("billing-login")
    login = made.server.api("POST", "auth/approle/login", value, token="")["auth"]
    assert login["entity_id"] == ours[f"{prefix}-billing"]
    token = made.token_of("contain")
    off = {"disabled": True, "metadata": {"rotation-contained": "a drill"}}
    for each in made.server.api("LIST", "identity/entity/id")["data"]["keys"]:
        if each not in named:
            with pytest.raises(Refused, match="403"):
                made.server.api("POST", f"identity/entity/id/{each}", off, token=token)
    for disabled in (True, False):
        body = {"disabled": disabled, "metadata": {}}
        made.server.api("POST", f"identity/entity/id/{min(named)}", body, token=token)
