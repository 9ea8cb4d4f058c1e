"""The AWS half as a person brings it up: the real engine, a stand-in for the provider's plugin, and
rotations between one `up` and the next under the roles that it made."""

import re

import pytest

from tests.infra.account import as_file, denied
from tests.infra.aws_engine import MISSING, NAMES, Team, evaluator, team

__all__ = ["evaluator", "team"]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(1800),
]

LIMITS = ("--policy-pack", "infra/pack")


def count(reply: str, what: str) -> int:
    found = re.findall(rf"(\d+) (?:to )?{what}", reply)
    return int(found[-1]) if found else 0


def test_rotations_between_one_up_and_the_next(team: Team) -> None:
    engine, own = team.engine, team.own
    before = team.account.things()
    previewed = count(engine.preview(*LIMITS), "create")
    assert team.account.things() == before
    assert count(engine.up(*LIMITS), "created") == previewed > 100
    made = team.account.things()
    engine.up("--expect-no-changes", *LIMITS)
    assert team.account.things() == made

    team.takes_over()
    own.be("engineer")
    for name in NAMES:
        own.rotation("create", name, "--wait")
    values = team.values
    own.be("runner")
    own.rotation("rotate", *NAMES, "--wait")
    assert not list(denied(own.guard.asked))
    engine.up("--expect-no-changes")
    engine.up("--refresh", "--expect-no-changes")

    values |= team.values
    assert len(values) > 3
    assert not [text for text in values if text in engine.state]


def test_a_new_name_replaces_nothing(team: Team) -> None:
    team.engine.up()
    made = team.account.things()
    file = team.own.directory / "rotation.yaml"
    renamed = "id: invoices-iam\n    was: billing-iam"
    as_file(file.parent, file.name, file.read_text().replace("id: billing-iam", renamed))
    reply = team.engine.up()
    assert (count(reply, "created"), count(reply, "deleted"), count(reply, "replaced")) == (0, 0, 0)
    now = team.account.things()
    assert now.keys() == made.keys()
    changed = {name.split(":")[5] for name, each in now.items() if each != made[name]}
    assert changed == {"user/rotated/billing", "secret"}
    team.engine.up("--expect-no-changes")


def test_a_secret_leaves_by_retire_alone_and_so_does_the_last(team: Team) -> None:
    engine, retired = team.engine, "state: retired"
    engine.up()
    team.writes(second="")
    engine.does("config", "rm", "readers", "--stack", engine.stack)
    assert re.search("billing-iam.*cannot be deleted", engine.preview(fails=True))
    team.writes(first=retired, second="")
    engine.up()
    team.writes(second="")
    engine.up()
    team.writes(second=retired)
    engine.up()
    team.writes()
    engine.up()
    engine.up("--expect-no-changes")
    left = [name for name in team.account.things() if team.own.installation in name]
    assert left  # the key, the trail
    assert not [name for name in left if ":events:" in name]


def test_a_key_of_ones_own_passes_the_pack(team: Team) -> None:
    own = team.account.client("kms").create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    file = team.own.directory / "rotation.yaml"
    given = file.read_text().replace("    settle:", f"    kms_key: {own}\n    settle:")
    as_file(file.parent, file.name, given)
    team.engine.up(*LIMITS)
    team.engine.up("--expect-no-changes", *LIMITS)
    for name in NAMES.values():
        reply = team.account.client("secretsmanager").describe_secret(SecretId=name)
        assert reply["KmsKeyId"] == own


def test_what_exists_is_taken_in_as_it_is(team: Team) -> None:
    secrets, iam = team.account.client("secretsmanager"), team.account.client("iam")
    secrets.create_secret(Name="prod/billing/iam", Tags=[{"Key": "team", "Value": "billing"}])
    iam.create_user(UserName="billing", Path="/rotated/")
    theirs = team.account.things()
    assert "prod/billing/iam exists already" in team.engine.preview(fails=True)
    team.engine.does("config", "set", "--path", "adopt[0]", "billing-iam", "--stack", "engine")
    reply = team.engine.up(*LIMITS)
    assert count(reply, "imported") == 2
    assert "adopted without a boundary of its own" in reply
    team.engine.up("--expect-no-changes", *LIMITS)
    now = team.account.things()
    assert {name: now[name] for name in theirs if "billing" in name} == {
        name: reply for name, reply in theirs.items() if "billing" in name
    }
