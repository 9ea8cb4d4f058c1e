"""The alarms, as data: what each one watches, the event that fires it, and its drill.

Where AWS reports no event there is no alarm, and `docs/infra.md` names it: a login with a suspended
or deleted key leaves no event, and no event says that a credential is too old.

Each alarm covers only its own connection, and fires for a failed attempt as for a success.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.aws.arns import account_arn, partition, path, topics_of
from providers.aws.iam import regions_of
from providers.aws.options import REHEARSAL
from providers.aws.patterns import ANY, NONE, by_one_of, by_others, calls, secrets, users
from rotation.interfaces import Scope
from rotation.permissions.naming import place
from rotation.types import PermissionSet

# The rule that counts the runner's looks, and the alarm on their absence.
LOOKS, SILENT = "runner-looks", "runner-silent"

# The alarm that can be provoked without harm: by asking for a secret that does not exist.
DENIED = "runner-denied"

# Events of IAM appear in this region, wherever the caller works.
IAM_REGION = "us-east-1"

# A rule that is only ENABLED gets no events of calls that only read.
EVERY_EVENT = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

RIGHTS = (
    "AttachRolePolicy", "CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion",
    "DeleteRole", "DeleteRolePermissionsBoundary", "DeleteRolePolicy",
    "DeleteUserPermissionsBoundary", "DetachRolePolicy", "PutRolePermissionsBoundary",
    "PutRolePolicy", "PutUserPermissionsBoundary", "SetDefaultPolicyVersion",
    "UpdateAssumeRolePolicy",
)  # fmt: skip
WATCH = (
    "AddPermission", "DeleteAlarms", "DeleteRule", "DeleteTopic", "DeleteTrail",
    "DisableAlarmActions", "DisableRule", "EnableRule", "PutEventSelectors", "PutMetricAlarm",
    "PutRule", "PutTargets", "RemovePermission", "RemoveTargets", "SetTopicAttributes",
    "StopLogging", "Unsubscribe", "UpdateTrail",
)  # fmt: skip
SECRET = (
    "CancelRotateSecret", "DeleteResourcePolicy", "DeleteSecret", "PutResourcePolicy",
    "RemoveRegionsFromReplication", "ReplicateSecretToRegions", "RestoreSecret", "RotateSecret",
    "StopReplicationToReplica", "TagResource", "UntagResource", "UpdateSecret",
)  # fmt: skip

# Services that a thief of the runner's base credentials would try.
BAIT = [f"{each}.amazonaws.com" for each in ("iam", "kms", "secretsmanager", "sts")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """events: the documented ones that fire it. drill: how to provoke it without harm."""

    name: str
    means: str
    region: str
    events: str
    pattern: Mapping[str, Any] = field(repr=False)
    drill: str
    state: str = "ENABLED"


def rule_name(scope: Scope, name: str) -> str:
    return scope.called(place(scope), name)


def undelivered_name(scope: Scope, name: str) -> str:
    """The name of the alarm on a rule whose topic refuses its events."""
    return f"{rule_name(scope, name)}-undelivered"


def topic_name(scope: Scope) -> str:
    """The topic's name. Each region that has a rule has one, because a rule can only notify its own
    region."""
    return scope.called(place(scope))


def own_trail(scope: Scope) -> str:
    """The ARN of the trail that a stack makes."""
    options = scope.options
    region = options.region
    called = topic_name(scope)
    return f"arn:{partition(region)}:cloudtrail:{region}:{options.account}:trail/{called}"


def trail_name(scope: Scope) -> str:
    """The name of the stack's trail, or of the one that exists already."""
    there: str | None = scope.options.alarm_trail
    return there.rpartition("/")[2] if there else topic_name(scope)


def fallback_name(scope: Scope) -> str:
    """The name of the topic for what the other topic did not accept: no key and no rule can stop
    it."""
    return f"{topic_name(scope)}-undelivered"


def alarms(scope: Scope) -> Iterator[Alarm]:
    """All alarms of the connection; none without a role, because then nothing can be told apart."""
    if not scope.options.roles:
        return
    home = regions_of(scope)
    if users(scope):
        yield _made(scope)
        yield _switched(scope)
    yield _rights(scope)
    for region in dict.fromkeys((*home, IAM_REGION)):
        yield _denied(scope, region)
        yield _watch(scope, region)
    if secrets(scope):
        for region in home:
            yield from (make(scope, region) for make in (_read, _moved, _secret))
            yield from _promotes(scope, region)


def _made(scope: Scope) -> Alarm:
    """The event of a new key names its user, even where the call did not."""
    return Alarm(
        name="key-made-elsewhere",
        means="somebody other than the runner made an access key for a user that is rotated",
        region=IAM_REGION,
        events="CloudTrail management event CreateAccessKey of iam.amazonaws.com",
        pattern=calls(
            ["iam"],
            ["CreateAccessKey"],
            {
                "responseElements": {"accessKey": {"userName": users(scope)}},
                "userIdentity": by_others(*_roles(scope, "mint")),
            },
        ),
        drill="make a key for a rotated user while nothing rotates, and delete it",
    )


def _switched(scope: Scope) -> Alarm:
    return Alarm(
        name="key-switched-on",
        means="somebody other than the runner switched an access key of a rotated user on",
        region=IAM_REGION,
        events="CloudTrail management event UpdateAccessKey of iam.amazonaws.com",
        pattern=calls(
            ["iam"],
            ["UpdateAccessKey"],
            {
                "requestParameters": {"status": ["Active"]},
                "$or": [
                    {"requestParameters": {"userName": users(scope)}},
                    {  # a trail of the installation's own
                        "requestParameters": {"userName": [NONE]},
                        "userIdentity": {"userName": users(scope)},
                    },
                ],
                "userIdentity": by_others(*_roles(scope, "revoke")),
            },
        ),
        drill="`aws iam update-access-key --status Active` of a key that is active",
    )


def _rights(scope: Scope) -> Alarm:
    """The names of the roles begin with their connection's name."""
    options = scope.options
    policies = account_arn(options, f"policy{path(scope)}{scope.called('')}")
    base = [options.runner.rpartition("/")[2]] if ":role/" in (options.runner or "") else []
    return Alarm(
        name="rights-changed",
        means="somebody other than the stack changed a role, a policy or a boundary of the runner",
        region=IAM_REGION,
        events="CloudTrail management events of iam.amazonaws.com on its roles and policies",
        pattern=calls(
            ["iam"],
            RIGHTS,
            {
                "requestParameters": {
                    "$or": [
                        {"roleName": [{"prefix": rule_name(scope, "")}, *base]},
                        {"policyArn": [{"prefix": policies}]},
                        {"userName": users(scope) or [""]},
                    ]
                },
                "userIdentity": by_others(*_stack(scope)),
            },
        ),
        drill="as somebody else than the deployer, put the trust of `contain` as it is",
    )


def _denied(scope: Scope, region: str) -> Alarm:
    """The base credentials may belong to a machine that others use too, so only calls that a thief
    would make count."""
    runner = scope.options.runner
    stolen = {"eventSource": BAIT, "userIdentity": by_one_of(runner)} if runner else None
    ours = {"userIdentity": by_one_of(*scope.options.roles.values())}
    return Alarm(
        name=DENIED,
        means="a call of the runner was denied: its policies, or somebody else's, are not right; "
        "or somebody has its credentials",
        region=region,
        events="CloudTrail management events with an errorCode of AccessDenied…",
        state=EVERY_EVENT,
        pattern={
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "errorCode": [{"prefix": "AccessDenied"}, "UnauthorizedOperation"],
                **({"$or": [ours, stolen]} if stolen else ours),
            },
        },
        drill="with the observe role, `aws secretsmanager get-secret-value` of any secret",
    )


def _watch(scope: Scope, region: str) -> Alarm:
    """Rules, topics, alarms and the trail, by their common prefix."""
    trail = trail_name(scope)
    ours: list[Any] = [{"prefix": rule_name(scope, "")}]
    made = f"arn:{partition(region)}:sns:{region}:{scope.options.account}:{topic_name(scope)}"
    there = [arn] if (arn := topics_of(scope.options).get(region)) else []
    return Alarm(
        name="watch-changed",
        means="somebody other than the stack changed a rule, a topic, an alarm or the trail",
        region=region,
        events="CloudTrail management events of EventBridge, SNS, CloudWatch and CloudTrail",
        pattern=calls(
            ["events", "sns", "monitoring", "cloudtrail"],
            WATCH,
            {
                "requestParameters": {
                    "$or": [
                        {"name": [*ours, trail, {"suffix": f":trail/{trail}"}]},
                        {"trailName": [trail, {"suffix": f":trail/{trail}"}]},
                        *({each: ours} for each in ("rule", "alarmName", "alarmNames")),
                        {"topicArn": [{"prefix": made}, *there]},
                        {
                            "subscriptionArn": [
                                {"prefix": made},
                                *({"prefix": f"{each}:"} for each in there),
                            ]
                        },
                    ]
                },
                "userIdentity": by_others(*_stack(scope)),
            },
        ),
        drill="as somebody else than the deployer, `aws events enable-rule` of one of the rules",
    )


def _read(scope: Scope, region: str) -> Alarm:
    return Alarm(
        name="pending-read",
        means="somebody other than the runner asked for a version that is not promoted yet, "
        "or for one by its id",
        region=region,
        events="CloudTrail management event GetSecretValue, a call that only reads",
        state=EVERY_EVENT,
        pattern=calls(
            ["secretsmanager"],
            ["GetSecretValue"],
            {
                "requestParameters": {
                    "secretId": secrets(scope),
                    "$or": [{"versionStage": ["AWSPENDING"]}, {"versionId": [ANY]}],
                },
                "userIdentity": by_others(*_roles(scope, "verify", "prove")),
            },
        ),
        drill="as a reader, `aws secretsmanager get-secret-value --version-stage AWSPENDING`",
    )


def _moved(scope: Scope, region: str) -> Alarm:
    return Alarm(
        name="version-moved",
        means="somebody other than the runner wrote a version or moved a label",
        region=region,
        events="CloudTrail management events PutSecretValue and UpdateSecretVersionStage",
        pattern=calls(
            ["secretsmanager"],
            ["PutSecretValue", "UpdateSecretVersionStage"],
            {
                "requestParameters": {"secretId": secrets(scope)},
                "userIdentity": by_others(*_roles(scope, "mint", "promote", "contain")),
            },
        ),
        drill="as somebody else, put a label of your own on the current version",
    )


def _promotes(scope: Scope, region: str) -> Iterator[Alarm]:
    """PutSecretValue has no condition on labels, so no policy can forbid this to the mint role."""
    for mint in _roles(scope, "mint"):
        staged = {"versionStages": [{"anything-but": ["AWSPENDING", REHEARSAL]}]}
        yield Alarm(
            name="mint-promotes",
            means="a session of the mint role wrote a version that is not only staged",
            region=region,
            events="CloudTrail management event PutSecretValue",
            pattern=calls(
                ["secretsmanager"],
                ["PutSecretValue"],
                {
                    "requestParameters": {"$or": [staged, {"versionStages": [NONE]}]},
                    "userIdentity": by_one_of(mint),
                },
            ),
            drill="with the mint role, `put-secret-value --version-stages DRILL`",
        )


def _secret(scope: Scope, region: str) -> Alarm:
    return Alarm(
        name="secret-changed",
        means="somebody other than the stack changed a secret, its policy, tags or replicas",
        region=region,
        events="CloudTrail management events of secretsmanager.amazonaws.com on its secrets",
        pattern=calls(
            ["secretsmanager"],
            SECRET,
            {
                "requestParameters": {"secretId": secrets(scope)},
                "userIdentity": by_others(*_stack(scope), *_roles(scope, "claim")),
            },
        ),
        drill="as somebody else than the deployer, put a tag of your own on a secret",
    )


def alive(roles: Mapping[str, str]) -> Mapping[str, Any]:
    """Every look of the runner. Silence is the only sign that the runner is gone, and that
    credentials therefore grow too old."""
    observe = by_one_of(roles[PermissionSet.OBSERVE])
    return calls(["secretsmanager"], ["DescribeSecret"], {"userIdentity": observe})


def _roles(scope: Scope, *sets: str) -> list[str]:
    return [scope.options.roles[each] for each in sets if each in scope.options.roles]


def _stack(scope: Scope) -> list[str]:
    """The identity that runs `pulumi up`."""
    return [scope.options.deployer] if scope.options.deployer else []


_OF_A_RULE: dict[str, Any] = {
    "namespace": "AWS/Events",
    "statistic": "Sum",
    "evaluation_periods": 1,
    "threshold": 1,
}

# Fires when an alarm was not delivered.
FAILED: dict[str, Any] = {
    **_OF_A_RULE,
    "metric_name": "FailedInvocations",
    "period": 300,
    "comparison_operator": "GreaterThanOrEqualToThreshold",
    "treat_missing_data": "notBreaching",  # EventBridge reports only failures
}

# Fires when the runner looked at nothing for a day.
SILENCE: dict[str, Any] = {
    **_OF_A_RULE,
    "metric_name": "MatchedEvents",
    "period": 86_400,
    "comparison_operator": "LessThanThreshold",
    "treat_missing_data": "breaching",
}
