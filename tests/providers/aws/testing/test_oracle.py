"""The call log, and the truth for oracles."""

import json

from providers.aws.testing import Credential
from providers.aws.testing.calls import digest

SECRET = "app/db"
CANARY = "canary-5f0c2d"


def test_a_call_is_noted_with_who_what_and_outcome(aws, iam):
    key = Credential.of(aws.out_of_band.create_key("app"))
    aws.client("sts", key).get_caller_identity()
    [call] = aws.oracle.calls("sts:*")
    assert call["principal"] == "arn:aws:iam::123456789012:user/app"
    assert call["access_key_id"] == key.access_key_id
    assert (call["service"], call["operation"]) == ("sts", "GetCallerIdentity")
    assert (call["outcome"], call["answer"]) == ("ok", "sent")
    assert "Botocore" in call["user_agent"]
    assert abs(call["at"] - aws.clock.time()) < 5


def test_secret_values_are_noted_as_digests(aws, sm):
    sm.put_secret_value(SecretId=SECRET, SecretString=CANARY)
    sm.get_secret_value(SecretId=SECRET)
    [put] = aws.oracle.calls("secretsmanager:PutSecretValue")
    assert put["parameters"]["SecretString"] == digest(CANARY)
    assert CANARY not in json.dumps(aws.oracle.calls())


def test_the_log_can_be_read_from_an_index(aws, iam):
    iam.list_users()
    iam.get_user(UserName="app")
    whole = aws.oracle.calls()
    assert [call["index"] for call in whole] == list(range(len(whole)))
    assert aws.oracle.calls(since=len(whole) - 1) == whole[-1:]


def test_a_call_by_nobody_is_noted_too(aws, refused):
    nobody = Credential("AKIANOBODYEXAMPLE012", "x" * 40)
    with refused("InvalidClientTokenId"):
        aws.client("sts", nobody).get_caller_identity()
    [call] = aws.oracle.calls("sts:*")
    assert call["principal"] is None
    assert call["access_key_id"] == nobody.access_key_id


def test_every_mint_is_counted_and_a_deletion_takes_none_back(aws, iam):
    key = iam.create_access_key(UserName="app")["AccessKey"]["AccessKeyId"]
    iam.delete_access_key(UserName="app", AccessKeyId=key)
    [made] = aws.oracle.mints("app")
    assert made["access_key_id"] == key
    assert made["by"].endswith(":user/administrator")


def test_the_truth_leaves_no_trace(aws, iam, sm):
    aws.out_of_band.put_secret(SECRET, "one")
    before = aws.oracle.calls()
    aws.oracle.value(SECRET)
    aws.oracle.keys("app")
    assert aws.oracle.value(SECRET) == "one"
    assert aws.oracle.calls() == before
    assert "LastAccessedDate" not in sm.describe_secret(SecretId=SECRET)
