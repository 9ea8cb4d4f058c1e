"""What a preview asks of Vault, asked by the real engine and the real provider."""

import pytest

from tests.infra.engine import COMMAND, MISSING, STACK
from tests.infra.test_engine import Team, team

__all__ = ["team"]
pytestmark = [
    pytest.mark.skipif(COMMAND is None, reason=MISSING),
    pytest.mark.timeout(900),
]
OTHER = "11111111-1111-1111-1111-111111111111"


def test_another_cluster_is_named_and_nothing_is_previewed(team: Team) -> None:
    file = team.directory / "rotation.yaml"
    file.write_text(file.read_text().replace(team.server.cluster, OTHER))
    told = team.engine.preview(fails=True)
    assert f"connection safe is cluster {OTHER}" in told
    assert f"is cluster {team.server.cluster}" in told
    assert "Traceback" not in told


def test_an_app_role_that_is_there_is_not_written_over(team: Team) -> None:
    team.server.api("POST", "sys/auth/apps", {"type": "approle"})
    team.engine.does("config", "set", "--path", "adopt[0]", "auth/apps", "--stack", STACK)
    # A mount without a role, which the provider takes for an error.
    assert "to create" in team.engine.preview()
    role = "auth/apps/role/shop"
    team.server.api("POST", role, {"token_policies": ["theirs"]})
    told = team.engine.preview(fails=True)
    assert "AppRole shop at auth/apps exists already: shop-login in rotation:adopt" in told
    team.engine.does("config", "set", "--path", "adopt[1]", "shop-login", "--stack", STACK)
    team.engine.up()
    assert team.server.api("GET", role)["data"]["token_policies"] == ["theirs"]
    team.engine.up("--expect-no-changes")
