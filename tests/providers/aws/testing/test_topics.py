from typing import Any

import pytest

from providers.aws.testing.topics import ALARMS, EVENTS, publishes

TOPIC = "arn:aws:sns:eu-central-1:111122223333:alarms"
HERE = {"StringEquals": {"aws:SourceAccount": "111122223333"}}
ELSEWHERE = {"StringEquals": {"aws:SourceAccount": "444455556666"}}


def policy(service: str, actions: list[str], resource: str, **more: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow", "Principal": {"Service": [service]}, "Action": actions,
        "Resource": resource, **more,
    }  # fmt: skip
    return {"Version": "2012-10-17", "Statement": [statement]}


def of_topic(service: str, **more: Any) -> dict[str, Any]:
    return policy(service, ["sns:Publish"], TOPIC, **more)


def of_key(service: str, **more: Any) -> dict[str, Any]:
    return policy(service, ["kms:Decrypt", "kms:GenerateDataKey"], "*", **more)


def test_eventbridge_meets_no_condition() -> None:
    assert publishes(EVENTS, TOPIC, of_topic(EVENTS))
    assert not publishes(EVENTS, TOPIC, of_topic(EVENTS, Condition=HERE))
    assert not publishes(EVENTS, TOPIC, of_topic(EVENTS), of_key(EVENTS, Condition=HERE))


def test_cloudwatch_tells_its_account() -> None:
    assert publishes(ALARMS, TOPIC, of_topic(ALARMS, Condition=HERE))
    assert not publishes(ALARMS, TOPIC, of_topic(ALARMS, Condition=ELSEWHERE))


@pytest.mark.parametrize("service", [EVENTS, ALARMS])
def test_an_encrypted_topic_needs_its_key_too(service: str) -> None:
    other = {EVENTS: ALARMS, ALARMS: EVENTS}[service]
    assert publishes(service, TOPIC, of_topic(service), of_key(service))
    assert not publishes(service, TOPIC, of_topic(service), of_key(other))
