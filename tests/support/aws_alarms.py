"""Alarms over a trail that was read, and the attacks that each is for."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from providers.aws.alarms import Alarm, alarms
from providers.aws.permissions import GRANTS
from providers.aws.testing.bus import assert_taken
from rotation.types import PermissionSet
from tests.providers.aws.trail import (
    ACCOUNT,
    COPY,
    HOME,
    IAM,
    ROOT,
    SERVICE,
    STRANGER,
    Event,
    by_role,
    by_user,
    call,
    key_made,
    role,
)
from tests.support.aws_policies import CONNECTION, INSTALLATION, parts, scope

ROLES = {
    str(under): role(f"rotation/{INSTALLATION}/rotation-{INSTALLATION}-main-{under}")
    for under in PermissionSet
}


RUNNER, DEPLOYER, READER, ADMIN = (
    role(name) for name in ("runner", "deployer", "billing", "administrator")
)


SECRET, USER = "prod/billing", "billing"
ARN = f"arn:aws:secretsmanager:{HOME}:{ACCOUNT}:secret:{SECRET}-AbCdEf"
TRAIL = f"rotation-{INSTALLATION}-main"
TOPIC = f"arn:aws:sns:{HOME}:{ACCOUNT}:{TRAIL}"


def watched(count: int = 1, **people: Any) -> tuple[Alarm, ...]:
    """The rules of a connection with so many secrets."""
    reply = {"roles": ROLES, "runner": RUNNER, "deployer": DEPLOYER, **people}
    names = [USER, *(f"application-number-{n}" for n in range(1, count))]
    secrets = [parts(name, replicas=(COPY,)) for name in names]
    rules = tuple(alarms(scope(*secrets, options=replace(CONNECTION, **reply))))
    for each in rules:
        assert_taken(each.pattern)
    return rules


def by_set(under: str) -> dict[str, Any]:
    return by_role(ROLES[under])


def get(by: dict[str, Any], region: str = HOME, secret: str = SECRET, **what: str) -> Event:
    return call("secretsmanager:GetSecretValue", by, region, secretId=secret, **what)


def put(by: dict[str, Any], secret: str = SECRET, **what: Any) -> Event:
    return call(
        "secretsmanager:PutSecretValue", by, secretId=secret, clientRequestToken="t" * 32, **what
    )


def move(by: dict[str, Any], secret: str = SECRET) -> Event:
    return call(
        "secretsmanager:UpdateSecretVersionStage", by, secretId=secret,
        versionStage="AWSCURRENT", moveToVersionId="v" * 32, removeFromVersionId="w" * 32,
    )  # fmt: skip


def switched(by: dict[str, Any], status: str, **user: str) -> Event:
    return call("iam:UpdateAccessKey", by, IAM, accessKeyId="EXAMPLE", status=status, **user)


def secret(action: str, by: dict[str, Any], name: str = SECRET, **what: Any) -> Event:
    return call(f"secretsmanager:{action}", by, secretId=name, **what)


def denied(action: str, by: dict[str, Any], region: str = HOME, **what: Any) -> Event:
    return call(action, by, region, error="AccessDenied", **what)


ATTACKS: dict[str, tuple[str, Event]] = {
    "pending by its label": ("pending-read", get(by_role(READER), versionStage="AWSPENDING")),
    "pending by its id": ("pending-read", get(by_role(READER), secret=ARN, versionId="v" * 32)),
    "pending of a copy": (
        "pending-read",
        get(by_user("eve"), COPY, ARN.replace(HOME, COPY), versionId="v" * 32),
    ),
    "pending without the end of its ARN": (
        "pending-read",
        get(ROOT, secret=ARN[:-7], versionId="v" * 32),
    ),
    "base credentials try claim": (
        "runner-denied",
        denied("sts:AssumeRole", by_role(RUNNER), roleArn=ROLES["claim"]),
    ),
    "base credentials look around": (
        "runner-denied",
        denied("iam:ListUsers", by_role(RUNNER), IAM),
    ),
    "a set tries what it may not": (
        "runner-denied",
        denied("iam:CreateUser", by_set("mint"), IAM, userName="eve"),
    ),
    "mint makes its own value current": (
        "mint-promotes",
        put(by_set("mint"), versionStages=["AWSPENDING", "AWSCURRENT"]),
    ),
    "mint names no label, which means current": ("mint-promotes", put(by_set("mint"))),
    "somebody writes a value": ("version-moved", put(by_user("eve"))),
    "somebody of another account moves a label": ("version-moved", move(STRANGER, ARN)),
    "the deployer moves a label": ("version-moved", move(by_role(DEPLOYER))),
    "the resource policy goes": (
        "secret-changed",
        secret("DeleteResourcePolicy", by_role(ADMIN), ARN),
    ),
    "a tag that permissions hang on": ("secret-changed", secret("TagResource", by_set("mint"))),
    "another rotator": ("secret-changed", secret("RotateSecret", by_role(ADMIN))),
    "a rule goes": (
        "watch-changed",
        call("events:DisableRule", by_role(ADMIN), name=f"{TRAIL}-pending-read"),
    ),
    "a target goes": (
        "watch-changed",
        call("events:RemoveTargets", by_role(ADMIN), rule=f"{TRAIL}-pending-read", ids=["1"]),
    ),
    "the trail stops": (
        "watch-changed",
        call("cloudtrail:StopLogging", ROOT, name=f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/{TRAIL}"),
    ),
    "the trail leaves things out": (
        "watch-changed",
        call("cloudtrail:PutEventSelectors", by_role(ADMIN), trailName=TRAIL),
    ),
    "somebody is unsubscribed": (
        "watch-changed",
        call("sns:Unsubscribe", by_role(ADMIN), subscriptionArn=f"{TOPIC}:0f3a"),
    ),
    "the alarm on silence goes": (
        "watch-changed",
        call("monitoring:DeleteAlarms", by_role(ADMIN), alarmNames=[f"{TRAIL}-runner-silent"]),
    ),
    "a trust changes": (
        "rights-changed",
        call("iam:UpdateAssumeRolePolicy", by_role(ADMIN), IAM, roleName=f"{TRAIL}-mint"),
    ),
    "the runner itself gets more": (
        "rights-changed",
        call("iam:PutRolePolicy", by_role(ADMIN), IAM, roleName="runner", policyName="p"),
    ),
    "a boundary changes": (
        "rights-changed",
        call(
            "iam:CreatePolicyVersion", by_role(ADMIN), IAM,
            policyArn=f"arn:aws:iam::{ACCOUNT}:policy/rotation/{INSTALLATION}/rotation-{INSTALLATION}-main-boundary",
        ),
    ),
    "a user's boundary goes": (
        "rights-changed",
        call("iam:DeleteUserPermissionsBoundary", by_role(ADMIN), IAM, userName=USER),
    ),
    "a key is made": ("key-made-elsewhere", key_made(by_role(ADMIN), USER, userName=USER)),
    "a user makes itself a key": ("key-made-elsewhere", key_made(by_user(USER), USER)),
    "another set makes a key": (
        "key-made-elsewhere",
        key_made(by_set("contain"), USER, userName=USER),
    ),
    "contain switches a leaked key on": (
        "key-switched-on",
        switched(by_set("contain"), "Active", userName=USER),
    ),
    "a user switches its own key on": ("key-switched-on", switched(by_user(USER), "Active")),
}  # fmt: skip


Day = Callable[[random.Random], Iterator[Event]]


def rotations(_: random.Random) -> Iterator[Event]:
    """Every call of every set on what is its own, as often as there are labels for it."""
    for kind, sets in GRANTS.items():
        for under, grants in sets.items():
            for grant in grants:
                if kind == "aws-secrets-manager" and grant.resource == "secret":
                    yield from _of_grant(grant.action, by_set(under), grant.labels)
    for status in ("Inactive", "Active"):
        yield switched(by_set("revoke"), status, userName=USER)
    yield switched(by_set("contain"), "Inactive", userName=USER)
    yield key_made(by_set("mint"), USER, userName=USER)
    yield call("iam:ListAccessKeys", by_set("observe"), IAM, userName=USER)
    yield call("sts:AssumeRole", by_role(RUNNER), roleArn=ROLES["mint"])
    yield call("iam:SimulatePrincipalPolicy", by_role(RUNNER), IAM, policySourceArn=ROLES["mint"])


def _of_grant(action: str, by: dict[str, Any], labels: tuple[str, ...]) -> Iterator[Event]:
    if action == "secretsmanager:PutSecretValue":
        yield put(by, versionStages=["AWSPENDING"])
        yield put(by, versionStages=["ROTATION_REHEARSAL"])
    elif labels:
        for label in labels:
            yield call(action, by, secretId=SECRET, versionStage=label)
    else:
        yield call(action, by, secretId=SECRET, versionId="v" * 32)


def readers(chance: random.Random) -> Iterator[Event]:
    for _ in range(chance.randint(20, 60)):
        region, name = chance.choice([(HOME, SECRET), (HOME, ARN), (COPY, SECRET)])
        label = chance.choice([{}, {"versionStage": "AWSCURRENT"}, {"versionStage": "AWSPREVIOUS"}])
        yield get(by_role(READER), region, name, **label)
    yield denied("s3:GetObject", by_role(READER), bucketName="b")


def neighbours(chance: random.Random) -> Iterator[Event]:
    """AWS's own Lambda rotation, other installations, people with keys of their own."""
    function = by_role(role("service-role/rotation-function"))
    other = by_role(role("rotation/ffffffffffff/rotation-other-mint"))
    for _ in range(chance.randint(5, 25)):
        name = chance.choice(["prod/orders", "prod/billing2", "dev/billing", "billing"])
        by = chance.choice([function, other])
        yield put(by, name, versionStages=["AWSPENDING"])
        yield get(by, secret=name, versionId="v" * 32, versionStage="AWSPENDING")
        yield move(by, name)
        yield secret("PutResourcePolicy", by_role(ADMIN), name)
    for person in chance.sample(["ann", "bob", "cy", "billing-people"], 2):
        yield key_made(by_user(person), person)
        yield key_made(by_role(ADMIN), person, userName=person)
        yield switched(by_user(person), "Active")
        yield switched(by_role(ADMIN), "Active", userName=person)
        yield denied("secretsmanager:GetSecretValue", by_user(person), secretId=SECRET)
    yield put(other, "prod/orders")


def operations(chance: random.Random) -> Iterator[Event]:
    """Other teams' rules, roles, trails and topics; and the services themselves."""
    by = chance.choice([by_role(ADMIN), by_user("ann"), ROOT])
    yield call("events:DisableRule", by, name="nightly-rotation")
    yield call("events:PutRule", by, IAM, name="rotation-ffffffffffff-main-pending-read")
    yield call("sns:SetTopicAttributes", by, topicArn=f"arn:aws:sns:{HOME}:{ACCOUNT}:orders")
    yield call("monitoring:PutMetricAlarm", by, alarmName="orders-slow")
    yield call("cloudtrail:StopLogging", by, name="orders")
    yield call("iam:UpdateAssumeRolePolicy", by, IAM, roleName="orders")
    yield call("iam:AttachRolePolicy", by, IAM, roleName="orders",
               policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")  # fmt: skip
    yield call("iam:PutUserPermissionsBoundary", by, IAM, userName="ann")
    # The runner's machine has an agent that is not allowed everything.
    yield denied("ssm:UpdateInstanceInformation", by_role(RUNNER))
    yield secret("ReplicateSecretToRegions", SERVICE)
    yield call("kms:Decrypt", SERVICE, keyId="mrk")


def deployments(_: random.Random) -> Iterator[Event]:
    by = by_role(DEPLOYER)
    yield secret("TagResource", by)
    yield secret("PutResourcePolicy", by, ARN)
    yield secret("UpdateSecret", by)
    yield secret("TagResource", by_set("claim"))
    yield call("events:PutRule", by, name=f"{TRAIL}-pending-read")
    yield call("events:PutTargets", by, rule=f"{TRAIL}-pending-read")
    yield call("sns:SetTopicAttributes", by, topicArn=TOPIC)
    yield call("monitoring:PutMetricAlarm", by, alarmName=f"{TRAIL}-runner-silent")
    yield call("cloudtrail:UpdateTrail", by, name=TRAIL)
    yield call("iam:UpdateAssumeRolePolicy", by, IAM, roleName=f"{TRAIL}-mint")
    yield call("iam:PutUserPermissionsBoundary", by, IAM, userName=USER)


DAYS: tuple[Day, ...] = (rotations, readers, neighbours, operations, deployments)
