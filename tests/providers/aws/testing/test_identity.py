"""News of a key travels to each endpoint at its own pace."""

import pytest

from providers.aws.testing import Credential

SERVICES = ("iam", "sts", "secretsmanager")


def opens(aws, key):
    return {
        service for service in SERVICES if aws.oracle.accepts(*key_parts(key), endpoint=service)
    }


def key_parts(key):
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture
def slow(aws, iam):
    aws.conditions.propagation(sts=10, secretsmanager=20)
    return aws


def test_a_new_key_opens_one_endpoint_after_the_other(slow):
    key = slow.out_of_band.create_key("app")
    seen = [opens(slow, key)]
    for _ in range(2):
        slow.clock.advance(10)
        seen.append(opens(slow, key))
    assert seen == [{"iam"}, {"iam", "sts"}, set(SERVICES)]


@pytest.mark.parametrize("operation", ["suspend_key", "delete_key"])
def test_a_key_dies_at_one_endpoint_after_the_other(slow, operation):
    key = slow.out_of_band.create_key("app")
    slow.clock.advance(20)
    getattr(slow.out_of_band, operation)("app", key["AccessKeyId"])
    seen = [opens(slow, key)]
    for _ in range(2):
        slow.clock.advance(10)
        seen.append(opens(slow, key))
    assert seen == [{"sts", "secretsmanager"}, {"secretsmanager"}, set()]


def test_a_resume_takes_its_time_as_well(slow):
    key = slow.out_of_band.create_key("app")
    slow.out_of_band.suspend_key("app", key["AccessKeyId"])
    slow.clock.advance(60)
    slow.out_of_band.resume_key("app", key["AccessKeyId"])
    assert opens(slow, key) == {"iam"}
    slow.clock.advance(20)
    assert opens(slow, key) == set(SERVICES)


def test_news_never_overtakes_older_news(slow):
    key = slow.out_of_band.create_key("app")
    slow.conditions.propagation(0)
    slow.out_of_band.suspend_key("app", key["AccessKeyId"])
    slow.clock.advance(60)
    assert opens(slow, key) == set()


def test_the_endpoints_really_behave_as_the_truth_says(slow, refused):
    made = slow.out_of_band.create_key("app")
    key = Credential(*key_parts(made))
    slow.client("iam", key).list_access_keys()
    with refused("InvalidClientTokenId"):
        slow.client("sts", key).get_caller_identity()
    with refused("UnrecognizedClientException"):
        slow.client("secretsmanager", key).list_secrets()
    slow.clock.advance(20)
    assert slow.client("sts", key).get_caller_identity()["Arn"].endswith(":user/app")
    slow.client("secretsmanager", key).list_secrets()


def test_the_list_does_not_wait_for_the_endpoints(slow):
    key = slow.out_of_band.create_key("app")
    [listed] = slow.oracle.keys("app")
    assert listed["Status"] == "Active"
    late = {"sts": None, "secretsmanager": None}
    assert listed["endpoints"] == {"iam": "Active", "cloudtrail": "Active", **late}
    slow.out_of_band.suspend_key("app", key["AccessKeyId"])
    assert slow.oracle.live_keys("app") == []


@pytest.mark.usefixtures("iam")
def test_the_wrong_bytes_are_not_accepted(aws):
    key = aws.out_of_band.create_key("app")
    assert not aws.oracle.accepts(key["AccessKeyId"], "other")
    assert not aws.oracle.accepts("AKIA" + "X" * 16, key["SecretAccessKey"])
