"""What a principal may do is decided by the tests: a list of denials, or a hook."""

import json

import pytest

from providers.aws.testing import Credential
from providers.aws.testing.policies import identity_policies

APP = "arn:aws:iam::123456789012:user/app"
SECRET = "app/db"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"


@pytest.fixture
def as_app(aws, iam):
    key = Credential.of(aws.out_of_band.create_key("app"))
    return lambda service: aws.client(service, key)


@pytest.fixture
def asked(strict):
    """Allow everything, and write down what was asked."""
    questions = []

    def hook(principal, action, resource, context):
        questions.append((principal, action, resource, dict(context)))
        return True

    strict.authorise(hook)
    return questions


def test_a_denied_action_is_refused_in_the_words_of_the_service(aws, sm, iam, refused):
    aws.gate.deny("secretsmanager:GetSecretValue")
    aws.gate.deny("iam:Delete*")
    with refused("AccessDeniedException"):
        sm.get_secret_value(SecretId=SECRET)
    with refused("AccessDenied"):
        iam.delete_user(UserName="app")
    iam.get_user(UserName="app")
    aws.gate.clear()
    iam.delete_user(UserName="app")


def test_a_denial_may_mean_one_principal_or_one_resource(aws, iam, sm, as_app, refused):
    aws.gate.deny("iam:ListUsers", "*:user/app")
    with refused("AccessDenied"):
        as_app("iam").list_users()
    iam.list_users()
    aws.gate.deny("secretsmanager:*", "*", "*:secret:app/db-*")
    sm.create_secret(Name="other")
    with refused("AccessDeniedException"):
        sm.describe_secret(SecretId=SECRET)


def test_a_denied_call_changes_nothing(aws, sm, refused):
    aws.gate.deny("secretsmanager:PutSecretValue")
    with refused("AccessDeniedException"):
        sm.put_secret_value(SecretId=SECRET, SecretString="one")
    assert aws.oracle.versions(SECRET) == {}


def test_who_am_i_is_never_denied(aws, sts):
    aws.gate.deny("sts:*")
    sts.get_caller_identity()


def test_the_hook_is_asked_with_arn_and_condition_keys(aws, sm, as_app, asked):
    aws.out_of_band.put_secret(SECRET, "one", labels=["AWSPENDING"])
    aws.out_of_band.tag_secret(SECRET, {"rotation:managed": "true"})
    as_app("secretsmanager").get_secret_value(SecretId=SECRET, VersionStage="AWSPENDING")
    [(principal, action, resource, context)] = asked
    assert (principal, action) == (APP, "secretsmanager:GetSecretValue")
    assert resource == sm.describe_secret(SecretId=SECRET)["ARN"]
    expected = {
        "secretsmanager:VersionStage": "AWSPENDING",
        "aws:ResourceTag/rotation:managed": "true",
        "secretsmanager:ResourceTag/rotation:managed": "true",
        "aws:RequestedRegion": "eu-central-1",
        "aws:username": "app",
    }
    assert expected.items() <= context.items()
    assert "secretsmanager:VersionId" not in context


def test_a_put_has_no_key_for_its_labels(aws, sm, as_app, asked):
    as_app("secretsmanager").put_secret_value(
        SecretId=SECRET, SecretString="one", VersionStages=["AWSPENDING"]
    )
    [(_, _, _, context)] = asked
    assert not {key for key in context if key.startswith("secretsmanager:Version")}


def test_iam_calls_are_about_a_user_with_path_and_tags(iam, as_app, asked):
    iam.create_user(
        UserName="other", Path="/rotated/", Tags=[{"Key": "rotation:owner", "Value": "abc"}]
    )
    client = as_app("iam")
    key = client.create_access_key(UserName="other")["AccessKey"]["AccessKeyId"]
    client.get_access_key_last_used(AccessKeyId=key)
    client.list_access_keys()
    assert [(action, resource.split(":")[-1]) for _, action, resource, _ in asked] == [
        ("iam:CreateAccessKey", "user/rotated/other"),
        ("iam:GetAccessKeyLastUsed", "user/rotated/other"),
        ("iam:ListAccessKeys", "user/app"),
    ]
    assert asked[0][3]["iam:ResourceTag/rotation:owner"] == "abc"


def test_a_policy_is_a_condition_of_attaching_it(iam, as_app, asked, refused):
    with refused("NoSuchEntity"):
        as_app("iam").attach_user_policy(
            UserName="app", PolicyArn="arn:aws:iam::123456789012:policy/quarantine"
        )
    [(_, _, resource, context)] = asked
    assert resource == APP
    assert context["iam:PolicyARN"].endswith("policy/quarantine")


def test_a_role_is_the_resource_of_assuming_it(iam, as_app, asked):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument="{}")
    arn = "arn:aws:iam::123456789012:role/runner"
    session = as_app("sts").assume_role(RoleArn=arn, RoleSessionName="attempt", ExternalId="ex")
    [(_, action, resource, context)] = asked
    assert (action, resource) == ("sts:AssumeRole", arn)
    assert context["sts:RoleSessionName"] == "attempt"
    assert context["sts:ExternalId"] == "ex"
    assert session["AssumedRoleUser"]["Arn"].endswith("/runner/attempt")


def test_a_session_is_known_by_its_issue_time(aws, iam, sts, asked):
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument="{}")
    made = sts.assume_role(
        RoleArn="arn:aws:iam::123456789012:role/runner", RoleSessionName="attempt"
    )["Credentials"]
    session = Credential.of(made)
    aws.client("iam", session).list_users()
    [(principal, _, _, context)] = asked
    assert principal == "arn:aws:sts::123456789012:assumed-role/runner/attempt"
    assert context["aws:PrincipalArn"] == "arn:aws:iam::123456789012:role/runner"
    assert "aws:TokenIssueTime" in context
    assert "aws:username" not in context


def test_the_hook_decides(strict, aws, iam, as_app, refused):
    strict.authorise(lambda _principal, action, _resource, _context: action != "iam:ListUsers")
    with refused("AccessDenied"):
        as_app("iam").list_users()
    as_app("iam").get_user()
    iam.list_users()


def test_the_hook_is_asked_about_a_key_of_the_customer(sm, as_app, asked):
    sm.create_secret(Name="own", KmsKeyId=KEY)
    client = as_app("secretsmanager")
    client.put_secret_value(SecretId="own", SecretString="one")
    client.get_secret_value(SecretId="own")
    kms = [(action, context) for _, action, key, context in asked if key == KEY]
    assert [action for action, _ in kms] == ["kms:GenerateDataKey", "kms:Decrypt", "kms:Decrypt"]
    assert kms[0][1]["kms:ViaService"] == "secretsmanager.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_the_key_can_be_denied(aws, sm, refused, action):
    aws.out_of_band.put_secret(SECRET, "one")
    aws.gate.deny(action)
    with refused("AccessDeniedException"):
        sm.put_secret_value(SecretId=SECRET, SecretString="two")
    assert len(aws.oracle.versions(SECRET)) == 1


def test_reading_needs_only_decryption(aws, sm, refused):
    aws.out_of_band.put_secret(SECRET, "one")
    aws.gate.deny("kms:GenerateDataKey")
    sm.get_secret_value(SecretId=SECRET)
    aws.gate.deny("kms:Decrypt")
    with refused("AccessDeniedException"):
        sm.get_secret_value(SecretId=SECRET)


def test_a_simulation_asks_the_hook_what_a_call_would_ask(strict, aws, iam, as_app):
    questions = []

    def hook(principal, action, resource, context):
        questions.append((principal, action, resource, dict(context)))
        return action != "iam:DeleteAccessKey"

    role = "arn:aws:iam::123456789012:role/runner"
    strict.authorise(hook)
    reply = as_app("iam").simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=["iam:CreateAccessKey", "iam:DeleteAccessKey"],
        ResourceArns=[APP],
        ContextEntries=[
            {"ContextKeyName": "aws:TagKeys", "ContextKeyType": "stringList",
             "ContextKeyValues": ["a", "b"]},
        ],
    )  # fmt: skip
    assert [each["EvalDecision"] for each in reply["EvaluationResults"]] == [
        "allowed", "implicitDeny",
    ]  # fmt: skip
    assert questions[0][:3] == (APP, "iam:SimulatePrincipalPolicy", role)
    assert questions[1] == (role, "iam:CreateAccessKey", APP, {"aws:TagKeys": ["a", "b"]})


def test_a_simulation_answers_once_per_action_and_for_each_resource_beside_it(strict, as_app):
    """IAM's API reference, EvaluationResult: the decision at the top is the strictest of all."""
    strict.authorise(lambda principal, action, resource, context: not resource.endswith("/b"))
    [reply] = as_app("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/runner",
        ActionNames=["iam:CreateAccessKey"],
        ResourceArns=[f"arn:aws:iam::123456789012:user/{name}" for name in "ab"],
    )["EvaluationResults"]
    assert reply["EvalDecision"] == "implicitDeny"
    each = [one["EvalResourceDecision"] for one in reply["ResourceSpecificResults"]]
    assert each == ["allowed", "implicitDeny"]


def test_policies_of_a_session_are_those_of_its_role(strict, iam):
    statement = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="runner", Path="/rotation/", AssumeRolePolicyDocument="{}")
    iam.put_role_policy(RoleName="runner", PolicyName="own", PolicyDocument=document)
    state = strict._server.control_plane.world.state
    session = "arn:aws:sts::123456789012:assumed-role/runner/attempt"
    assert identity_policies(state, session) == [document]
