"""What a preview asks of Vault and what `up` needs there, with the real engine."""

import re

import pytest

from infra.settings import ROOT
from tests.infra.engine import STACK, missing
from tests.infra.vault_engine import MISSING, Team, login, team, token

__all__ = ["team"]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(900),
]
OTHER = "11111111-1111-1111-1111-111111111111"


def test_another_cluster_is_named_and_nothing_is_previewed(team: Team) -> None:
    file = team.directory / "rotation.yaml"
    file.write_text(file.read_text().replace(team.server.cluster, OTHER))
    reply = team.engine.preview(fails=True)
    assert f"connection safe is cluster {OTHER}" in reply
    assert f"is cluster {team.server.cluster}" in reply
    assert "Traceback" not in reply


def test_an_app_role_that_is_there_is_not_written_over(team: Team) -> None:
    team.server.api("POST", "sys/auth/apps", {"type": "approle"})
    team.engine.does("config", "set", "--path", "adopt[0]", "auth/apps", "--stack", STACK)
    # A mount without a role, which the provider takes for an error.
    assert "to create" in team.engine.preview()
    role = "auth/apps/role/shop"
    team.server.api("POST", role, {"token_policies": ["theirs"]})
    reply = team.engine.preview(fails=True)
    assert "AppRole shop at auth/apps exists already: shop-login in rotation:adopt" in reply
    team.engine.does("config", "set", "--path", "adopt[1]", "shop-login", "--stack", STACK)
    assert "log in with the role once" in team.engine.preview(fails=True)
    logged_in(team)
    team.engine.up()
    assert team.server.api("GET", role)["data"]["token_policies"] == ["theirs"]
    team.engine.up("--expect-no-changes")


def logged_in(team: Team) -> None:
    """Then Vault knows an entity of the role."""
    role, api = "auth/apps/role/shop", team.server.api
    role_id = api("GET", f"{role}/role-id")["data"]["role_id"]
    secret_id = api("POST", f"{role}/secret-id", {})["data"]["secret_id"]
    api("POST", "auth/apps/login", {"role_id": role_id, "secret_id": secret_id})


@pytest.mark.skipif(bool(missing("vault")), reason=missing("vault"))
def test_the_rights_that_the_documents_name_are_enough(team: Team) -> None:
    """For the first `up`, one that looks at everything again, and the end of a secret."""
    [policy] = re.findall("```hcl\n(.*?)```", (ROOT / "docs/infra.md").read_text(), re.DOTALL)
    text = policy.replace("/apps", "/teams/web").replace('"apps', '"teams/web')
    team.server.api("PUT", "sys/policies/acl/deployer", {"policy": text})
    person = team.server.token("deployer", no_default_policy=False)
    team.engine._surroundings["VAULT_TOKEN"] = person
    team.engine.up()
    team.engine.up("--refresh", "--expect-no-changes")
    team.writes(token(), login("state: retired"))
    team.engine.up()
    team.writes(token())
    team.engine.up()
    left = team.server.api("LIST", "sys/policies/acl")["data"]["keys"]
    assert not [each for each in left if each.endswith(("-consumer", "-read-shop-staging"))]
