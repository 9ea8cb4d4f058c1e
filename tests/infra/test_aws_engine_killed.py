"""`kill -9` of a real `pulumi up` at several moments, and the way on that the documents tell."""

import pytest

from tests.infra.aws_engine import MISSING, Team, evaluator, team
from tests.infra.engine import PROJECT
from tests.infra.whole import Things

__all__ = ["evaluator", "team"]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(1800),
]

MOMENTS = {
    "aws:kms/key:|aws:iam/policy:|aws:s3/bucket:": "aws:kms/key:Key",
    "aws:kms/replicaKey:|aws:kms/alias:": "aws:kms/replicaKey:ReplicaKey",
    "aws:secretsmanager/|aws:iam/user:|aws:cloudtrail/": "aws:secretsmanager/secret:Secret",
    "aws:iam/role:": "aws:iam/role:Role",
}
"""What is being made when a run dies: what it was told of these, nobody notes. -> one of those that the
next `up` would make again, or be refused."""


@pytest.mark.parametrize("during", MOMENTS)
def test_a_run_that_was_killed_goes_on(team: Team, during: str) -> None:
    engine = team.engine
    without_alarms(team)
    team.account.client("iam").create_user(UserName="theirs")
    theirs = others(team)
    engine.killed(during)
    assert f"taken in: {MOMENTS[during]}" in engine.goes_on()
    engine.up()
    engine.up("--expect-no-changes")
    assert others(team) == theirs
    keys = [name for name in team.account.things() if name.startswith("eu-central-1 arn:aws:kms")]
    assert len(keys) == 1


def others(team: Team) -> Things:
    return {name: reply for name, reply in team.account.things().items() if "theirs" in name}


def without_alarms(team: Team) -> None:
    """They are most of the stack, and are written over."""
    file = team.engine.directory / f"Pulumi.{team.engine.stack}.yaml"
    file.write_text(file.read_text().replace("config:\n", f"config:\n  {PROJECT}:alarms: false\n"))
