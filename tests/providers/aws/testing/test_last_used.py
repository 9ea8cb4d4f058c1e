"""What GetAccessKeyLastUsed tells, and when."""

import pytest
from botocore.exceptions import ClientError

from providers.aws.testing import Credential


@pytest.fixture
def key(iam):
    return Credential.of(iam.create_access_key(UserName="app")["AccessKey"])


def reply(iam, key):
    answer = iam.get_access_key_last_used(AccessKeyId=key.access_key_id)
    assert answer["UserName"] == "app"
    return answer["AccessKeyLastUsed"]


def test_a_key_that_was_never_used_has_no_date(iam, key):
    assert reply(iam, key) == {"ServiceName": "N/A", "Region": "N/A"}


def test_only_the_latest_use_is_told(aws, iam, key):
    aws.client("sts", key).get_caller_identity()
    aws.clock.advance(60)
    aws.client("secretsmanager", key, region="eu-west-1").list_secrets()
    use = reply(iam, key)
    assert (use["ServiceName"], use["Region"]) == ("secretsmanager", "eu-west-1")
    assert abs(use["LastUsedDate"].timestamp() - aws.clock.time()) < 5


def test_a_second_use_within_the_grain_is_not_recorded(aws, iam, key):
    aws.conditions.last_used(grain_s=900)
    client = aws.client("sts", key)
    client.get_caller_identity()
    first = reply(iam, key)["LastUsedDate"]
    aws.clock.advance(800)
    client.get_caller_identity()
    assert reply(iam, key)["LastUsedDate"] == first
    aws.clock.advance(200)
    client.get_caller_identity()
    assert reply(iam, key)["LastUsedDate"] > first


def test_a_use_is_told_after_the_lag(aws, iam, key):
    client = aws.client("sts", key)
    aws.conditions.last_used(lag_s=3600)
    client.get_caller_identity()
    assert "LastUsedDate" not in reply(iam, key)
    aws.clock.advance(3600)
    assert "LastUsedDate" in reply(iam, key)


@pytest.mark.parametrize(("counts", "expected"), [(False, False), (True, True)])
def test_a_refused_attempt_is_logged_and_counts_only_if_asked(aws, iam, key, counts, expected):
    iam.update_access_key(UserName="app", AccessKeyId=key.access_key_id, Status="Inactive")
    aws.conditions.last_used(failed_use_counts=counts)
    with pytest.raises(ClientError):
        aws.client("sts", key).get_caller_identity()
    assert ("LastUsedDate" in reply(iam, key)) is expected
    [attempt] = aws.oracle.calls("sts:*")
    assert attempt["access_key_id"] == key.access_key_id
    assert attempt["principal"] == "arn:aws:iam::123456789012:user/app"
    assert attempt["outcome"] == "InvalidClientTokenId"
