"""The secret as a whole: what it says of itself, deletion, tags, native rotation."""

import uuid
from datetime import UTC, datetime

import pytest

SECRET = "app/db"
LAMBDA = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"


def describe(sm):
    return sm.describe_secret(SecretId=SECRET)


def test_an_empty_secret_has_no_versions(sm):
    assert "VersionIdsToStages" not in describe(sm)
    assert sm.list_secret_version_ids(SecretId=SECRET)["Versions"] == []


def test_a_name_is_taken_once_and_a_repeat_needs_the_token(sm, refused):
    with refused("ResourceExistsException"):
        sm.create_secret(Name=SECRET)
    given = {"Name": "other", "SecretString": "one", "ClientRequestToken": uuid.uuid4().hex}
    assert sm.create_secret(**given)["VersionId"] == sm.create_secret(**given)["VersionId"]
    with refused("ResourceExistsException"):
        sm.create_secret(**given | {"SecretString": "two"})


def test_a_secret_is_found_by_name_and_by_arn(sm, refused):
    arn = describe(sm)["ARN"]
    assert sm.describe_secret(SecretId=arn)["Name"] == SECRET
    assert sm.describe_secret(SecretId=arn.rsplit("-", 1)[0])["Name"] == SECRET
    for other in (arn[:-1], arn[:-7] + "-AAAAAA", SECRET + "-AAAAAA", "db"):
        with refused("ResourceNotFoundException"):
            sm.describe_secret(SecretId=other)


def test_a_region_has_its_own_secrets(aws, sm, refused):
    with refused("ResourceNotFoundException"):
        aws.client("secretsmanager", region="us-east-1").describe_secret(SecretId=SECRET)


def test_describe_lists_only_labelled_versions(aws, sm):
    first = aws.out_of_band.put_secret(SECRET, "one")
    aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    aws.out_of_band.move_label(SECRET, "AWSPENDING", None)
    assert describe(sm)["VersionIdsToStages"] == {first: ["AWSCURRENT"]}


def test_deprecated_versions_are_listed_on_request(aws, sm):
    first = aws.out_of_band.put_secret(SECRET, "one")
    second = aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    aws.out_of_band.move_label(SECRET, "AWSPENDING", None)

    def ids(**given):
        versions = sm.list_secret_version_ids(SecretId=SECRET, **given)["Versions"]
        return [version["VersionId"] for version in versions]

    assert ids() == [first]
    assert ids(IncludeDeprecated=True) == [first, second]


def test_versions_come_in_pages(aws, sm, refused):
    for value in "abc":
        aws.out_of_band.put_secret(SECRET, value, labels=[value])
    aws.conditions.page_size(2)
    first = sm.list_secret_version_ids(SecretId=SECRET)
    rest = sm.list_secret_version_ids(SecretId=SECRET, NextToken=first["NextToken"])
    assert [len(first["Versions"]), len(rest["Versions"])] == [2, 1]
    assert "NextToken" not in rest
    with refused("InvalidParameterException"):
        sm.list_secret_version_ids(SecretId=SECRET, NextToken="made-up")


def test_a_version_was_accessed_on_a_day_and_only_if_read(aws, sm):
    first = aws.out_of_band.put_secret(SECRET, "one")
    aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    sm.get_secret_value(SecretId=SECRET)
    versions = sm.list_secret_version_ids(SecretId=SECRET)["Versions"]
    accessed = {v["VersionId"]: v["LastAccessedDate"] for v in versions if "LastAccessedDate" in v}
    now = datetime.fromtimestamp(aws.clock.time(), UTC)
    assert accessed == {first: now.replace(hour=0, minute=0, second=0, microsecond=0)}


@pytest.fixture
def doomed(aws, sm):
    version = aws.out_of_band.put_secret(SECRET, "one")
    aws.out_of_band.delete_secret(SECRET)
    return version


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("get_secret_value", {}),
        ("put_secret_value", {"SecretString": "two"}),
        ("update_secret", {"Description": "two"}),
        ("update_secret_version_stage", {"VersionStage": "HOLD"}),
        ("rotate_secret", {"RotationLambdaARN": LAMBDA}),
        ("tag_resource", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_resource", {"TagKeys": ["a"]}),
        ("delete_secret", {}),
    ],
)
def test_a_secret_that_is_to_be_deleted_refuses(sm, doomed, refused, operation, given):
    if operation == "update_secret_version_stage":
        given = given | {"MoveToVersionId": doomed}
    with refused("InvalidRequestException"):
        getattr(sm, operation)(SecretId=SECRET, **given)


def test_a_secret_that_is_to_be_deleted_can_be_described_and_restored(aws, sm, doomed):
    due = describe(sm)["DeletedDate"].timestamp()
    assert abs(due - aws.clock.time() - 30 * 86400) < 5
    sm.restore_secret(SecretId=SECRET)
    assert sm.get_secret_value(SecretId=SECRET)["SecretString"] == "one"


def test_its_name_stays_taken_until_the_window_is_over(aws, sm, doomed, refused):
    with refused("InvalidRequestException"):
        sm.create_secret(Name=SECRET)
    aws.clock.advance(30 * 86400 + 1)
    with refused("ResourceNotFoundException"):
        describe(sm)
    sm.create_secret(Name=SECRET)


@pytest.mark.parametrize("days", [6, 31])
def test_the_window_is_seven_to_thirty_days(sm, refused, days):
    with refused("InvalidParameterException"):
        sm.delete_secret(SecretId=SECRET, RecoveryWindowInDays=days)


def test_a_forced_deletion_is_at_once_and_has_no_window(sm, refused):
    with refused("InvalidParameterException"):
        sm.delete_secret(SecretId=SECRET, RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    sm.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        describe(sm)


def test_secrets_carry_tags(sm):
    sm.tag_resource(SecretId=SECRET, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sm.tag_resource(SecretId=SECRET, Tags=[{"Key": "a", "Value": "3"}])
    sm.untag_resource(SecretId=SECRET, TagKeys=["b"])
    assert describe(sm)["Tags"] == [{"Key": "a", "Value": "3"}]


@pytest.mark.parametrize(
    ("managed", "shown"),
    [
        ({"owning_service": "rds"}, {"OwningService": "rds"}),
        ({"external_type": "Partner"}, {"Type": "Partner"}),
    ],
    ids=["service", "partner"],
)
def test_a_secret_that_another_manages_refuses_changes(aws, sm, refused, managed, shown):
    version = aws.out_of_band.put_secret(SECRET, "one")
    aws.conditions.managed(SECRET, **managed)
    assert shown.items() <= describe(sm).items()
    for operation, given in (
        ("put_secret_value", {"SecretString": "two"}),
        ("update_secret", {"SecretString": "two"}),
        ("update_secret_version_stage", {"VersionStage": "HOLD", "MoveToVersionId": version}),
        ("delete_secret", {}),
    ):
        with refused("InvalidRequestException"):
            getattr(sm, operation)(SecretId=SECRET, **given)
    assert sm.get_secret_value(SecretId=SECRET)["SecretString"] == "one"


def test_native_rotation_is_visible(aws, sm):
    assert describe(sm)["RotationEnabled"] is False
    aws.conditions.managed(SECRET, rotation_enabled=True)
    assert describe(sm)["RotationEnabled"] is True


def test_without_a_function_there_is_no_native_rotation(aws, sm, refused):
    before = aws.out_of_band.put_secret(SECRET, "one")
    with refused("InvalidRequestException"):
        sm.rotate_secret(SecretId=SECRET)
    assert aws.oracle.labels(SECRET) == {"AWSCURRENT": before}


@pytest.fixture
def rotating(aws, sm):
    aws.out_of_band.put_secret(SECRET, "one")
    aws.out_of_band.rotate_natively(SECRET, LAMBDA)
    return aws.oracle.labels(SECRET)["AWSPENDING"]


def test_a_native_rotation_begins_with_a_label_and_no_value(sm, rotating, refused):
    assert describe(sm)["VersionIdsToStages"][rotating] == ["AWSPENDING"]
    listed = sm.list_secret_version_ids(SecretId=SECRET)["Versions"]
    assert rotating not in [version["VersionId"] for version in listed]
    with refused("ResourceNotFoundException"):
        sm.get_secret_value(SecretId=SECRET, VersionStage="AWSPENDING")


def test_a_second_native_rotation_is_refused_while_one_is_underway(sm, rotating, refused):
    with refused("InvalidRequestException"):
        sm.rotate_secret(SecretId=SECRET)


def test_another_new_version_abandons_the_native_rotation(aws, sm, rotating):
    aws.out_of_band.put_secret(SECRET, "two", labels=["HOLD"])
    assert aws.oracle.versions(SECRET)[rotating] == []


def test_the_native_rotation_fills_its_own_version(aws, sm, rotating):
    sm.put_secret_value(
        SecretId=SECRET,
        SecretString="two",
        ClientRequestToken=rotating,
        VersionStages=["AWSPENDING"],
    )
    assert aws.oracle.value(SECRET, rotating) == "two"
    assert aws.oracle.labels(SECRET)["AWSPENDING"] == rotating


def test_cancelling_turns_native_rotation_off_and_leaves_the_labels(aws, sm, rotating):
    sm.cancel_rotate_secret(SecretId=SECRET)
    assert describe(sm)["RotationEnabled"] is False
    assert aws.oracle.labels(SECRET)["AWSPENDING"] == rotating


def test_moto_answers_for_what_has_no_rule_here(sm):
    assert [secret["Name"] for secret in sm.list_secrets()["SecretList"]] == [SECRET]
    assert len(sm.get_random_password(PasswordLength=20)["RandomPassword"]) == 20


def test_a_resource_policy_is_kept(aws, sm):
    policy = '{"Version": "2012-10-17", "Statement": []}'
    sm.put_resource_policy(SecretId=SECRET, ResourcePolicy=policy)
    assert aws.oracle.resource_policy(SECRET) == policy
