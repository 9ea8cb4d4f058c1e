"""Versions of a secret: tokens, values, reading, limits."""

import uuid

import pytest

SECRET = "app/db"


def token():
    return uuid.uuid4().hex


def put(sm, value="one", labels=None, version=None):
    given = {"VersionStages": labels} if labels else {}
    return sm.put_secret_value(
        SecretId=SECRET, SecretString=value, ClientRequestToken=version or token(), **given
    )["VersionId"]


def read(sm, **given):
    return sm.get_secret_value(SecretId=SECRET, **given)["SecretString"]


def test_the_token_is_the_version(sm):
    mine = token()
    assert put(sm, version=mine) == mine
    assert read(sm, VersionId=mine) == "one"


def test_the_same_token_with_the_same_data_does_nothing(aws, sm):
    put(sm)
    mine = put(sm, "two", ["AWSPENDING"])
    aws.out_of_band.move_label(SECRET, "AWSPENDING", None)
    again = sm.put_secret_value(
        SecretId=SECRET, SecretString="two", ClientRequestToken=mine, VersionStages=["AWSPENDING"]
    )
    assert again["VersionId"] == mine
    assert again["VersionStages"] == []
    assert aws.oracle.versions(SECRET)[mine] == []


def test_the_same_token_with_other_data_is_refused(aws, sm, refused):
    mine = put(sm)
    with refused("ResourceExistsException"):
        put(sm, "two", version=mine)
    assert aws.oracle.value(SECRET, mine) == "one"


def test_the_same_token_with_a_binary_of_the_same_text_is_refused(sm, refused):
    mine = put(sm)
    with refused("ResourceExistsException"):
        sm.put_secret_value(SecretId=SECRET, SecretBinary=b"one", ClientRequestToken=mine)


@pytest.mark.parametrize("length", [31, 65])
def test_a_token_of_a_wrong_length_is_refused(unchecked, sm, refused, length):
    with refused("InvalidParameterException"):
        put(unchecked("secretsmanager"), version="t" * length)


@pytest.mark.parametrize("length", [32, 64])
def test_a_token_of_a_right_length_is_accepted(sm, length):
    put(sm, version="t" * length)


def test_without_labels_a_put_is_current_at_once(aws, sm):
    first = put(sm)
    second = put(sm, "two")
    assert aws.oracle.labels(SECRET) == {"AWSCURRENT": second, "AWSPREVIOUS": first}


def test_the_first_version_is_current_whatever_is_asked(aws, sm):
    first = put(sm, labels=["AWSPENDING"])
    assert aws.oracle.labels(SECRET) == {"AWSCURRENT": first, "AWSPENDING": first}


def test_a_later_version_has_only_the_labels_that_were_asked(aws, sm):
    first = put(sm)
    second = put(sm, "two", ["AWSPENDING"])
    assert aws.oracle.labels(SECRET) == {"AWSCURRENT": first, "AWSPENDING": second}
    assert read(sm) == "one"
    assert read(sm, VersionStage="AWSPENDING") == "two"


def test_a_put_steals_a_label(aws, sm):
    put(sm)
    put(sm, "two", ["AWSPENDING"])
    third = put(sm, "three", ["AWSPENDING"])
    assert aws.oracle.labels(SECRET)["AWSPENDING"] == third


@pytest.mark.parametrize("size", [0, 65_537])
@pytest.mark.parametrize("kind", ["SecretString", "SecretBinary"])
def test_a_value_of_a_wrong_size_is_refused(unchecked, sm, refused, size, kind):
    value = "x" * size if kind == "SecretString" else b"x" * size
    with refused("InvalidParameterException"):
        unchecked("secretsmanager").put_secret_value(SecretId=SECRET, **{kind: value})


def test_the_size_counts_bytes_not_characters(unchecked, sm, refused):
    with refused("InvalidParameterException"):
        unchecked("secretsmanager").put_secret_value(SecretId=SECRET, SecretString="é" * 32_769)


def test_the_largest_value_is_accepted(sm):
    assert read(sm, VersionId=put(sm, "x" * 65_536)) == "x" * 65_536


def test_a_value_is_text_or_binary(unchecked, sm, refused):
    client = unchecked("secretsmanager")
    with refused("InvalidParameterException"):
        client.put_secret_value(SecretId=SECRET, SecretString="a", SecretBinary=b"a")
    with refused("InvalidRequestException"):
        client.put_secret_value(SecretId=SECRET)


def test_a_binary_keeps_its_bytes(sm):
    sm.put_secret_value(SecretId=SECRET, SecretBinary=b"\x00\xff\n")
    answer = sm.get_secret_value(SecretId=SECRET)
    assert answer["SecretBinary"] == b"\x00\xff\n"
    assert "SecretString" not in answer


def test_id_and_label_must_agree(sm, refused):
    first = put(sm)
    second = put(sm, "two", ["AWSPENDING"])
    assert read(sm, VersionId=second, VersionStage="AWSPENDING") == "two"
    with refused("InvalidRequestException"):
        read(sm, VersionId=first, VersionStage="AWSPENDING")


def test_a_version_without_labels_is_readable_by_its_id(aws, sm):
    put(sm)
    second = put(sm, "two", ["AWSPENDING"])
    aws.out_of_band.move_label(SECRET, "AWSPENDING", None)
    assert read(sm, VersionId=second) == "two"
    aws.conditions.forget_deprecated(SECRET)
    assert second not in aws.oracle.versions(SECRET)


def test_what_is_not_there_is_not_found(sm, refused):
    for given in ({}, {"VersionStage": "AWSPENDING"}, {"VersionId": token()}):
        with refused("ResourceNotFoundException"):
            read(sm, **given)
    with refused("ResourceNotFoundException"):
        sm.get_secret_value(SecretId="nothing")


def test_more_than_twenty_labels_are_refused(unchecked, aws, sm, refused):
    put(sm, labels=[f"L{n}" for n in range(18)])  # and AWSCURRENT
    client = unchecked("secretsmanager")
    with refused("LimitExceededException"):
        put(client, "two", ["M1", "M2"])
    with refused("InvalidParameterException"):
        put(client, "two", [f"N{n}" for n in range(21)])
    with refused("LimitExceededException"):
        put(client, "two", ["AWSCURRENT", "M1"])  # leaves AWSPREVIOUS behind
    second = put(sm, "two", ["M1"])
    with refused("LimitExceededException"):
        sm.update_secret_version_stage(SecretId=SECRET, VersionStage="M2", MoveToVersionId=second)
    assert len(aws.oracle.labels(SECRET)) == 20


def test_a_hundred_versions_in_a_day_are_the_most(aws, sm, refused):
    for n in range(100):
        aws.out_of_band.put_secret(SECRET, str(n), labels=["AWSPENDING"])
    with refused("LimitExceededException"):
        put(sm)
    aws.clock.advance(86_401)
    put(sm, labels=["AWSPENDING"])
    assert len(aws.oracle.versions(SECRET)) == 100


def test_labelled_versions_are_never_pruned(aws, sm):
    first = put(sm)
    kept = put(sm, "hold", ["HOLD"])
    for n in range(98):
        aws.out_of_band.put_secret(SECRET, str(n), labels=["AWSPENDING"])
    aws.clock.advance(86_401)
    put(sm, labels=["AWSPENDING"])
    assert {first, kept} <= aws.oracle.versions(SECRET).keys()


def test_update_secret_refuses_a_token_that_is_a_version(sm, refused):
    mine = put(sm)
    with refused("ResourceExistsException"):
        sm.update_secret(
            SecretId=SECRET, SecretString="one", ClientRequestToken=mine, Description="new"
        )
    assert "Description" not in sm.describe_secret(SecretId=SECRET)


def test_update_secret_is_current_at_once(aws, sm):
    first = put(sm)
    sm.update_secret(SecretId=SECRET, SecretString="two", Description="new")
    assert aws.oracle.labels(SECRET)["AWSPREVIOUS"] == first
    assert sm.describe_secret(SecretId=SECRET)["Description"] == "new"


def test_a_batch_tells_what_failed_inside_its_answer(sm):
    put(sm)
    answer = sm.batch_get_secret_value(SecretIdList=[SECRET, "nothing"])
    assert [value["SecretString"] for value in answer["SecretValues"]] == ["one"]
    assert [error["ErrorCode"] for error in answer["Errors"]] == ["ResourceNotFoundException"]
