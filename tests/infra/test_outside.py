"""What an organisation brings along: its tags, its boundary, its own watch, its regions."""

import json
from pathlib import Path

import pulumi
import pytest

from tests.infra.settings import ACCOUNT, AWS, IAM, secret, written
from tests.infra.stack import Cloud, arguments_of, sdk, up
from tests.infra.test_pack import complaints

BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/organisation"


def refused(file: Path, **settings: str) -> str:
    with pytest.raises(pulumi.RunError) as error:
        up(file, {**AWS, **settings}, cloud := Cloud())
    assert set(cloud.made) <= {"pulumi:providers:aws"}
    return str(error.value)


def test_tags_are_on_everything_that_takes_some(tmp_path: Path) -> None:
    stack = up(written(tmp_path, secret()), {**AWS, "tags": '["team=platform", "cost=a=b"]'})
    taking = [
        each
        for each in stack.resources
        if each.token.startswith("aws:")
        and "tags" in sdk.input_type_types(arguments_of(each.token))
    ]
    assert len(taking) > 30
    for each in taking:
        tags = each.inputs["tags"]
        assert (tags["team"], tags["cost"]) == ("platform", "a=b"), each.name
        assert tags["rotation:stack"] == "rotation/prod"


@pytest.mark.parametrize("tag", ["team", "=platform", "team=", "rotation:owner=me", "aws:x=y"])
def test_a_tag_that_cannot_be(tmp_path: Path, tag: str) -> None:
    said = refused(written(tmp_path, secret()), tags=json.dumps([tag]))
    assert "rotation:tags: each is KEY=VALUE" in said


def test_the_roles_have_the_boundary_of_the_organisation(tmp_path: Path) -> None:
    stack = up(written(tmp_path, secret()), {**AWS, "roleBoundary": BOUNDARY})
    assert {each.inputs["permissionsBoundary"] for each in stack.of("Role")} == {BOUNDARY}
    assert "main-boundary" not in [each.name for each in stack.of("Policy")]


@pytest.mark.parametrize("key", ["roleBoundary", "userBoundary"])
def test_a_boundary_that_is_no_policy(tmp_path: Path, key: str) -> None:
    said = refused(written(tmp_path, secret()), **{key: f"arn:aws:iam::{ACCOUNT}:role/x"})
    assert f"rotation:{key} has to be the ARN of a policy" in said


HERE = ("eu-central-1", "eu-west-1")
OWN_KEY = f', kms_key: "arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-1"'


@pytest.mark.parametrize("more", ["", OWN_KEY])
def test_without_alarms_nothing_is_in_a_region_of_no_secret(tmp_path: Path, more: str) -> None:
    stack = up(written(tmp_path, secret(), more=more), {**AWS, "alarms": "false"})
    assert {each.inputs.get("region") for each in stack.resources} <= {None, *HERE}
    for kind in ("EventRule", "MetricAlarm", "Topic"):
        assert stack.of(kind) == []
    assert len(stack.of("Key")) == (0 if more else 1)
    assert stack.of("Role")
    assert not [each.name for each in stack.resources if complaints(each.token, dict(each.inputs))]


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_a_partition_without_the_region_of_the_alarms(tmp_path: Path, region: str) -> None:
    shape = IAM.replace(", replicas: [eu-west-1]", "")
    file = written(tmp_path, secret(shape))
    file.write_text(file.read_text().replace("eu-central-1", region))
    assert f"in {region} nothing of us-east-1 can be reached" in refused(file)
    assert not up(file, {**AWS, "alarms": "false"}).wrong
