"""What is worth waking somebody for, as data: each alarm, the event that fires it, and its drill.

What AWS does not tell has no alarm here, and `docs/infra.md` names it: a login with a suspended or
deleted key leaves no event, and no event says that a credential is too old.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rotation.interfaces import Scope
from rotation.types import PermissionSet

LOOKS, SILENT = "runner-looks", "runner-silent"
"""The rule that counts the runner's looks, and the alarm on their absence."""

DENIED = "runner-denied"
"""The alarm that can be provoked without harm: by asking for a secret that does not exist."""

IAM_REGION = "us-east-1"
"""Where the events of IAM appear, whatever region one works in."""

EVERY_EVENT = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
"""A rule that is only ENABLED never hears of calls that only read."""


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
    return scope.called(scope.connection, name)


def undelivered_name(scope: Scope, name: str) -> str:
    """Of the alarm on a rule whose topic does not take what it tells."""
    return f"{rule_name(scope, name)}-undelivered"


def topic_name(scope: Scope) -> str:
    """In each region that has a rule, for a rule can only tell its own region."""
    return scope.called(scope.connection)


def fallback_name(scope: Scope) -> str:
    """Of the topic that takes what the other one did not: no key and no rule stands before it."""
    return f"{topic_name(scope)}-undelivered"


def alarms(roles: Mapping[str, str], regions: tuple[str, ...]) -> Iterator[Alarm]:
    """regions: where the secrets are. Without a role there is nobody to watch."""
    if not roles:
        return
    yield from _mint(roles)
    for region in dict.fromkeys((*regions, IAM_REGION)):
        yield from _denied(roles, region)
    for region in regions:
        yield from _pending(roles, region)


def _mint(roles: Mapping[str, str]) -> Iterator[Alarm]:
    mint = roles.get(PermissionSet.MINT)
    if mint is not None:
        yield Alarm(
            name="key-made-elsewhere",
            means="somebody other than the runner made an access key",
            region=IAM_REGION,
            events="CloudTrail management event CreateAccessKey of iam.amazonaws.com",
            pattern=_calls(
                "iam", {"eventName": ["CreateAccessKey"], "$or": [_by_other(mint), _by_no_role()]}
            ),
            drill="make an access key for a user without permissions, then delete it",
        )


def _pending(roles: Mapping[str, str], region: str) -> Iterator[Alarm]:
    verify = roles.get(PermissionSet.VERIFY)
    if verify is not None:
        yield Alarm(
            name="pending-read",
            means="somebody other than the runner asked for a version that is not promoted yet",
            region=region,
            events="CloudTrail management event GetSecretValue, a call that only reads",
            state=EVERY_EVENT,
            pattern=_calls(
                "secretsmanager",
                {
                    "eventName": ["GetSecretValue"],
                    "requestParameters": {"versionStage": ["AWSPENDING"]},
                    "$or": [_by_other(verify), _by_no_role()],
                },
            ),
            drill="as a reader, `aws secretsmanager get-secret-value --version-stage AWSPENDING`",
        )


def _denied(roles: Mapping[str, str], region: str) -> Iterator[Alarm]:
    yield Alarm(
        name=DENIED,
        means="a call of the runner was denied: its policies, or somebody else's, are not right",
        region=region,
        events="CloudTrail management events with an errorCode of AccessDenied…",
        state=EVERY_EVENT,
        pattern={
            "detail-type": ["AWS API Call via CloudTrail"],
            "detail": {
                "errorCode": [{"prefix": "AccessDenied"}, "UnauthorizedOperation"],
                "userIdentity": {
                    "sessionContext": {"sessionIssuer": {"arn": sorted(roles.values())}}
                },
            },
        },
        drill="with the observe role, `aws secretsmanager get-secret-value` of any secret",
    )


def alive(roles: Mapping[str, str]) -> Mapping[str, Any]:
    """Every look of the runner. Silence is the one sign of a runner that is gone, and with it of
    credentials that get too old."""
    observe = roles[PermissionSet.OBSERVE]
    issuer = {"sessionContext": {"sessionIssuer": {"arn": [observe]}}}
    return {
        "source": ["aws.secretsmanager"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": ["DescribeSecret"], "userIdentity": issuer},
    }


def _calls(service: str, detail: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "source": [f"aws.{service}"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventSource": [f"{service}.amazonaws.com"], **detail},
    }


def _by_other(role: str) -> Mapping[str, Any]:
    return {
        "userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [{"anything-but": [role]}]}}}
    }


def _by_no_role() -> Mapping[str, Any]:
    """Without a session there is no issuer, and what is absent is not anything but ours."""
    return {"userIdentity": {"sessionContext": {"sessionIssuer": {"arn": [{"exists": False}]}}}}
