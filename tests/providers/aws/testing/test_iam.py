"""IAM users and access keys."""

import json
from datetime import UTC, datetime

import pytest

from providers.aws.testing import Credential
from providers.aws.testing.server import StrictAws

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}],
    }
)


def mint(iam, user="app"):
    made = iam.create_access_key(UserName=user)["AccessKey"]
    return Credential.of(made)


def listed(iam, user="app"):
    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in keys}


def test_a_user_has_two_keys_and_an_inactive_one_counts(iam, refused):
    first, second = mint(iam), mint(iam)
    iam.update_access_key(UserName="app", AccessKeyId=first.access_key_id, Status="Inactive")
    with refused("LimitExceeded"):
        mint(iam)
    assert listed(iam) == {first.access_key_id: "Inactive", second.access_key_id: "Active"}
    iam.delete_access_key(UserName="app", AccessKeyId=first.access_key_id)
    mint(iam)


def test_without_a_user_name_a_key_is_made_for_the_caller(aws, iam):
    caller = aws.client("iam", mint(iam))
    made = caller.create_access_key()["AccessKey"]
    assert made["UserName"] == "app"
    assert set(listed(caller)) == {m["access_key_id"] for m in aws.oracle.mints("app")}


def test_without_a_user_name_the_callers_own_key_is_suspended(aws, iam):
    key = mint(iam)
    aws.client("iam", key).update_access_key(AccessKeyId=key.access_key_id, Status="Inactive")
    assert not aws.oracle.live_keys("app")


def test_a_role_session_must_name_the_user(aws, iam, sts, refused):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument="{}")
    session = sts.assume_role(
        RoleArn="arn:aws:iam::123456789012:role/runner", RoleSessionName="one"
    )["Credentials"]
    client = aws.client(
        "iam",
        Credential.of(session),
    )
    with refused("ValidationError"):
        client.create_access_key()
    client.create_access_key(UserName="app")


NO_KEY = {"AccessKeyId": "AKIA" + "X" * 16}


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("get_user", {"UserName": "nobody"}),
        ("create_access_key", {"UserName": "nobody"}),
        ("list_access_keys", {"UserName": "nobody"}),
        ("delete_access_key", {"UserName": "app", **NO_KEY}),
        ("update_access_key", {"UserName": "app", "Status": "Inactive", **NO_KEY}),
        ("get_access_key_last_used", NO_KEY),
    ],
)
def test_what_is_not_there_is_no_such_entity(iam, refused, operation, given):
    with refused("NoSuchEntity"):
        getattr(iam, operation)(**given)


def test_the_key_of_another_user_is_no_such_entity(iam, refused):
    iam.create_user(UserName="other")
    key = mint(iam)
    with refused("NoSuchEntity"):
        iam.delete_access_key(UserName="other", AccessKeyId=key.access_key_id)


def test_suspending_twice_and_deleting_twice(iam, refused):
    key = mint(iam)
    for _ in range(2):
        iam.update_access_key(UserName="app", AccessKeyId=key.access_key_id, Status="Inactive")
    iam.delete_access_key(UserName="app", AccessKeyId=key.access_key_id)
    with refused("NoSuchEntity"):
        iam.delete_access_key(UserName="app", AccessKeyId=key.access_key_id)


def test_a_status_is_active_or_inactive(iam, refused):
    key = mint(iam)
    with refused("ValidationError"):
        iam.update_access_key(UserName="app", AccessKeyId=key.access_key_id, Status="Expired")


def test_a_list_may_come_in_pages_smaller_than_asked(aws, iam):
    keys = {mint(iam).access_key_id, mint(iam).access_key_id}
    aws.conditions.page_size(1)
    page = iam.list_access_keys(UserName="app", MaxItems=100)
    assert page["IsTruncated"]
    assert len(page["AccessKeyMetadata"]) == 1
    pages = iam.get_paginator("list_access_keys").paginate(UserName="app")
    assert {key["AccessKeyId"] for page in pages for key in page["AccessKeyMetadata"]} == keys


def test_a_list_may_be_older_than_the_truth(aws, iam):
    old = mint(iam)
    aws.conditions.listing_lag(10)
    new = mint(iam)
    iam.delete_access_key(UserName="app", AccessKeyId=old.access_key_id)
    assert listed(iam) == {old.access_key_id: "Active"}
    aws.clock.advance(10)
    assert listed(iam) == {new.access_key_id: "Active"}


def test_a_key_was_created_at_the_servers_time(aws, iam):
    now = aws.clock.advance(86400)
    mint(iam)
    [key] = iam.list_access_keys(UserName="app")["AccessKeyMetadata"]
    assert abs(key["CreateDate"] - datetime.fromtimestamp(now, UTC)).total_seconds() < 5


def test_a_user_with_keys_cannot_be_deleted(iam, refused):
    key = mint(iam)
    with refused("DeleteConflict"):
        iam.delete_user(UserName="app")
    iam.delete_access_key(UserName="app", AccessKeyId=key.access_key_id)
    iam.delete_user(UserName="app")
    with refused("NoSuchEntity"):
        iam.get_user(UserName="app")


def test_a_user_with_policies_cannot_be_deleted(iam, refused):
    iam.put_user_policy(UserName="app", PolicyName="p", PolicyDocument=DOCUMENT)
    with refused("DeleteConflict"):
        iam.delete_user(UserName="app")


def test_a_user_name_is_taken_once(iam, refused):
    with refused("EntityAlreadyExists"):
        iam.create_user(UserName="app")


def test_a_user_of_the_same_name_does_not_inherit_keys(iam):
    key = mint(iam)
    iam.delete_access_key(UserName="app", AccessKeyId=key.access_key_id)
    iam.delete_user(UserName="app")
    iam.create_user(UserName="app")
    assert listed(iam) == {}


def test_users_carry_tags(iam):
    iam.tag_user(UserName="app", Tags=[{"Key": "rotation:owner", "Value": "abc"}])
    assert iam.get_user(UserName="app")["User"]["Tags"] == [
        {"Key": "rotation:owner", "Value": "abc"}
    ]
    iam.untag_user(UserName="app", TagKeys=["rotation:owner"])
    assert "Tags" not in iam.get_user(UserName="app")["User"]
    assert iam.list_user_tags(UserName="app")["Tags"] == []


def test_a_user_has_a_path_and_a_boundary(iam, refused):
    with refused("NoSuchEntity"):
        iam.put_user_permissions_boundary(
            UserName="app", PermissionsBoundary="arn:aws:iam::123456789012:policy/none"
        )
    policy = iam.create_policy(PolicyName="limit", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    made = iam.create_user(UserName="bounded", Path="/rotated/", PermissionsBoundary=policy)["User"]
    assert made["Arn"] == "arn:aws:iam::123456789012:user/rotated/bounded"
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == policy
    iam.delete_user_permissions_boundary(UserName="bounded")
    assert "PermissionsBoundary" not in iam.get_user(UserName="bounded")["User"]


def test_what_is_not_modelled_is_refused_and_not_guessed(iam, refused):
    with refused("NotModelled"):
        iam.create_login_profile(UserName="app", Password="x")
    with refused("NotModelled"):
        iam.get_account_summary()


def test_moto_answers_for_roles_and_policies_over_the_same_storage(aws, iam):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument=DOCUMENT)
    iam.put_role_policy(RoleName="runner", PolicyName="p", PolicyDocument=DOCUMENT)
    policy = iam.create_policy(PolicyName="q", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    iam.attach_user_policy(UserName="app", PolicyArn=policy)
    assert {user["UserName"] for user in iam.list_users()["Users"]} == {"administrator", "app"}
    assert aws.oracle.policies("arn:aws:iam::123456789012:role/runner") == {
        "identity": [DOCUMENT],
        "boundary": None,
        "trust": DOCUMENT,
    }
    assert aws.oracle.policies("arn:aws:iam::123456789012:user/app")["identity"] == [DOCUMENT]


@pytest.mark.usefixtures("iam")
def test_two_doubles_in_one_process_share_nothing():
    with StrictAws() as other:
        users = other.control.client("iam").list_users()["Users"]
    assert [user["UserName"] for user in users] == ["administrator"]
