"""What an organisation brings along: its tags, its boundary, its own watch, its regions."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from providers.aws.resources import AwsStack
from providers.aws.stack import AwsStackOptions
from rotation.config import load
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.permissions.resources import Made
from tests.infra.pack import complaints
from tests.infra.settings import ACCOUNT, AWS, IAM, secret, written
from tests.infra.stack import Cloud, arguments_of, sdk, up

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


def test_names_and_the_path_are_the_organisations(tmp_path: Path) -> None:
    more = ", name_prefix: acme-secrets, iam_path: /platform/"
    stack = up(written(tmp_path, secret(), more=more), AWS)
    assert not stack.wrong
    for each in stack.resources:
        if each.token.startswith("aws:") and each.token.split(":")[-1] not in ("Secret", "User"):
            reply = json.dumps(each.inputs, default=str)
            assert "rotation-4b1d0c77e2a9" not in reply, each.name
    for kind in ("Role", "Policy"):
        assert {each.inputs["path"] for each in stack.of(kind)} == {"/platform/"}
    rule = stack.named("EventRule", "main-rights-changed-us-east-1")
    assert "policy/platform/acme-secrets-4b1d0c77e2a9-" in rule.inputs["eventPattern"]
    assert stack.outputs["bindings"]["connections"]["main"]["roles"]["mint"].endswith(
        "role/platform/acme-secrets-4b1d0c77e2a9-main-mint"
    )


TOPICS = {
    region: f"arn:aws:sns:{region}:{ACCOUNT}:theirs"
    for region in ("eu-central-1", "eu-west-1", "us-east-1")
}


def with_topics(directory: Path, *regions: str, more: str = "") -> Path:
    given = json.dumps([TOPICS[region] for region in regions])
    return written(directory, secret(), more=f", alarm_topics: {given}{more}")


def test_topics_that_exist_are_told_and_left_alone(tmp_path: Path) -> None:
    stack = up(with_topics(tmp_path, "us-east-1"), AWS)
    assert not stack.wrong
    for target in stack.of("EventTarget"):
        theirs = target.inputs["region"] == "us-east-1"
        assert (target.inputs["arn"] == TOPICS["us-east-1"]) == theirs
    made = {each.inputs["region"] for each in stack.of("Topic") if "kmsMasterKeyId" in each.inputs}
    assert made == {"eu-central-1", "eu-west-1"}
    assert TOPICS["us-east-1"] not in [each.inputs["arn"] for each in stack.of("TopicPolicy")]
    assert {each.inputs["region"] for each in stack.of("ReplicaKey")} == {"eu-west-1"}
    assert stack.outputs["topics"]["main"]["us-east-1"] == TOPICS["us-east-1"]
    assert set(stack.outputs["topics"]["main"]) == set(TOPICS)


def test_where_every_topic_exists_no_key_is_made_for_them(tmp_path: Path) -> None:
    stack = up(with_topics(tmp_path, *TOPICS, more=OWN_KEY), AWS)
    assert not stack.of("Key")
    assert {each.inputs["arn"] for each in stack.of("EventTarget")} == set(TOPICS.values())


def test_a_topic_where_nothing_is_watched(tmp_path: Path) -> None:
    file = with_topics(tmp_path, "us-east-1")
    assert "alarm_topics has a topic in us-east-1" in refused(file, alarms="false")


BUS = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/security"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:pages"


def test_the_rules_of_a_region_tell_others_too(tmp_path: Path) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/to-bus"
    stack = up(
        written(tmp_path, secret()), {**AWS, "alarmTargets": json.dumps([f"{BUS}={role}", QUEUE])}
    )
    assert not stack.wrong
    for arn, region in ((BUS, "eu-west-1"), (QUEUE, "us-east-1")):
        rules = [e for e in stack.of("EventRule") if e.inputs["region"] == region]
        targets = [e for e in stack.of("EventTarget") if e.inputs["arn"] == arn]
        assert len(targets) == len(rules)
        assert {e.inputs["region"] for e in targets} == {region}
        assert {e.inputs.get("roleArn") for e in targets} == {role if arn == BUS else None}


@pytest.mark.parametrize("target", ["pages", f"{QUEUE}=me", "arn:aws:sqs:*:1:x"])
def test_a_target_that_cannot_be(tmp_path: Path, target: str) -> None:
    said = refused(written(tmp_path, secret()), alarmTargets=json.dumps([target]))
    assert "rotation:alarmTargets: each is the ARN of a target" in said


def test_the_trail_goes_into_a_bucket_that_exists(tmp_path: Path) -> None:
    stack = up(written(tmp_path, secret()), {**AWS, "trailBucket": "theirs"})
    [trail] = stack.of("Trail")
    assert trail.inputs["s3BucketName"] == "theirs"
    assert not [each for each in stack.resources if each.token.startswith("aws:s3/")]
    both = refused(written(tmp_path, secret()), trailBucket="theirs", trail="false")
    assert "rotation:trailBucket is the name of the bucket" in both


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


# ----------------------------------------------------------------------- said before it is made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lines.append)
    return lines


def test_what_it_costs_is_said_before_it_is_made(tmp_path: Path, said: list[str]) -> None:
    stack = up(written(tmp_path, secret()), AWS)
    alarms, keys = len(stack.of("MetricAlarm")), 3
    [line] = said
    cents = keys * 100 + 2 * 40 + alarms * 10
    assert f"about ${cents / 100:.2f} a month by list prices" in line
    assert f"{alarms} alarms at $0.10" in line
    assert "trail" in line
    said.clear()
    up(written(tmp_path, secret(), more=OWN_KEY), {**AWS, "alarms": "false", "trail": "false"})
    [line] = said
    assert line.endswith(
        "$0.80 a month by list prices (us-east-1, 2025): 2 secrets and their copies at $0.40"
    )


def test_what_is_adopted_and_untagged_is_said_where_tags_decide(
    tmp_path: Path, said: list[str]
) -> None:
    """By name nothing hangs on a tag; many secrets without a common path are named by tag."""
    few = written(tmp_path, secret())
    there = Cloud(secrets={"prod/billing-iam": False}, users={"/rotated/billing-iam": False})
    up(few, {**AWS, "adopt": '["billing-iam"]'}, there)
    assert len(said) == 1
    shape = IAM.replace("prod/{id}", "{id}-prod")
    many = [secret(shape, name=f"{'abcdefghij'[n % 10]}-{'x' * 40}-{n}") for n in range(250)]
    stack = stack_of(written(tmp_path, *many), {**AWS, "adopt": [f"a-{'x' * 40}-0"]})
    [_, warning] = stack.remarks
    assert warning.startswith(f"1 adopted (a-{'x' * 40}-0): documents name resources by tag")


def stack_of(file: Path, settings: dict[str, Any]) -> Made:
    configuration = load(file, bindings=False)
    [scope] = compile(configuration)
    states = {entry.id: entry.state for entry in configuration.secrets()}
    options = AwsStackOptions(
        runner=settings["runner"], deployer=settings["deployer"], adopt=tuple(settings["adopt"])
    )
    return AwsStack().made(scope, options, states)
