"""Identities and temporary credentials."""

import json

import pytest

from providers.aws.testing import Credential

ROLE = "arn:aws:iam::123456789012:role/runner"


@pytest.fixture
def role(iam):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument="{}", MaxSessionDuration=7200)
    return ROLE


def credential(answer):
    made = answer["Credentials"]
    return Credential.of(made)


def assume(client, **given):
    return client.assume_role(RoleArn=ROLE, RoleSessionName="attempt-1", **given)


@pytest.mark.usefixtures("iam")
def test_the_caller_is_told_who_it_is(aws):
    key = Credential.of(aws.out_of_band.create_key("app"))
    identity = aws.client("sts", key).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/app"
    assert identity["Account"] == "123456789012"
    assert identity["UserId"].startswith("AIDA")


@pytest.mark.usefixtures("role")
def test_a_session_is_the_role_and_its_name(aws, sts):
    answer = assume(sts)
    arn = "arn:aws:sts::123456789012:assumed-role/runner/attempt-1"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    session = credential(answer)
    aws.client("iam", session).list_users()
    aws.client("secretsmanager", session).list_secrets()
    assert aws.client("sts", session).get_caller_identity()["Arn"] == arn


@pytest.mark.usefixtures("role")
def test_a_session_ends(aws, sts, refused):
    session = credential(assume(sts, DurationSeconds=900))
    aws.clock.advance(899)
    aws.client("sts", session).get_caller_identity()
    aws.clock.advance(2)
    with refused("ExpiredToken"):
        aws.client("sts", session).get_caller_identity()
    with refused("ExpiredTokenException"):
        aws.client("secretsmanager", session).list_secrets()


@pytest.mark.usefixtures("role")
def test_a_session_needs_its_token(aws, sts, refused):
    session = credential(assume(sts))
    for token in (None, "made-up"):
        broken = Credential(session.access_key_id, session.secret_access_key, token)
        with refused("InvalidClientTokenId"):
            aws.client("sts", broken).get_caller_identity()


@pytest.mark.usefixtures("role")
def test_a_session_needs_its_secret(aws, sts, refused):
    session = credential(assume(sts))
    with refused("SignatureDoesNotMatch"):
        aws.client(
            "sts", Credential(session.access_key_id, "x" * 40, session.session_token)
        ).get_caller_identity()


@pytest.mark.usefixtures("iam")
def test_a_role_that_is_not_there_is_denied(sts, refused):
    with refused("AccessDenied"):
        assume(sts)


@pytest.mark.parametrize("seconds", [899, 7201])
@pytest.mark.usefixtures("role")
def test_a_session_lasts_from_fifteen_minutes_to_the_roles_longest(unchecked, refused, seconds):
    with refused("ValidationError"):
        assume(unchecked("sts"), DurationSeconds=seconds)


@pytest.mark.usefixtures("role")
def test_a_chained_session_lasts_an_hour_at_most(aws, sts, refused):
    chained = aws.client("sts", credential(assume(sts)))
    assume(chained, DurationSeconds=3600)
    with refused("ValidationError"):
        assume(chained, DurationSeconds=3601)


@pytest.mark.usefixtures("role")
def test_a_session_name_has_no_spaces(sts, refused):
    with refused("ValidationError"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="not a name")


def policy(action, resource, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.usefixtures("role", "sm")
def test_a_session_may_do_what_its_own_policy_allows_too(aws, sts, iam, refused):
    one = policy("secretsmanager:Describe*", "arn:aws:secretsmanager:*:*:secret:app/db-??????")
    session = credential(assume(sts, Policy=one))
    mine = aws.client("secretsmanager", session)
    mine.describe_secret(SecretId="app/db")
    aws.client("secretsmanager").create_secret(Name="app/db-other")
    with refused("AccessDeniedException"):
        mine.describe_secret(SecretId="app/db-other")
    with refused("AccessDeniedException"):
        mine.get_secret_value(SecretId="app/db")
    with refused("AccessDenied"):
        aws.client("iam", session).list_users()
    aws.client("sts", session).get_caller_identity()
    aws.gate.deny("secretsmanager:DescribeSecret")  # it gives nothing that the role has not
    with refused("AccessDeniedException"):
        mine.describe_secret(SecretId="app/db")


@pytest.mark.usefixtures("role", "sm")
def test_a_session_policy_may_have_conditions_and_denials(aws, sts, refused):
    only = {"Condition": {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}}
    session = credential(assume(sts, Policy=policy("secretsmanager:*", "*", **only)))
    mine = aws.client("secretsmanager", session)
    aws.client("secretsmanager").put_secret_value(SecretId="app/db", SecretString="one")
    mine.get_secret_value(SecretId="app/db", VersionStage="AWSCURRENT")
    with refused("AccessDeniedException"):
        mine.get_secret_value(SecretId="app/db")
    denied = policy("secretsmanager:*", "*", Effect="Deny")
    session = credential(assume(sts, Policy=denied))
    with refused("AccessDeniedException"):
        aws.client("secretsmanager", session).describe_secret(SecretId="app/db")


@pytest.mark.usefixtures("role")
def test_a_session_policy_that_is_too_long_is_refused(unchecked, sts, refused):
    fits = policy("iam:*", "*")
    answer = assume(sts, Policy=fits + " " * (2048 - len(fits)))
    assert answer["PackedPolicySize"] == 100
    with refused("ValidationError"):
        assume(unchecked("sts"), Policy=fits + " " * (2049 - len(fits)))


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("{}", "MalformedPolicyDocument"),
        ("no JSON", "MalformedPolicyDocument"),
        (policy("iam:*", "*", NotPrincipal="*"), "NotModelled"),
        (policy("iam:*", "*", Condition={"Bool": {"a": "true"}}), "NotModelled"),
    ],
)
@pytest.mark.usefixtures("role")
def test_a_session_policy_is_refused_rather_than_guessed(sts, refused, given, code):
    with refused(code):
        assume(sts, Policy=given)
    with refused("NotModelled"):
        assume(sts, PolicyArns=[{"arn": ROLE}])


@pytest.mark.usefixtures("iam")
def test_a_session_outlives_the_key_that_made_it(aws, refused):
    key = Credential.of(aws.out_of_band.create_key("app"))
    session = credential(aws.client("sts", key).get_session_token(DurationSeconds=900))
    aws.out_of_band.delete_key("app", key.access_key_id)
    with refused("InvalidClientTokenId"):
        aws.client("sts", key).get_caller_identity()
    assert aws.client("sts", session).get_caller_identity()["Arn"].endswith(":user/app")


def test_the_session_of_a_user_is_not_taken_by_iam(aws, sts, refused):
    session = credential(sts.get_session_token())
    with refused("InvalidClientTokenId"):
        aws.client("iam", session).list_users()
    aws.client("secretsmanager", session).list_secrets()


@pytest.mark.parametrize(
    "more", [{}, {"SerialNumber": "arn:aws:iam::1:mfa/a", "TokenCode": "123456"}]
)
def test_the_session_of_a_user_with_a_second_factor_is(strict, aws, sts, more):
    asked = []
    strict.authorise(lambda *question: asked.append(question[3]) or True)
    key = Credential.of(aws.out_of_band.create_key("administrator"))
    session = credential(aws.client("sts", key).get_session_token(**more))
    aws.client("secretsmanager", session).list_secrets()
    if more:
        aws.client("iam", session).list_users()


@pytest.mark.usefixtures("role")
def test_a_session_cannot_ask_for_a_session_token(aws, sts, refused):
    with refused("AccessDenied"):
        aws.client("sts", credential(assume(sts))).get_session_token()
