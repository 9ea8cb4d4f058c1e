"""Faults and foreign operations, exactly where they were ordered."""

import time

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from providers.aws.testing import OrderRefused

SECRET = "app/db"
CREATE = "iam:CreateAccessKey"


def mint(iam):
    return iam.create_access_key(UserName="app")["AccessKey"]["AccessKeyId"]


def test_before_refuses_and_applies_nothing(aws, iam, refused):
    aws.faults.before(CREATE, "Throttling", status=400)
    with refused("Throttling"):
        mint(iam)
    assert aws.oracle.mints("app") == []
    mint(iam)


def test_after_applies_and_loses_the_answer(aws, iam):
    aws.faults.after(CREATE)
    with pytest.raises(ConnectionClosedError):
        mint(iam)
    assert len(aws.oracle.mints("app")) == 1


def test_after_may_answer_with_an_error(aws, iam, refused):
    aws.faults.after(CREATE, "ServiceFailure")
    with refused("ServiceFailure"):
        mint(iam)
    assert len(aws.oracle.mints("app")) == 1


def test_after_does_not_hide_a_refusal_from_the_log(aws, iam):
    aws.faults.after("iam:GetUser")
    with pytest.raises(ConnectionClosedError):
        iam.get_user(UserName="nobody")
    [call] = aws.oracle.calls("iam:GetUser")
    assert (call["outcome"], call["answer"]) == ("NoSuchEntity", "lost")


@pytest.mark.parametrize("applied", [False, True])
def test_hang_never_answers(aws, iam, applied):
    patient = aws.client("iam", read_timeout=0.3)
    aws.faults.hang(CREATE, applied=applied)
    with pytest.raises(ReadTimeoutError):
        mint(patient)
    assert len(aws.oracle.mints("app")) == applied
    iam.get_user(UserName="app")


def test_the_nth_matching_call_is_hit_and_then_the_next_ones(aws, iam, refused):
    aws.faults.before("iam:GetUser", nth=2, times=2)
    for hit in (False, True, True, False):
        iam.list_users()
        if hit:
            with refused("InternalFailure"):
                iam.get_user(UserName="app")
        else:
            iam.get_user(UserName="app")
    assert aws.faults.pending() == 0


def test_a_pattern_may_be_a_whole_service(aws, iam, sts, refused):
    aws.faults.before("iam:*", "ServiceUnavailable", status=503)
    sts.get_caller_identity()
    with refused("ServiceUnavailable"):
        iam.list_users()


def test_two_faults_count_the_same_calls(aws, iam, refused):
    aws.faults.before("iam:*", "First", nth=1)
    aws.faults.before("iam:GetUser", "Second", nth=2)
    for code in ("First", "Second"):
        with refused(code):
            iam.get_user(UserName="app")


def test_faults_can_be_called_off(aws, iam):
    aws.faults.before("*", times=100)
    aws.faults.clear()
    iam.list_users()


def test_a_refused_signature_is_not_hidden_by_a_fault(aws, iam, refused):
    aws.faults.after("iam:ListUsers", "InternalFailure")
    aws.clock.skew(3600)
    with refused("SignatureDoesNotMatch"):
        iam.list_users()


def test_latency_is_added_to_each_call(aws, sts):
    sts.get_caller_identity()
    aws.faults.latency(80)
    began = time.monotonic()
    sts.get_caller_identity()
    assert time.monotonic() - began >= 0.08


def test_somebody_moves_a_label_between_two_calls(aws, sm, refused):
    old = aws.out_of_band.put_secret(SECRET, "one")
    new = aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    foreign = aws.out_of_band.put_secret(SECRET, "three", labels=["HOLD"])
    move = {"secret": SECRET, "label": "AWSCURRENT", "to": foreign}
    aws.faults.between([{"act": "move_label", "arguments": move}], nth=2)
    assert sm.describe_secret(SecretId=SECRET)["VersionIdsToStages"][old] == ["AWSCURRENT"]
    with refused("InvalidParameterException"):
        sm.update_secret_version_stage(
            SecretId=SECRET,
            VersionStage="AWSCURRENT",
            RemoveFromVersionId=old,
            MoveToVersionId=new,
        )
    assert aws.oracle.labels(SECRET)["AWSCURRENT"] == foreign


def test_somebody_takes_the_last_free_slot(aws, iam, refused):
    mint(iam)
    act = {"act": "create_key", "arguments": {"user": "app"}}
    aws.faults.between([act], CREATE)
    iam.list_access_keys(UserName="app")
    with refused("LimitExceeded"):
        mint(iam)
    assert [made["by"].split("/")[-1] for made in aws.oracle.mints("app")] == [
        "administrator",
        "human",
    ]


def test_a_deed_that_is_refused_stands_in_the_log_and_harms_no_call(aws, iam):
    aws.faults.between([{"act": "create_key", "arguments": {"user": "nobody"}}])
    iam.list_users()
    [call] = aws.oracle.calls(CREATE)
    assert (call["outcome"], call["user_agent"]) == ("NoSuchEntity", "human")


@pytest.mark.parametrize(
    "act",
    [{"act": "no_such_deed"}, {"act": "create_key"}, {"act": "create_key", "arguments": {"x": 1}}],
    ids=["act", "missing", "surplus"],
)
def test_a_deed_that_cannot_be_done_is_refused_when_it_is_ordered(aws, act):
    with pytest.raises(OrderRefused):
        aws.faults.between([act])
